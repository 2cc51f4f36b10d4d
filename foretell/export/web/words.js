// A language model: the most probable next words, and continuations. The caller keeps the LSTM state: the ONNX graph
// has it as inputs and outputs.

import { Spacing } from "./spacing.js";

export class Words {
  constructor(ort, session, tokens, model) {
    Object.assign(this, { ort, session, tokens, states: model.states, window: model.window });
    const { pad, start, unknown, first_byte: firstByte } = tokens.rules;
    // Ids that are never predicted. A single byte may be no character.
    const bytes = firstByte === null ? [] : Array.from({ length: 256 }, (_, byte) => firstByte + byte);
    this.excluded = [...[pad, start, unknown].filter((id) => id !== null), ...bytes];
  }

  // Returns the k most probable next words, or tokens of an open vocabulary: [{word, probability}]. "<eos>" is the end
  // of a line.
  async next(text, k = 5) {
    const [before, begun] = this.#split(text);
    const { logits } = await this.#read(this.#prompt(before));
    this.#keepBegun(logits, begun);
    const ranked = softmax(logits).map((p, id) => [p, id]).filter(([, id]) => !this.excluded.includes(id));
    ranked.sort(([p, i], [q, j]) => q - p || i - j);
    return ranked.slice(0, k).map(([probability, id]) => ({ word: this.tokens.word(id), probability }));
  }

  // Yields a continuation of `text`, piece by piece.
  //   words        number of words; with an open vocabulary, of tokens
  //   temperature  0 always chooses the most probable word; higher values make less probable words more frequent
  //   random       returns a number from 0 to 1 (1 excluded)
  async *complete(text, { words = 20, temperature = 1, random = Math.random } = {}) {
    const [before, begun] = this.#split(text);
    const prompt = this.#prompt(before);
    const spacing = new Spacing(this.tokens.rules);
    for (const id of prompt) spacing.piece(this.#written(id));
    let endsWithSpace = this.tokens.isBlank(Array.from(text).at(-1) ?? "");
    let { logits, state } = await this.#read(prompt);
    this.#keepBegun(logits, begun);
    for (let left = words; left > 0; left--) {
      for (const id of this.excluded) logits[id] = -Infinity;
      const id = temperature ? sample(softmax(logits.map((x) => x / temperature)), random) : argmax(logits);
      const piece = spacing.piece(this.#written(id));
      yield endsWithSpace ? piece.replace(/^ +/u, "") : piece;
      endsWithSpace = false;
      if (left > 1) ({ logits, state } = await this.#step(id, state));
    }
  }

  // A space at the end of a text is the beginning of a subword: the text without it, and the space.
  #split(text) {
    const isBegun = this.tokens.rules.style === "subword" && text.endsWith(" ");
    return isBegun ? [text.slice(0, -1), " "] : [text, ""];
  }

  // Leaves only the tokens that begin with the space.
  #keepBegun(logits, begun) {
    if (!begun) return;
    for (const id of logits.keys()) if (!this.tokens.word(id).startsWith(begun)) logits[id] = -Infinity;
  }

  // The ids to read. As in training, there is an end of line before the text and after each complete line.
  #prompt(text) {
    const end = this.tokens.rules.end_of_line;
    if (end === null) return this.#checked(this.tokens.encode(text));
    const lines = text.split("\n");
    const last = lines.pop();
    const complete = lines.filter((line) => !this.tokens.isBlank(line));
    return [end, ...complete.flatMap((line) => [...this.tokens.encode(line), end]), ...this.tokens.encode(last)];
  }

  #checked(ids) {
    const isKnown = !ids.slice(-this.window).includes(-1);
    if (ids.length >= this.window && isKnown) return ids;
    const problem = ids.length < this.window ? `${ids.length}` : "an unknown word among the last ones";
    throw new Error(`expected ${this.window} words or more of the text that the model was trained on, ` +
      `found ${problem}; type more words of that text`);
  }

  async #read(ids) {
    if (!this.states) return this.#runWindow(ids.slice(-this.window));
    const state = {};
    for (const [name, units] of Object.entries(this.states)) {
      state[name] = new this.ort.Tensor("float32", new Float32Array(units), [1, units]);
    }
    return this.#runWithState(ids, state);
  }

  async #step(id, state) {
    return this.states ? this.#runWithState([id], state) : this.#runWindow([...state.slice(1), id]);
  }

  async #runWithState(ids, before) {
    const steps = new this.ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    // Only the last step's logits are needed.
    const skip = new this.ort.Tensor("int64", BigInt64Array.of(BigInt(ids.length - 1)), [1]);
    const outputs = await this.session.run({ ids: steps, skip, ...before });
    const state = {};
    for (const name of Object.keys(this.states)) state[name] = outputs[`${name}_out`];
    return { logits: Array.from(outputs.logits.data), state };
  }

  // A model without a state reads a window of words; the window takes the place of the state.
  async #runWindow(window) {
    const ids = new this.ort.Tensor("float32", Float32Array.from(window), [1, window.length, 1]);
    const { logits } = await this.session.run({ ids });
    return { logits: Array.from(logits.data), state: window };
  }

  #written(id) {
    return id === this.tokens.rules.end_of_line ? "\n" : this.tokens.word(id);
  }
}

function softmax(logits) {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const scaled = logits.map((x) => Math.exp(x - max));
  const sum = scaled.reduce((a, b) => a + b, 0);
  return scaled.map((x) => x / sum);
}

function argmax(values) {
  return values.reduce((best, x, i) => (x > values[best] ? i : best), 0);
}

function sample(probabilities, random) {
  let left = random();
  const id = probabilities.findIndex((p) => (left -= p) < 0);
  // Rounding can leave a rest.
  return id < 0 ? argmax(probabilities) : id;
}
