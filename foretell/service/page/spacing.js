// White space between a text and the word that follows it, by the same rules as foretell in Python. The page of an
// exported model uses this file, too.

export const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");
const HAS_LETTER = /[\p{L}\p{N}]/u;
const BYTE = /^<0x([0-9A-F]{2})>$/u;
// No space stands beside Chinese and Japanese characters and their punctuation, and none between two characters of the
// Southeast Asian scripts.
const EAST_ASIAN = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\u30fc\uff70";
const FULL_WIDTH = "\u3001-\u3003\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65";
const SOUTHEAST_ASIAN = "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
// The last character of a text of these scripts, with its marks; such a character is a word.
const LAST_CHARACTER = new RegExp(`(?!\\p{Nd})[${EAST_ASIAN}${SOUTHEAST_ASIAN}][\\p{M}\u0e33\u0eb3]*$`, "u");
const LETTER = `(?:(?![${EAST_ASIAN}${SOUTHEAST_ASIAN}])[\\p{L}\\p{M}\\p{N}_]|\\p{Nd})`;
const LAST_WORD = new RegExp(`${LETTER}+(?:['’]${LETTER}*)*$`, "u");
// The tokens of a text, nearly as a model of the style "words" has them.
const TOKENS = new RegExp(`${LETTER}+(?:['’]${LETTER}+)*|\\S`, "gu");
const RULES = { style: "words", scripts: { joining: EAST_ASIAN + FULL_WIDTH, southeast_asian: SOUTHEAST_ASIAN } };
// Characters. No word is longer, and LAST_WORD takes quadratic time on a text without white space.
const MAX_WORD_LENGTH = 100;

export class Spacing {
  // `rules` has the style of the tokens and the characters of scripts: the entry "tokens" of model.json.
  constructor({ style, scripts } = RULES) {
    this.style = style;
    // Tokens of an open vocabulary have their white space in them, or are bytes.
    this.isOpen = style === "subword" || style === "char";
    this.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    this.wordBefore = "";
    // Characters beside which no space stands, and characters between which none stands.
    this.joining = scripts && new RegExp(`[${scripts.joining}]`, "u");
    this.southeastAsian = scripts && new RegExp(`(?!\\p{Nd})[${scripts.southeast_asian}]`, "u");
    // Whether the next word follows without a space.
    this.isJoined = true;
    // The quotes that are open in the present line.
    this.openQuotes = new Set();
  }

  // The spacing after `text`. `split` gives the words of its last line.
  static after(text, rules = RULES, split = (line) => line.match(TOKENS) ?? []) {
    const spacing = new Spacing(rules);
    for (const word of split(text.slice(text.lastIndexOf("\n") + 1))) spacing.piece(word);
    spacing.isJoined ||= /\s$/u.test(text);
    return spacing;
  }

  // Returns `word` with a space before it if one is needed, and goes on after it. A line break starts a new line.
  piece(word) {
    if (this.isOpen) return this.#exact(word);
    const written = this.next(word);
    if (word === "\n") {
      this.openQuotes.clear();
    } else if (PAIRED.has(word) && this.style === "words") {
      if (!this.openQuotes.delete(word)) this.openQuotes.add(word);
    }
    const isOpening = OPENING.has(word) || JOINING.has(word) || this.openQuotes.has(word);
    this.isJoined = word === "\n" || (this.style === "words" && isOpening);
    this.wordBefore = word === "\n" ? "" : word;
    return written;
  }

  // Returns `word` with a space before it if one is needed.
  next(word) {
    if (word === "\n" || this.isJoined || this.#isJoinedByScript(word)) return word;
    const isClosing = CLOSING.has(word) || JOINING.has(word) || this.openQuotes.has(word);
    return this.style === "words" && isClosing ? word : ` ${word}`;
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

// The string to append to `text` so that `word` follows, with a space if one is needed. "<eos>" is the end of a line.
export function following(text, word) {
  return word === "<eos>" ? "\n" : Spacing.after(text).next(word);
}

// The string to append to `text` so that a token follows that has the white space in it. A space at the end of the text is
// the beginning of the token.
export function tokenAfter(text, token) {
  if (token === "<eos>") return "\n";
  return text.endsWith(" ") && token.startsWith(" ") && token !== " " ? token.slice(1) : token;
}

// The word at the end of `text`, which may be unfinished; "" if the text does not end with a word.
export function lastWord(text) {
  const end = text.slice(-MAX_WORD_LENGTH);
  return LAST_CHARACTER.exec(end)?.[0] ?? LAST_WORD.exec(end)?.[0] ?? "";
}

// The rest of `word` after `beginning`; null if `word` does not begin with it. Ignores case.
export function ending(word, beginning) {
  return word.toLowerCase().startsWith(beginning.toLowerCase()) ? word.slice(beginning.length) : null;
}

// Whether somebody types this word of a vocabulary: it is no mark, no end of a line and no unknown word.
export function isTyped(word) {
  return HAS_LETTER.test(word) && word !== "<eos>" && word !== "<unk>";
}
