// A word behind a text: with a space before it where one belongs, as the service writes it.

const CLOSING = new Set(".,!?;:)]}…%’”»");
const OPENING = new Set("([{“‘«#$€£¿¡");
const JOINING = new Set("-–—/_@");
const PAIRED = new Set("\"'`");
const LONGEST = 100;

// What to add to `text` so that `word` follows; "<eos>" is the end of a line.
export function following(text, word) {
  if (word === "<eos>") return "\n";
  const last = Array.from(text.slice(-2)).at(-1);
  const glued = !last || /\s/u.test(last) || OPENING.has(last) || JOINING.has(last) || opens(text, last);
  const closes = CLOSING.has(word) || JOINING.has(word) || (PAIRED.has(word) && isOpen(text, word));
  return glued || closes ? word : ` ${word}`;
}

// The word that a text ends in, which may be unfinished; "" where it ends in none.
export function lastWord(text) {
  // A longer one is no word; and on a text without white space the search would not end.
  return /[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}\p{N}_]*)*$/u.exec(text.slice(-LONGEST))?.[0] ?? "";
}

// The rest of `word`, where it begins with what is written of it; else null.
export function rest(word, beginning) {
  const isSame = word.toLowerCase().startsWith(beginning.toLowerCase());
  return isSame && word.length > beginning.length ? word.slice(beginning.length) : null;
}

function opens(text, mark) {
  return PAIRED.has(mark) && isOpen(text, mark);
}

function isOpen(text, mark) {
  return text.slice(text.lastIndexOf("\n") + 1).split(mark).length % 2 === 0;
}
