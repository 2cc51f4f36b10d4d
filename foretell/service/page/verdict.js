// A verdict and the words that decided it, as lists and bars.

import { apart, bar, counted, make, percent, reveal, visible } from "./elements.js";

const MOST_LABELS = 8;
const MOST_WORDS = 8;
const LEAST_EFFECT = 0.05; // Log-odds below which a word decided nothing.

// A verdict in one line.
export function told({ label, probability }) {
  return `${visible(label)}, ${percent(probability)}`;
}

// Shows a verdict, or the invitation for null.
export function showVerdict(card, found) {
  reveal(card, found !== null);
  if (!found) return;
  const [name, chance] = card.querySelectorAll(".answer > *");
  name.textContent = visible(found.label);
  chance.textContent = percent(found.probability);
  const ranked = Object.entries(found.probabilities).toSorted(([, p], [, q]) => q - p);
  const rows = ranked.slice(0, MOST_LABELS).map(([label, part]) =>
    make("li", {}, apart(label), bar(part), make("span", { class: "number" }, percent(part))));
  const more = ranked.length - MOST_LABELS;
  if (more > 0) rows.push(make("li", { class: "soft" }, `and ${counted(more, "more label")}`));
  card.querySelector(".bars").replaceChildren(...rows);
  const notice = card.querySelector(".notice");
  notice.hidden = !found.flags.length;
  notice.textContent = found.flags.length ? `Odd about this text: ${found.flags.join("; ")}.` : "";
}

// Shows the words with the largest effects, or the invitation where there are none.
export function showDecided(card, found) {
  const words = found?.words ?? [];
  reveal(card, words.length > 0);
  if (!words.length) return;
  const ranked = words.toSorted((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).slice(0, MOST_WORDS);
  const strongest = Math.max(1, Math.abs(ranked[0].effect));
  const decisive = ranked.filter(({ effect }) => Math.abs(effect) >= LEAST_EFFECT);
  const rows = decisive.map((each) => effectRow(each, strongest));
  const head = ["Word", "Against · for", "Without it"].map((name) => make("th", { scope: "col" }, name));
  card.querySelector(".effects").replaceChildren(rows.length
    ? make("table", { class: "effects" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows))
    : make("p", { class: "soft" }, "No single word decided: without any one of them the verdict is the same."));
}

function effectRow({ text, effect, without }, strongest) {
  const kind = effect > 0 ? "for" : "against";
  return make("tr", {},
    make("th", { scope: "row" }, apart(text)),
    make("td", { class: "side" },
      make("span", { class: "sides" }, bar(Math.abs(effect) / strongest, kind)),
      make("span", { class: "unseen" }, kind)),
    make("td", { class: "number" }, percent(without)));
}

// Every word in numbers, as a table.
export function numbers({ words, running, stride, linear_bias: bias }) {
  const names = ["Word", "Effect", "Without it", "Up to it", ...(bias === null ? [] : ["Linear part"])];
  const rows = words.map((each, place) => make("tr", {},
    make("th", { scope: "row" }, apart(each.text)),
    ...[
      signed(each.effect),
      percent(each.without),
      percent(running[Math.min(running.length - 1, Math.floor(place / stride))]),
      ...(bias === null ? [] : [each.linear === null ? "–" : signed(each.linear)]),
    ].map((cell) => make("td", { class: "number" }, cell))));
  const head = names.map((name, place) => make("th", { scope: "col", class: place ? "number" : null }, name));
  return make("table", {}, make("caption", {}, "Effect: the change in log-odds that the word makes."),
    make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

function signed(number) {
  return `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(2)}`;
}
