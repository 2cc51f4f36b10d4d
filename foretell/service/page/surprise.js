// How much each word of a text surprised the model, in bits: 1 bit is a coin thrown, 10 bits one chance in a thousand.

import { apart, make, percent, reveal, word } from "./elements.js";
import { Reading } from "./reading.js";

const MOST_ROWS = 5;
const NONE = 1.5; // Bits below which a word is no surprise.
const MOST = 12; // Bits that are shaded darkest.

export class Surprise {
  constructor(card) {
    this.card = card;
    const parts = [".tiles", "[data-caret]", "tbody"];
    [this.tiles, this.detail, this.rows] = parts.map((which) => card.querySelector(which));
    this.reading = new Reading();
  }

  // The words of a text as the service scores them; `told(words)` hears of those of a beginning while they come.
  ask(model, text, signal, told) {
    return this.reading.read(model, text, signal, told);
  }

  // Shows what the service says of the words of a text; returns their marks.
  show(found) {
    const words = found.filter((each) => each.text && each.log_probability !== null);
    reveal(this.card, words.length > 0);
    if (!words.length) return [];
    const { perplexity, bits, unknown } = total(found);
    this.tiles.replaceChildren(
      tile("Perplexity", Number.isFinite(perplexity) ? short(perplexity) : "∞", "As if it had chosen among so many words"),
      tile("Bits per character", bits.toFixed(2)),
      tile("Unknown words", unknown.toLocaleString("en")),
    );
    const ranked = words.toSorted((a, b) => a.log_probability - b.log_probability).slice(0, MOST_ROWS);
    this.rows.replaceChildren(...ranked.map(row));
    return words.map((each) => {
      const surprise = -each.log_probability / Math.LN2;
      const level = Math.min(1, Math.max(0, (surprise - NONE) / (MOST - NONE)));
      const kind = each.known ? "surprising" : "surprising unknown";
      return { start: each.start, end: each.end, kind, level, of: each };
    });
  }

  // Tells of the word under the caret.
  point(mark) {
    this.detail.hidden = !mark;
    if (!mark) return;
    const { text, known, top: [likeliest] } = mark.of;
    const isOther = likeliest && likeliest.word !== text;
    const instead = isOther ? [" Expected: ", word(likeliest.word), ` (${percent(likeliest.probability)}).`] : [];
    const how = known ? `had a chance of ${chance(mark.of)}.` : "is unknown to the model.";
    this.detail.replaceChildren(make("b", {}, apart(text)), ` ${how}`, ...instead);
  }
}

// What the words of a text make up, as the service's own score of it.
function total(words) {
  const sum = (of) => words.reduce((so, each) => so + of(each), 0);
  const told = sum((each) => each.log_probability ?? 0);
  return {
    perplexity: Math.exp(-told / sum((each) => Number(each.log_probability !== null))),
    bits: -told / Math.LN2 / sum(({ characters }) => characters),
    unknown: sum(({ known }) => Number(!known)),
  };
}

function tile(name, value, title = null) {
  return make("div", { title }, make("dt", {}, name), make("dd", {}, value));
}

function row(each) {
  const likelier = each.top.filter(({ word: name }) => name !== each.text);
  const instead = likelier.length ? [word(likelier[0].word), ` ${percent(likelier[0].probability)}`] : ["–"];
  const name = make("th", { scope: "row" }, apart(each.text));
  return make("tr", {}, name, make("td", {}, each.known ? chance(each) : "unknown"), make("td", {}, ...instead));
}

// A chance in words that stay readable however small it is.
function chance({ log_probability: logarithm }) {
  const part = Math.exp(logarithm);
  return part >= 0.001 ? percent(part) : `1 in ${short(Math.exp(-logarithm))}`;
}

function short(number) {
  if (number < 100) return number.toFixed(1);
  return number < 1e9 ? Math.round(number).toLocaleString("en") : number.toExponential(0).replace("e+", " · 10^");
}
