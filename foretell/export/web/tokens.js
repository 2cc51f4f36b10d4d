// The tokenizer: it gives the same word ids as foretell's tokenizer in Python.

const UNKNOWN_IN_WHITE_SPACE_STYLE = -1;

export class Tokens {
  // `vocabulary` is the content of tokenizer.json, `rules` the entry "tokens" of model.json.
  constructor(vocabulary, rules) {
    // A Map, because a word can be "__proto__".
    this.ids = new Map(Object.entries(vocabulary.model.vocab));
    this.rules = rules;
    this.unknown = rules.unknown ?? UNKNOWN_IN_WHITE_SPACE_STYLE;
    this.words = Array.from({ length: rules.size });
    for (const [word, id] of this.ids) if (id < rules.size) this.words[id] = word;
    // model.json lists the letters and the white space that Python used. JavaScript engines have other versions of
    // Unicode.
    const { spaces } = rules;
    this.patterns = {
      words: new RegExp(rules.scripts ? patternByScripts(rules) : pattern(rules), "gu"),
      keras: /[^!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n ]+/gu,
      "white-space": new RegExp(`[^${spaces}\\x1c-\\x1f]+`, "gu"),
    };
  }

  // Returns the ids of the words of `text`. An unknown word has the id -1 if the style has no id for unknown words.
  encode(text) {
    const ids = this.split(text).map((word) => this.id(word));
    return this.rules.start === null ? ids : [this.rules.start, ...ids];
  }

  // Returns the words of `text`, in lower case if the tokenizer uses lower case.
  split(text) {
    const { style, lowercase } = this.rules;
    // Unpaired surrogates cannot be words: they become U+FFFD.
    let prepared = text.replace(/\p{Surrogate}/gu, "\ufffd");
    if (style === "words") prepared = prepared.normalize("NFC");
    // Keras converts a text as a whole, which gives the Greek final sigma. The other styles convert each letter.
    if (lowercase && style === "keras") prepared = prepared.toLowerCase();
    if (lowercase) prepared = Array.from(prepared, (letter) => letter.toLowerCase()).join("");
    return prepared.match(this.patterns[style]) ?? [];
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

// The pattern of the words of version 1 of the style.
function pattern({ letters, spaces }) {
  return `<unk>|[${letters}]+(?:['’][${letters}]+)*|[^${letters}${spaces}]`;
}

// The pattern of version 2: characters of scripts without spaces, words, flags, and symbols with what extends them.
function patternByScripts({ letters, spaces, scripts }) {
  const word = `(?:(?![${scripts.unspaced}])[${letters}])+`;
  const symbol = `[^${letters}${spaces}]`;
  const symbols = `[${scripts.regional}]{2}|${symbol}(?:[${scripts.extending}]|\u200d${symbol})*`;
  return `<unk>|${scripts.character}|${word}(?:['’]${word})*|${symbols}`;
}
