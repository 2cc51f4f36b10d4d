// The Kneser–Ney model: the numbers of foretell/ngrams/kneser_ney.py, from the arrays of foretell/ngrams/kneser_ney.py.

import { readSafetensors } from "./safetensors.js";
import { placeOf } from "./search.js";

const MANY = 255;

export class KneserNey {
  // `bytes` is the content of kneser_ney.safetensors, `size` the number of ids.
  constructor(bytes, size) {
    const arrays = readSafetensors(bytes);
    const [words, counts, many] = ["words", "counts", "many"].map((name) => arrays.get(name));
    const probabilities = decoded(arrays, "probabilities", "probability_values");
    const backoffs = decoded(arrays, "backoffs", "backoff_values");
    const lengths = Array.from(arrays.get("levels"), Number);
    // Each level: the last words and the probabilities of its n-grams; of each context, an n-gram of the level below,
    // where its n-grams start, and its backoff.
    this.levels = [];
    let [first, context, manyAt, backoffAt] = [0, 0, 0, 1];
    for (const [level, length] of lengths.entries()) {
      const contexts = level ? lengths[level - 1] : 1;
      const starts = new Uint32Array(contexts + 1);
      const weights = new Float32Array(contexts).fill(1);
      if (!level) [starts[1], weights[0]] = [length, backoffs[0]];
      for (let i = 0; level && i < contexts; i++) {
        const code = counts[context++];
        const count = code === MANY ? many[manyAt++] : code;
        if (count) weights[i] = backoffs[backoffAt++];
        starts[i + 1] = starts[i] + count;
      }
      const part = (array) => array.subarray(first, first + length);
      this.levels.push({ words: part(words), probabilities: part(probabilities), starts, weights });
      first += length;
    }
    const [single] = this.levels;
    this.unigrams = new Float32Array(size).fill(single.weights[0] / size);
    for (const [i, word] of single.words.entries()) this.unigrams[word] += single.probabilities[i];
  }

  // Returns the probability of each id as the next one, and how many words of the text were used: those that were
  // counted, of at most all but one of an n-gram. `ids` is the text so far.
  distribution(ids) {
    const probabilities = this.unigrams.slice();
    let longest = 0;
    for (let length = 1; length < Math.min(this.levels.length, ids.length + 1); length++) {
      const context = this.#number(ids.slice(ids.length - length));
      const { words, probabilities: counted, starts, weights } = this.levels[length];
      if (context < 0 || weights[context] >= 1) continue;
      longest = length;
      for (let id = 0; id < probabilities.length; id++) probabilities[id] *= weights[context];
      for (let i = starts[context]; i < starts[context + 1]; i++) probabilities[words[i]] += counted[i];
    }
    return { probabilities, longest };
  }

  // Returns the number of an n-gram among those of its order; -1: it was not counted.
  #number(ngram) {
    let number = 0;
    for (const [level, word] of ngram.entries()) {
      const { words, starts } = this.levels[level];
      number = placeOf(words, word, starts[number], starts[number + 1]);
      if (number < 0) return -1;
    }
    return number;
  }
}

// In 8 bits a number is the place of the value in a table.
function decoded(arrays, name, table) {
  const values = arrays.get(table);
  return values ? Float32Array.from(arrays.get(name), (code) => values[code]) : arrays.get(name);
}
