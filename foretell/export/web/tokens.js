// The tokenizer: it gives the same word ids as foretell's tokenizer in Python.

const UNKNOWN_IN_WHITE_SPACE_STYLE = -1;

export class Tokens {
  // `vocabulary` is the content of tokenizer.json, `rules` the entry "tokens" of model.json.
  constructor(vocabulary, rules) {
    // A Map, because a word can be "__proto__".
    this.ids = new Map(Object.entries(vocabulary.model.vocab));
    this.rules = rules;
    // Whether every text has tokens: a character that is none becomes its UTF-8 bytes.
    this.isOpen = rules.first_byte !== null;
    // The pairs of ids that are joined, each with its rank and the id of both together.
    this.merges = new Map((vocabulary.model.merges ?? []).map(([left, right], rank) =>
      [`${this.ids.get(left)} ${this.ids.get(right)}`, { rank, id: this.ids.get(left + right) }]));
    this.unknown = rules.unknown ?? UNKNOWN_IN_WHITE_SPACE_STYLE;
    this.words = Array.from({ length: rules.size });
    for (const [word, id] of this.ids) if (id < rules.size) this.words[id] = word;
    // model.json lists the letters and the white space that Python used. JavaScript engines have other versions of
    // Unicode.
    const { spaces } = rules;
    this.patterns = {
      // Only the rules of this style have scripts.
      words: rules.scripts && new RegExp(patternOfWords(rules), "gu"),
      keras: /[^!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n ]+/gu,
      "white-space": new RegExp(`[^${spaces}\\x1c-\\x1f]+`, "gu"),
      subword: new RegExp(patternOfRuns(rules), "gu"),
      char: /[\s\S]/gu,
    };
  }

  // Returns the ids of the words of `text`. An unknown word has the id -1 if the style has no id for unknown words.
  encode(text) {
    if (this.isOpen) return this.split(text).flatMap((run) => this.#joined(run));
    const ids = this.split(text).map((word) => this.id(word));
    return this.rules.start === null ? ids : [this.rules.start, ...ids];
  }

  // Returns the words of `text`, in lower case if the tokenizer uses lower case; with an open vocabulary the runs of
  // characters that are encoded one by one.
  split(text) {
    const { style, lowercase } = this.rules;
    // Unpaired surrogates cannot be words: they become U+FFFD.
    let prepared = text.replace(/\p{Surrogate}/gu, "\ufffd");
    if (style === "words" || this.isOpen) prepared = prepared.normalize("NFC");
    // Keras converts a text as a whole, which gives the Greek final sigma. The other styles convert each letter.
    if (lowercase && style === "keras") prepared = prepared.toLowerCase();
    if (lowercase) prepared = Array.from(prepared, (letter) => letter.toLowerCase()).join("");
    return prepared.match(this.patterns[style]) ?? [];
  }

  // Returns the ids of a run of characters: the pair of the lowest rank is joined until there is none.
  #joined(run) {
    const ids = Array.from(run).flatMap((character) => this.ids.get(character) ?? this.#bytes(character));
    for (;;) {
      let best = null;
      let at = -1;
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = this.merges.get(`${ids[i]} ${ids[i + 1]}`);
        if (merge && (!best || merge.rank < best.rank)) [best, at] = [merge, i];
      }
      if (!best) return ids;
      ids.splice(at, 2, best.id);
    }
  }

  #bytes(character) {
    return Array.from(new TextEncoder().encode(character), (byte) => this.rules.first_byte + byte);
  }

  id(word) {
    const id = this.ids.get(word);
    return id === undefined || id >= this.rules.size ? this.unknown : id;
  }

  // Returns whether `text` contains only white space.
  isBlank(text) {
    return text.search(this.patterns["white-space"]) < 0;
  }

  word(id) {
    return this.words[id] ?? "<unk>";
  }
}

// The pattern of the words: characters of scripts without spaces, words, flags, and symbols with what extends them.
function patternOfWords({ letters, spaces, scripts }) {
  const word = `(?:(?![${scripts.unspaced}])[${letters}])+`;
  const symbol = `[^${letters}${spaces}]`;
  const symbols = `[${scripts.regional}]{2}|${symbol}(?:[${scripts.extending}]|\u200d${symbol})*`;
  return `<unk>|${scripts.character}|${word}(?:['’]${word})*|${symbols}`;
}

// The pattern of the runs of "subword": letters or signs with the space before them, or one white space character.
function patternOfRuns({ letters, spaces, max_run: max }) {
  const word = `[${letters}]{1,${max}}`;
  return ` ?${word}(?:['’]${word})?| ?[^${letters}${spaces}]{1,${max}}|[${spaces}]`;
}
