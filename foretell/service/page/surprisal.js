// The surprisal of each word of a text: -log2 of its probability, in bits.

import { isolated, make, percent, showResult, spacesShown, wordElement } from "./elements.js";
import { TextScore } from "./text_score.js";

const MAX_ROWS = 5;
// Bits. Words below MIN_SHADED have no shade; words above MAX_SHADED have the darkest one.
const MIN_SHADED = 1.5;
const MAX_SHADED = 12;

export class SurprisalCard {
  tiles; detail; rows;
  constructor(card) {
    this.card = card;
    const selectors = [".tiles", "[data-caret]", "tbody"];
    [this.tiles, this.detail, this.rows] = selectors.map((selector) => card.querySelector(selector));
    this.score = new TextScore();
  }

  // The scored words of a text; `onPiece(words)` is called with those of its beginning, piece by piece. `by` has the
  // name of the model and the size of its cache.
  fetch(by, text, signal, onPiece) {
    return this.score.update(by, text, signal, onPiece);
  }

  // Shows the scored words of a text, with an open vocabulary its tokens; returns their marks.
  show(scored, isOpen) {
    const words = scored.filter((each) => each.text && each.log_probability !== null);
    showResult(this.card, words.length > 0);
    if (!words.length) return [];
    const { perplexity, perCharacter, perByte, unknown } = total(scored);
    this.tiles.replaceChildren(
      tile(isOpen ? "Perplexity per token" : "Perplexity", Number.isFinite(perplexity) ? short(perplexity) : "∞"),
      tile("Bits per character", perCharacter.toFixed(2)),
      tile("Bits per byte", perByte.toFixed(2)),
      ...(isOpen ? [] : [tile("Unknown words", unknown.toLocaleString("en"))]),
    );
    const ranked = words.toSorted((a, b) => a.log_probability - b.log_probability).slice(0, MAX_ROWS);
    this.rows.replaceChildren(...ranked.map(row));
    return words.map((word) => {
      const level = Math.min(1, Math.max(0, (surprisal(word) - MIN_SHADED) / (MAX_SHADED - MIN_SHADED)));
      return { start: word.start, end: word.end, kind: word.known ? "surprising" : "surprising unknown", level, word };
    });
  }

  // Describes the word of a mark; without a mark, how to choose a word.
  describe(mark) {
    this.detail.replaceChildren(...(mark ? description(mark.word) : ["Put the caret in a word to see its surprisal."]));
  }
}

function surprisal({ log_probability: logProbability }) {
  return -logProbability / Math.LN2;
}

function description(word) {
  const name = make("b", {}, isolated(spacesShown(word.text)));
  const figures = word.known
    ? `: probability ${probability(word)}, surprisal ${surprisal(word).toFixed(1)} bits.`
    : ` is not in the vocabulary. Probability of any unknown word here: ${probability(word)}.`;
  const [top] = otherWord(word);
  const other = top ? [" Most probable word here: ", wordElement(top.word), ` (${percent(top.probability)}).`] : [];
  return [name, figures, ...other];
}

// The most probable word at this place, if it is another one: an array of one entry or none.
function otherWord({ text, top }) {
  return top.filter(({ word }) => word !== text).slice(0, 1);
}

// The sums over a text, as the service computes them for a whole text.
function total(words) {
  const sum = (value) => words.reduce((result, word) => result + value(word), 0);
  const logProbability = sum((word) => word.log_probability ?? 0);
  const bits = -logProbability / Math.LN2;
  return {
    perplexity: Math.exp(-logProbability / sum((word) => (word.log_probability === null ? 0 : word.tokens))),
    perCharacter: bits / sum(({ characters }) => characters),
    perByte: (bits + 8 * sum(({ spelled }) => spelled)) / sum(({ bytes }) => bytes),
    unknown: sum(({ known }) => Number(!known)),
  };
}

function tile(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function row(word) {
  const [top] = otherWord(word);
  const other = top ? [wordElement(top.word), ` ${percent(top.probability)}`] : ["–"];
  const name = make("th", { scope: "row" }, isolated(spacesShown(word.text)));
  const value = word.known ? probability(word) : "unknown word";
  return make("tr", {}, name, make("td", {}, value), make("td", {}, ...other));
}

// A probability that is readable also when it is very small.
function probability({ log_probability: logProbability }) {
  const value = Math.exp(logProbability);
  return value >= 0.001 ? percent(value) : `1 in ${short(Math.exp(-logProbability))}`;
}

function short(number) {
  if (number < 100) return number.toFixed(1);
  return number < 1e9 ? Math.round(number).toLocaleString("en") : number.toExponential(0).replace("e+", " · 10^");
}
