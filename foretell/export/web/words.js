// A language model: the most probable next words, and continuations. The caller keeps the LSTM state: the ONNX graph
// has it as inputs and outputs.

import { withCache } from "./cache.js";
import { isTyped, Spacing } from "./spacing.js";

// States after beginnings of texts that are kept: typing goes on after the last of them, deleting after another.
const MAX_READINGS = 8;
const SUGGESTIONS = 3;
const CACHE = 500;
const LETTER = /[\p{L}\p{N}]/u;

// A text with a word that the model cannot read, or with too few of them.
export class UnreadableText extends Error {}

export class Words {
  tokens; counts; interpolation; states; cacheRules; window; ort; session;
  // `counts` is the Kneser–Ney model; null: the model has none.
  constructor(ort, session, tokens, model, counts) {
    const { states, window, interpolation, cache } = model;
    Object.assign(this, { ort, session, tokens, states, window, interpolation, cacheRules: cache, counts });
    const { pad, start, unknown, first_byte: firstByte } = tokens.rules;
    // Ids that are never predicted. A single byte may be no character.
    const bytes = firstByte === null ? [] : Array.from({ length: 256 }, (_, byte) => firstByte + byte);
    this.excluded = new Set([pad, start, unknown, tokens.ids.get("<unk>") ?? null, ...bytes].filter((id) => id !== null));
    // Words of a letter or digit at least, which somebody types; with an open vocabulary there are none.
    this.typed = tokens.isOpen ? [] : tokens.words.flatMap((word, id) =>
      (isTyped(word) && !this.excluded.has(id) ? [id] : []));
    this.readings = [];
    this.running = Promise.resolve();
  }

  // Returns the k most probable next words, or tokens of an open vocabulary: [{word, probability}]. "<eos>" is the end
  // of a line. `cache` is the number of words of the text in the continuous cache; 0: none. A `signal` that aborts
  // ends it before the network is run.
  async next(text, k = 5, { cache = 0, signal = null } = {}) {
    const [before, begun] = this.#split(text);
    const probabilities = this.#onlyBegun(await this.#predict(before, cache, signal), begun);
    return this.#best(probabilities, [...probabilities.keys()], k);
  }

  // Returns the k words that are suggested while the text is written: [{word, probability, text}], `text` with the word
  // and a space at its end. After a letter they are the words that begin with the letters of the last word: in lower
  // case where none begins with its capital letter. The letters of the text stay as they are. `earlier` is a text
  // that was written before it, for the cache.
  async suggest(text, { k = SUGGESTIONS, cache = CACHE, earlier = "", signal = null } = {}) {
    const begun = this.#begun(text);
    const before = text.slice(0, text.length - begun.length);
    const probabilities = await this.#predict(earlier + before, cache, signal);
    const ids = this.#beginning(this.tokens.rules.lowercase ? begun.toLowerCase() : begun);
    const best = this.#best(probabilities, ids.length ? ids : this.#beginning(begun.toLowerCase()), k);
    const spacing = begun ? null : this.#spacing(text);
    const written = (word) => (begun ? text + word.slice(begun.length) : text + spacing.next(word));
    return best.map(({ word, probability }) => ({ word, probability, text: `${written(word)} ` }));
  }

  // The words of a text, but for the last one, that the model does not know.
  unknownWords(text) {
    const words = this.tokens.split(text.replace(/\S+$/u, "")).filter(isTyped);
    return this.tokens.isOpen ? [] : words.filter((word) => this.tokens.id(word) === this.tokens.unknown);
  }

  // Yields a continuation of `text`, piece by piece.
  //   words        number of words; with an open vocabulary, of tokens
  //   temperature  0 always chooses the most probable word; higher values make less probable words more frequent
  //   random       returns a number from 0 to 1 (1 excluded)
  //   cache        words in the continuous cache; 0: none
  async *complete(text, { words = 20, temperature = 1, random = Math.random, cache = 0 } = {}) {
    const [before, begun] = this.#split(text);
    const prompt = this.#prompt(before);
    const spacing = new Spacing(this.tokens.rules);
    for (const id of prompt) spacing.piece(this.#written(id));
    let endsWithSpace = this.tokens.isBlank(Array.from(text).at(-1) ?? "");
    let reading = await this.#read(prompt);
    for (let left = words; left > 0; left--) {
      const probabilities = left === words ? this.#onlyBegun(this.#probabilities(reading, cache), begun)
        : this.#probabilities(reading, cache);
      for (const id of this.excluded) probabilities[id] = 0;
      const id = temperature ? sample(tempered(probabilities, temperature), random) : argmax(probabilities);
      const piece = spacing.piece(this.#written(id));
      yield endsWithSpace ? piece.replace(/^ +/u, "") : piece;
      endsWithSpace = false;
      if (left > 1) reading = await this.#step(id, reading);
    }
  }

  // The k most probable of some ids, which ascend; of equally probable ones the first.
  #best(probabilities, ids, k) {
    // One pass: sorting all of them would take most of the time.
    const best = [];
    for (const id of ids) {
      const isWorse = best.length === k && probabilities[id] <= probabilities[best[k - 1]];
      if (isWorse || this.excluded.has(id)) continue;
      let place = best.length;
      while (place && probabilities[best[place - 1]] < probabilities[id]) place--;
      best.splice(place, 0, id);
      if (best.length > k) best.pop();
    }
    return best.map((id) => ({ word: this.tokens.word(id), probability: probabilities[id] }));
  }

  // The probability of each id after a text. One text is read at a time, so that it can go on from the one before.
  #predict(text, cache, signal) {
    const result = this.running.then(() => {
      signal?.throwIfAborted();
      return this.#read(this.#prompt(text));
    }).then((reading) => this.#probabilities(reading, cache));
    this.running = result.catch(() => {});
    return result;
  }

  // Network, Kneser–Ney model and cache together.
  #probabilities({ logits, ids, hidden }, cache) {
    let probabilities = softmax(logits);
    if (this.counts) {
      const counted = this.counts.distribution(ids);
      const weight = this.interpolation[counted.longest];
      probabilities = probabilities.map((p, id) => (1 - weight) * p + weight * counted.probabilities[id]);
    }
    return cache && this.states ? withCache(probabilities, this.cacheRules, hidden, ids, cache) : probabilities;
  }

  // A space at the end of a text is the beginning of a subword: the text without it, and the space.
  #split(text) {
    const isBegun = this.tokens.rules.style === "subword" && text.endsWith(" ");
    return isBegun ? [text.slice(0, -1), " "] : [text, ""];
  }

  // The letters at the end of a text that belong to an unfinished word: its last token, if it is a word.
  #begun(text) {
    const run = /\S*$/u.exec(text)[0];
    const last = this.tokens.split(run).at(-1) ?? "";
    return LETTER.test(last) && run.toLowerCase().endsWith(last.toLowerCase()) ? run.slice(run.length - last.length) : "";
  }

  // The ids of the words of letters that begin with some letters.
  #beginning(letters) {
    return this.typed.filter((id) => this.tokens.word(id).startsWith(letters));
  }

  // The spaces after a text.
  #spacing(text) {
    const spacing = Spacing.after(text, this.tokens.rules, (line) => this.tokens.split(line));
    spacing.isJoined ||= this.tokens.isBlank(text.at(-1) ?? "");
    return spacing;
  }

  // Leaves only the tokens that begin with the space, with their probabilities among one another.
  #onlyBegun(probabilities, begun) {
    if (!begun) return probabilities;
    const kept = probabilities.map((p, id) => (this.tokens.word(id).startsWith(begun) ? p : 0));
    const sum = kept.reduce((a, b) => a + b, 0);
    return kept.map((p) => p / sum);
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
    const needed = this.window ?? 1;
    const isKnown = !(this.window ? ids.slice(-needed) : ids).includes(-1);
    if (ids.length >= needed && isKnown) return ids;
    const problem = ids.length < needed ? `${ids.length}` : "an unknown word among the last ones";
    throw new UnreadableText(`expected ${needed} words or more of the text that the model was trained on, ` +
      `found ${problem}; type more words of that text`);
  }

  // Returns {ids, logits, hidden, state} after some ids, from the longest beginning that was read before.
  async #read(ids) {
    if (!this.states) return this.#runWindow(ids.slice(-this.window));
    const isBeginning = ({ ids: known }) => known.length <= ids.length && known.every((id, i) => id === ids[i]);
    const reading = this.readings.filter(isBeginning).sort((a, b) => b.ids.length - a.ids.length)[0] ?? this.#nothingRead();
    const rest = ids.slice(reading.ids.length);
    const result = rest.length ? await this.#runWithState(rest, reading) : reading;
    this.readings = [result, ...this.readings.filter((each) => each !== result)].slice(0, MAX_READINGS);
    return result;
  }

  #nothingRead() {
    const state = {};
    for (const [name, units] of Object.entries(this.states)) {
      state[name] = new this.ort.Tensor("float32", new Float32Array(units), [1, units]);
    }
    return { ids: [], hidden: [], state };
  }

  async #step(id, reading) {
    return this.states ? this.#runWithState([id], reading) : this.#runWindow([...reading.ids.slice(1), id]);
  }

  async #runWithState(ids, before) {
    const steps = new this.ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
    // Only the last step's logits are needed.
    const skip = new this.ort.Tensor("int64", BigInt64Array.of(BigInt(ids.length - 1)), [1]);
    const outputs = await this.session.run({ ids: steps, skip, ...before.state });
    const state = {};
    for (const name of Object.keys(this.states)) state[name] = outputs[`${name}_out`];
    const width = outputs.hidden.dims.at(-1);
    const rows = ids.map((_, i) => outputs.hidden.data.slice(i * width, (i + 1) * width));
    return { ids: [...before.ids, ...ids], logits: outputs.logits.data, hidden: [...before.hidden, ...rows], state };
  }

  // A model without a state reads a window of words; the window takes the place of the state.
  async #runWindow(window) {
    const ids = new this.ort.Tensor("float32", Float32Array.from(window), [1, window.length, 1]);
    const { logits } = await this.session.run({ ids });
    return { ids: window, logits: logits.data, hidden: [] };
  }

  #written(id) {
    return id === this.tokens.rules.end_of_line ? "\n" : this.tokens.word(id);
  }
}

function softmax(logits) {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const scaled = Float64Array.from(logits, (x) => Math.exp(x - max));
  const sum = scaled.reduce((a, b) => a + b, 0);
  return scaled.map((x) => x / sum);
}

// Returns probabilities, which need not sum to 1, at a temperature.
function tempered(probabilities, temperature) {
  return softmax(probabilities.map((p) => Math.log(p) / temperature));
}

function argmax(values) {
  return values.reduce((best, x, i) => (x > values[best] ? i : best), 0);
}

function sample(probabilities, random) {
  let left = random();
  const id = probabilities.findIndex((p) => {
    left -= p;
    return left < 0;
  });
  // Rounding can leave a rest.
  return id < 0 ? argmax(probabilities) : id;
}
