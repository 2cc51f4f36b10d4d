// Having a text scored word by word while it is being written: what is known of its beginning is not asked again,
// and a long one is asked about in pieces, none of which holds up the next words for long.

import { ask } from "./service.js";

const PIECE = 600; // Letters.
const MOST_PIECES = 40; // Each is sent with all that is before it.
// No word of any model reaches over one of these.
const SPACE = /[ \t\n]/u;

export class Reading {
  #model = null;
  #text = "";
  #words = [];

  // The words of `text`, as the service's `each`. `told(words)` hears of those of a beginning while they come.
  async read(model, text, signal, told = () => {}) {
    let at = this.#keep(model, text);
    while (at < text.length) {
      const end = pieceEnd(text, at);
      const question = { model, texts: text.slice(0, end), start: letters(text.slice(0, at)), words: true, top: 1 };
      const found = await answered(question, signal);
      signal.throwIfAborted();
      // The end of a line that does not end there is none.
      const last = end < text.length ? letters(question.texts) : Infinity;
      this.#words = [...this.#words, ...found.filter(({ start }) => start < last)];
      this.#text = question.texts;
      at = end;
      if (at < text.length) told(this.#words);
    }
    return this.#words;
  }

  // Forgets all but what is before the first word that is another now; returns where that begins.
  #keep(model, text) {
    const before = model === this.#model ? this.#text : "";
    const most = Math.min(before.length, text.trimEnd().length);
    let at = 0;
    while (at < most && before[at] === text[at]) at++;
    while (at && !SPACE.test(text[at - 1])) at--;
    const last = letters(text.slice(0, at));
    this.#model = model;
    this.#text = text.slice(0, at);
    this.#words = this.#words.filter(({ start }) => start < last);
    return at;
  }
}

// The words of a text from a place on; none where the model can tell of none.
async function answered(question, signal) {
  try {
    return (await ask("score", question, signal)).answers[0].each;
  } catch (error) {
    if (error.code !== "cannot_answer") throw error;
    return [];
  }
}

// Where a piece that begins at `at` ends: behind a space, or with the text.
function pieceEnd(text, at) {
  const size = Math.max(PIECE, Math.ceil(text.length / MOST_PIECES));
  if (text.length - at <= 2 * size) return text.length;
  const more = text.slice(at + size).search(SPACE);
  return more < 0 ? text.length : at + size + more + 1;
}

// The service counts code points.
function letters(text) {
  return Array.from(text).length;
}
