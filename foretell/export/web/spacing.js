// White space between words when a text is written: the same rules as foretell in Python.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");
const BYTE = /^<0x([0-9A-F]{2})>$/u;

export class Spacing {
  // `rules` is the entry "tokens" of model.json.
  constructor({ style, scripts }) {
    this.style = style;
    // Tokens of an open vocabulary have their white space in them, or are bytes.
    this.isOpen = style === "subword" || style === "char";
    this.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    this.wordBefore = "";
    // Characters beside which no space stands, and characters between which none stands.
    this.joining = scripts && new RegExp(`[${scripts.joining}]`, "u");
    this.southeastAsian = scripts && new RegExp(`[${scripts.southeast_asian}]`, "u");
    // Whether the next word follows without a space.
    this.isJoined = true;
    // The quotes that are open in the present line.
    this.openQuotes = new Set();
  }

  // Returns `word` with a space before it if one is needed. A line break starts a new line.
  piece(word) {
    if (this.isOpen) return this.#exact(word);
    if (word === "\n") {
      this.isJoined = true;
      this.openQuotes.clear();
      this.wordBefore = "";
      return word;
    }
    const isFirst = this.isJoined || this.#isJoinedByScript(word);
    this.wordBefore = word;
    this.isJoined = false;
    if (this.style !== "words") return isFirst ? word : ` ${word}`;
    if (PAIRED.has(word)) {
      const isClosing = this.openQuotes.has(word);
      if (isClosing) this.openQuotes.delete(word);
      else this.openQuotes.add(word);
      this.isJoined = !isClosing;
      return isClosing || isFirst ? word : ` ${word}`;
    }
    this.isJoined = OPENING.has(word) || JOINING.has(word);
    return isFirst || CLOSING.has(word) || JOINING.has(word) ? word : ` ${word}`;
  }

  // Of a character in bytes all but the last give "", and that one the character.
  #exact(token) {
    const byte = BYTE.exec(token);
    if (!byte) return this.decoder.decode() + token;
    return this.decoder.decode(Uint8Array.of(Number.parseInt(byte[1], 16)), { stream: true });
  }

  #isJoinedByScript(word) {
    if (!this.joining || !this.wordBefore || !word) return false;
    const sides = [Array.from(this.wordBefore).at(-1), Array.from(word)[0]];
    return sides.some((side) => this.joining.test(side)) || sides.every((side) => this.southeastAsian.test(side));
  }
}
