// Texts to word ids, exactly as foretell's tokenizer does it in Python.

const UNKNOWN_OF_WHITE_SPACE = -1;

export class Tokens {
  // `vocabulary` is what tokenizer.json holds, `rules` what model.json says under "tokens".
  constructor(vocabulary, rules) {
    // A Map, since a word may be "__proto__".
    this.ids = new Map(Object.entries(vocabulary.model.vocab));
    this.rules = rules;
    this.unknown = rules.unknown ?? UNKNOWN_OF_WHITE_SPACE;
    this.words = Array.from({ length: rules.size });
    for (const [word, id] of this.ids) if (id < rules.size) this.words[id] = word;
    // The classes come from the regular expressions that made the model, so that no engine's Unicode matters.
    const { letters, spaces } = rules;
    this.patterns = {
      words: new RegExp(`<unk>|[${letters}]+(?:['’][${letters}]+)*|[^${letters}${spaces}]`, "gu"),
      keras: /[^!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~\t\n ]+/gu,
      "white-space": new RegExp(`[^${spaces}\\x1c-\\x1f]+`, "gu"),
    };
  }

  // The ids of the words of `text`, an array of numbers; -1 for an unknown word where the style has no id for it.
  encode(text) {
    const ids = this.split(text).map((word) => this.id(word));
    return this.rules.start === null ? ids : [this.rules.start, ...ids];
  }

  split(text) {
    const { style, lowercase } = this.rules;
    // Half of a surrogate pair is no letter.
    let prepared = text.replace(/\p{Surrogate}/gu, "\ufffd");
    if (style === "words") prepared = prepared.normalize("NFC");
    // Keras lowers a text as a whole, which knows the Greek final sigma.
    if (lowercase && style === "keras") prepared = prepared.toLowerCase();
    if (lowercase) prepared = Array.from(prepared, (letter) => letter.toLowerCase()).join("");
    return prepared.match(this.patterns[style]) ?? [];
  }

  id(word) {
    const found = this.ids.get(word);
    return found === undefined || found >= this.rules.size ? this.unknown : found;
  }

  // Whether a text holds nothing but white space.
  isBlank(text) {
    return text.search(this.patterns["white-space"]) < 0;
  }

  word(id) {
    return this.words[id] ?? "<unk>";
  }
}
