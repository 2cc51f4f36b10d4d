// The linear models of TF-IDF values: the scores that the graph adds to those of its n-gram linear model. They are the
// numbers of foretell/ngrams/tfidf.py and characters.py in Python.

import { readSafetensors } from "./safetensors.js";
import { placeOf } from "./search.js";

const FIRST_WORD = 2;
const LONGEST_CHARACTERS = 5;
// No language has so many marks in a row; sorting them takes quadratic time (UAX #15, Stream-Safe Text).
const RUN = /\p{M}{30}(?=\p{M})/gu;
// The white space of Python's `str.split`; \s of JavaScript has other characters.
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

export class Tfidf {
  // `bytes` is the content of tfidf.safetensors.
  constructor(bytes) {
    const arrays = readSafetensors(bytes);
    const names = new Set(Array.from(arrays.keys(), (name) => name.split("/")[0]));
    this.models = Array.from(names, (name) => new TfidfModel((part) => arrays.get(`${name}/${part}`)));
    this.columns = this.models[0].bias.length;
  }

  // Returns the sum of the models' scores, Float32Array [column]; `ids` are the ids of the words of `text`.
  scores(ids, text) {
    const sums = new Float32Array(this.columns);
    for (const model of this.models) {
      for (const [column, score] of model.scores(ids, text).entries()) sums[column] += score;
    }
    return sums;
  }
}

class TfidfModel {
  bias; size; longest; norm; idf; words; characters;
  // All weights, Float32Array [feature * column]; or, of sparse ones, `values` and their `columns`, where feature i has
  // the entries starts[i] to starts[i + 1].
  weights; starts; columns; values;
  constructor(array) {
    for (const part of ["words", "characters", "idf", "bias"]) this[part] = array(part);
    for (const part of ["weights", "starts", "columns", "values"]) this[part] = array(part);
    [this.size, this.longest, this.norm] = Array.from(array("shape"), Number);
    this.numbers = new Map(Array.from(array("alphabet"), (point, number) => [point, BigInt(number)]));
  }

  // Returns the scores of a text, Float32Array [column].
  scores(ids, text) {
    const columns = this.bias.length;
    const sums = new Float64Array(columns);
    let total = 0;
    for (const [feature, count] of this.#counts(ids, text)) {
      const value = Math.fround(1 + Math.log(count)) * this.idf[feature];
      total += value ** this.norm;
      this.#add(sums, feature, value);
    }
    const length = Math.max(total ** (1 / this.norm), 1e-12);
    return Float32Array.from(sums, (sum, column) => sum / length + this.bias[column]);
  }

  // Adds the weights of a feature to the sums of the columns, times its value.
  #add(sums, feature, value) {
    if (this.weights) {
      for (let column = 0; column < sums.length; column++) {
        sums[column] += value * this.weights[feature * sums.length + column];
      }
      return;
    }
    for (let entry = this.starts[feature]; entry < this.starts[feature + 1]; entry++) {
      sums[this.columns[entry]] += value * this.values[entry];
    }
  }

  // Returns [feature, how often the text has it] of each feature of the text.
  #counts(ids, text) {
    const counts = found(this.words, countKeys(wordKeys(ids, this.size, this.longest)), 0);
    if (!this.characters.length) return counts;
    return counts.concat(found(this.characters, countKeys(characterKeys(text, this.numbers)), this.words.length));
  }
}

// Yields the key of each n-gram of words; an n-gram has no padding and no unknown word.
function* wordKeys(ids, size, longest) {
  const base = BigInt(size);
  for (let start = 0; start < ids.length; start++) {
    let key = -1n;
    for (let place = start; place < Math.min(start + longest, ids.length); place++) {
      if (ids[place] < FIRST_WORD || ids[place] >= size) break;
      key = base * (key + 1n) + BigInt(ids[place]);
      yield key;
    }
  }
}

// Yields the key of each n-gram of 2 to 5 characters of a word with a space on both sides.
function* characterKeys(text, numbers) {
  const base = BigInt(numbers.size);
  for (const word of text.toLowerCase().replace(RUN, "$&\u034f").normalize("NFC").split(SPACES)) {
    if (!word) continue;
    const letters = Array.from(` ${word} `, (letter) => numbers.get(letter.codePointAt(0)));
    for (let start = 0; start < letters.length; start++) {
      let key = -1n;
      for (let place = start; place < Math.min(start + LONGEST_CHARACTERS, letters.length); place++) {
        if (letters[place] === undefined) break;
        key = base * (key + 1n) + letters[place];
        if (place > start) yield key;
      }
    }
  }
}

function countKeys(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

// Returns [feature, count] of the keys that are among `features`, which ascend; the first feature has the number `first`.
function found(features, counts, first) {
  const known = [];
  for (const [key, count] of counts) {
    const place = placeOf(features, key);
    if (place >= 0) known.push([first + place, count]);
  }
  return known;
}
