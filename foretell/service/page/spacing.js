// White space between a text and the word that follows it, by the same rules as the service.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");
// No space stands beside Chinese and Japanese characters and their punctuation, and none between two characters of the
// Southeast Asian scripts.
const EAST_ASIAN = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\u30fc\uff70";
const FULL_WIDTH = "\u3001-\u3003\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65";
const SOUTHEAST_ASIAN = "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
const BESIDE_NO_SPACE = new RegExp(`[${EAST_ASIAN}${FULL_WIDTH}]`, "u");
const IS_SOUTHEAST_ASIAN = new RegExp(`(?!\\p{Nd})[${SOUTHEAST_ASIAN}]`, "u");
// The last character of a text of these scripts, with its marks; such a character is a word.
const LAST_CHARACTER = new RegExp(`(?!\\p{Nd})[${EAST_ASIAN}${SOUTHEAST_ASIAN}][\\p{M}\u0e33\u0eb3]*$`, "u");
const LETTER = `(?:(?![${EAST_ASIAN}${SOUTHEAST_ASIAN}])[\\p{L}\\p{M}\\p{N}_]|\\p{Nd})`;
const LAST_WORD = new RegExp(`${LETTER}+(?:['’]${LETTER}*)*$`, "u");
// Characters. No word is longer, and the regular expression below takes quadratic time on a text without white space.
const MAX_WORD_LENGTH = 100;

// The string to append to `text` so that `word` follows, with a space if one is needed. "<eos>" is the end of a line.
export function following(text, word) {
  if (word === "<eos>") return "\n";
  const last = Array.from(text.slice(-2)).at(-1);
  const isJoined = !last || /\s/u.test(last) || OPENING.has(last) || JOINING.has(last) || isOpeningQuote(text, last) ||
    isJoinedByScript(last, Array.from(word.slice(0, 2))[0]);
  const isClosing = CLOSING.has(word) || JOINING.has(word) || (PAIRED.has(word) && isQuoteOpen(text, word));
  return isJoined || isClosing ? word : ` ${word}`;
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

// The rest of `word` after `beginning`; null if `word` is not longer or does not begin with it. Ignores case.
export function ending(word, beginning) {
  const isLonger = word.length > beginning.length;
  return isLonger && word.toLowerCase().startsWith(beginning.toLowerCase()) ? word.slice(beginning.length) : null;
}

function isJoinedByScript(before, after) {
  const sides = [before, after];
  return sides.some((side) => BESIDE_NO_SPACE.test(side)) || sides.every((side) => IS_SOUTHEAST_ASIAN.test(side));
}

function isOpeningQuote(text, last) {
  return PAIRED.has(last) && isQuoteOpen(text, last);
}

// Whether the last line of `text` contains an odd number of `quote`.
function isQuoteOpen(text, quote) {
  return text.slice(text.lastIndexOf("\n") + 1).split(quote).length % 2 === 0;
}
