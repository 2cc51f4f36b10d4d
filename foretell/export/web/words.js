// A language model: the words that may come next, and a continuation. The state lives in arrays, not in the graph.

import { Spacing } from "./spacing.js";

export class Words {
  constructor(ort, session, tokens, model) {
    Object.assign(this, { ort, session, tokens, states: model.states, window: model.window });
    const { pad, start, unknown } = tokens.rules;
    this.never = [pad, start, unknown].filter((id) => id !== null);
  }

  // The k likeliest next words: [{word, probability}], "<eos>" being the end of a line.
  async next(text, k = 5) {
    const { logits } = await this.#read(this.#prompt(text));
    const probabilities = softmax(logits);
    const shown = probabilities.map((p, id) => [p, id]).filter(([, id]) => !this.never.includes(id));
    shown.sort(([p, i], [q, j]) => q - p || i - j);
    return shown.slice(0, k).map(([probability, id]) => ({ word: this.tokens.word(id), probability }));
  }

  // Continues `text`, piece by piece: at temperature 0 with the likeliest words, else drawn by `random`.
  async *complete(text, { words = 20, temperature = 1, random = Math.random } = {}) {
    const prompt = this.#prompt(text);
    const spacing = new Spacing(this.tokens.rules.style);
    for (const id of prompt) spacing.piece(this.#written(id));
    let spaced = this.tokens.isBlank(Array.from(text).at(-1) ?? "");
    let { logits, state } = await this.#read(prompt);
    for (let left = words; left > 0; left--) {
      for (const id of this.never) logits[id] = -Infinity;
      const id = temperature ? draw(softmax(logits.map((x) => x / temperature)), random) : likeliest(logits);
      const piece = spacing.piece(this.#written(id));
      yield spaced ? piece.replace(/^ +/u, "") : piece;
      spaced = false;
      if (left > 1) ({ logits, state } = await this.#follow(id, state));
    }
  }

  // What is read: a stream starts after the end of a line, and each line ends with one.
  #prompt(text) {
    const end = this.tokens.rules.end_of_line;
    if (end === null) return this.#checked(this.tokens.encode(text));
    const lines = text.split("\n");
    const last = lines.pop();
    const whole = lines.filter((line) => !this.tokens.isBlank(line));
    return [end, ...whole.flatMap((line) => [...this.tokens.encode(line), end]), ...this.tokens.encode(last)];
  }

  #checked(ids) {
    if (ids.length < this.window || ids.slice(-this.window).includes(-1)) {
      throw new Error(`expected ${this.window} words of the text that the model was trained on, or more`);
    }
    return ids;
  }

  async #read(ids) {
    if (!this.states) return this.#windowed(ids.slice(-this.window));
    const state = {};
    for (const [name, units] of Object.entries(this.states)) {
      state[name] = new this.ort.Tensor("float32", new Float32Array(units), [1, units]);
    }
    return this.#stateful(ids, state);
  }

  async #follow(id, state) {
    return this.states ? this.#stateful([id], state) : this.#windowed([...state.slice(1), id]);
  }

  async #stateful(ids, before) {
    const read = new this.ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const skip = new this.ort.Tensor("int64", BigInt64Array.of(BigInt(ids.length - 1)), [1]);
    const answer = await this.session.run({ ids: read, skip, ...before });
    const state = {};
    for (const name of Object.keys(this.states)) state[name] = answer[`${name}_out`];
    return { logits: Array.from(answer.logits.data), state };
  }

  async #windowed(window) {
    const ids = new this.ort.Tensor("float32", Float32Array.from(window), [1, window.length, 1]);
    const { logits } = await this.session.run({ ids });
    return { logits: Array.from(logits.data), state: window };
  }

  #written(id) {
    return id === this.tokens.rules.end_of_line ? "\n" : this.tokens.word(id);
  }
}

function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const scaled = logits.map((x) => Math.exp(x - most));
  const sum = scaled.reduce((a, b) => a + b, 0);
  return scaled.map((x) => x / sum);
}

function likeliest(logits) {
  return logits.reduce((best, x, id) => (x > logits[best] ? id : best), 0);
}

function draw(probabilities, random) {
  let left = random();
  const found = probabilities.findIndex((p) => (left -= p) < 0);
  return found < 0 ? likeliest(probabilities) : found;
}
