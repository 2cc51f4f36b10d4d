// White space between a text and the word that follows it, by the same rules as the service.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");
// Characters. No word is longer, and the regular expression below takes quadratic time on a text without white space.
const MAX_WORD_LENGTH = 100;

// The string to append to `text` so that `word` follows, with a space if one is needed. "<eos>" is the end of a line.
export function following(text, word) {
  if (word === "<eos>") return "\n";
  const last = Array.from(text.slice(-2)).at(-1);
  const isJoined = !last || /\s/u.test(last) || OPENING.has(last) || JOINING.has(last) || isOpeningQuote(text, last);
  const isClosing = CLOSING.has(word) || JOINING.has(word) || (PAIRED.has(word) && isQuoteOpen(text, word));
  return isJoined || isClosing ? word : ` ${word}`;
}

// The word at the end of `text`, which may be unfinished; "" if the text does not end with a word.
export function lastWord(text) {
  return /[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}\p{N}_]*)*$/u.exec(text.slice(-MAX_WORD_LENGTH))?.[0] ?? "";
}

// The rest of `word` after `beginning`; null if `word` is not longer or does not begin with it. Ignores case.
export function ending(word, beginning) {
  const isLonger = word.length > beginning.length;
  return isLonger && word.toLowerCase().startsWith(beginning.toLowerCase()) ? word.slice(beginning.length) : null;
}

function isOpeningQuote(text, last) {
  return PAIRED.has(last) && isQuoteOpen(text, last);
}

// Whether the last line of `text` contains an odd number of `quote`.
function isQuoteOpen(text, quote) {
  return text.slice(text.lastIndexOf("\n") + 1).split(quote).length % 2 === 0;
}
