// The score of each word of a text while the user writes it. Words before the first change are not scored again. A
// long text is scored in pieces, because a long request would delay the next words.

import { post } from "./service.js";

// UTF-16 code units.
const PIECE_LENGTH = 600;
// Each piece is sent together with all text before it.
const MAX_PIECES = 40;
// No word of any model contains one of these characters, but for the space with which a token may begin.
const WHITE_SPACE = /[ \t\n]/u;

export class TextScore {
  #by = {};
  #text = "";
  #words = [];

  // The scored words of `text`: `each` of POST /v1/score. `by` is { model, cache }. After each piece but the last, `onPiece(words)` is called
  // with the words up to there.
  async update(by, text, signal, onPiece = (_) => {}) {
    let scored = this.#keepUnchanged(by, text);
    while (scored < text.length) {
      const end = pieceEnd(text, scored);
      const texts = text.slice(0, end);
      const body = { ...by, texts, start: codePoints(text.slice(0, scored)), words: true, top: 1 };
      const words = await scoreWords(body, signal);
      signal.throwIfAborted();
      // The service adds the end of a line at the end of each piece. Only the last piece ends there.
      const limit = end < text.length ? codePoints(texts) : Infinity;
      this.#words = [...this.#words, ...words.filter(({ start }) => start < limit)];
      this.#text = texts;
      scored = end;
      if (scored < text.length) onPiece(this.#words);
    }
    return this.#words;
  }

  // Removes all words from the first changed word on; returns the offset where that word begins.
  #keepUnchanged(by, text) {
    const isSame = by.model === this.#by.model && by.cache === this.#by.cache;
    const before = isSame ? this.#text : "";
    const max = Math.min(before.length, text.trimEnd().length);
    let offset = 0;
    while (offset < max && before[offset] === text[offset]) offset++;
    // Before white space every word and token is complete. Elsewhere the last one may change, with the space before it.
    const isBoundary = WHITE_SPACE.test(text[offset] ?? "") && WHITE_SPACE.test(before[offset] ?? " ");
    if (!isBoundary) {
      while (offset && !WHITE_SPACE.test(text[offset - 1])) offset--;
      if (offset) offset--;
    }
    const limit = codePoints(text.slice(0, offset));
    this.#by = by;
    this.#text = text.slice(0, offset);
    this.#words = this.#words.filter(({ start }) => start < limit);
    return offset;
  }
}

// The words of one request; none if the model cannot score any word of it, such as the first words of a window.
async function scoreWords(body, signal) {
  try {
    return (await post("score", body, signal)).answers[0].each;
  } catch (error) {
    if (error.code !== "cannot_answer") throw error;
    return [];
  }
}

// The end of the piece that begins at `start`: before white space, or at the end of the text.
function pieceEnd(text, start) {
  const length = Math.max(PIECE_LENGTH, Math.ceil(text.length / MAX_PIECES));
  if (text.length - start <= 2 * length) return text.length;
  const next = text.slice(start + length).search(WHITE_SPACE);
  return next < 0 ? text.length : start + length + next;
}

function codePoints(text) {
  return Array.from(text).length;
}
