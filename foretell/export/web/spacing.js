// White space between words when a text is written: the same rules as foretell in Python.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");

export class Spacing {
  // `style` is the style of the tokenizer: "words", "keras" or "white-space".
  constructor(style) {
    this.style = style;
    // Whether the next word follows without a space.
    this.isJoined = true;
    // The quotes that are open in the present line.
    this.openQuotes = new Set();
  }

  // Returns `word` with a space before it if one is needed. A line break starts a new line.
  piece(word) {
    if (word === "\n") {
      this.isJoined = true;
      this.openQuotes.clear();
      return word;
    }
    const isFirst = this.isJoined;
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
}
