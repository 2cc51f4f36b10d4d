// Words back to readable text: what white space stands before each.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");

export class Spacing {
  constructor(style) {
    this.style = style;
    this.glued = true;
    this.open = new Set();
  }

  // `word` with a space before it where one belongs; a line break resets the line.
  piece(word) {
    if (word === "\n") {
      this.glued = true;
      this.open.clear();
      return word;
    }
    const before = this.glued;
    this.glued = false;
    if (this.style !== "words") return before ? word : ` ${word}`;
    if (PAIRED.has(word)) {
      const closes = this.open.has(word);
      if (closes) this.open.delete(word);
      else this.open.add(word);
      this.glued = !closes;
      return closes || before ? word : ` ${word}`;
    }
    this.glued = OPENING.has(word) || JOINING.has(word);
    return before || CLOSING.has(word) || JOINING.has(word) ? word : ` ${word}`;
  }
}
