// The label of a text and the effects of its words, as bars and tables.

import { bar, count, isolated, make, percent, showResult, visible } from "./elements.js";

const MAX_LABELS = 8;
const MAX_WORDS = 8;
// Log-odds. Words with a smaller effect are not listed.
const MIN_EFFECT = 0.05;
const NO_LABEL = "no label";

// A label and its probability in one line.
export function summary({ label, labels, probability }) {
  const names = labelsOf({ label, labels }).map(visible).join(", ");
  return labels ? names : `${names}, ${percent(probability)}`;
}

function labelsOf({ label, labels }) {
  if (!labels) return [label];
  return labels.length ? labels : [NO_LABEL];
}

// Shows the label of a text and the probabilities of all labels; null shows the invitation to type. Each label is a
// button: `onChoose(label)` is called to explain it.
export function showPrediction(card, answer, onChoose) {
  showResult(card, answer !== null);
  if (!answer) return;
  const [label, probability] = card.querySelectorAll(".answer > *");
  label.replaceChildren(...labelsOf(answer).flatMap((name, place) => [place ? ", " : "", isolated(name)]));
  probability.textContent = answer.labels ? "" : percent(answer.probability);
  const ranked = Object.entries(answer.probabilities).toSorted(([, p], [, q]) => q - p);
  const rows = ranked.map(([name, p]) =>
    make("li", {}, nameElement(name, answer.labels, onChoose), bar(p), make("span", { class: "number" }, percent(p))));
  showRows(card.querySelector(".bars"), rows);
  const notice = card.querySelector(".notice");
  notice.hidden = !answer.flags.length;
  notice.textContent = `This text is unusual: ${answer.flags.join("; ")}. Its probability is less reliable.`;
}

// Shows the first rows, and a button for the others, which stay once they are shown.
function showRows(list, rows) {
  const hidden = list.dataset.all ? [] : rows.splice(MAX_LABELS);
  list.replaceChildren(...rows);
  if (!hidden.length) return;
  const button = make("button", { type: "button", class: "link" }, `Show ${count(hidden.length, "more label")}`);
  button.addEventListener("click", () => {
    list.dataset.all = "true";
    list.lastElementChild.replaceWith(...hidden);
    hidden[0].querySelector("button").focus();
  });
  list.append(make("li", { class: "soft" }, button));
}

function nameElement(name, labels, onChoose) {
  const applies = labels?.includes(name);
  const kind = labels ? ` ${applies ? "applies" : "does not apply"}` : "";
  const button = make("button", { type: "button", class: "name" },
    applies ? make("b", {}, isolated(name)) : isolated(name),
    make("span", { class: "visually-hidden" }, `${kind}: explain it`));
  button.addEventListener("click", () => onChoose(name));
  return button;
}

// Shows the words with the largest effects; null, or a text without words, shows the invitation.
export function showEffects(card, explanation) {
  const words = explanation?.words ?? [];
  showResult(card, words.length > 0);
  if (!words.length) return;
  const ranked = words.toSorted((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).slice(0, MAX_WORDS);
  const largest = Math.max(1, Math.abs(ranked[0].effect));
  const listed = ranked.filter(({ effect }) => Math.abs(effect) >= MIN_EFFECT);
  card.querySelector(".effects").replaceChildren(listed.length
    ? effectsTable(explanation, listed.map((word) => effectRow(word, largest)))
    : make("p", { class: "soft" }, "No single word has a noticeable effect: without any one of them, the probability " +
      "stays almost the same."));
}

function effectsTable({ label, probability }, rows) {
  const head = ["Word", "Lowers · raises", "Without it"].map((name) => make("th", { scope: "col" }, name));
  const caption = make("caption", {}, "The probability of ", isolated(label), ` is ${percent(probability)}. ` +
    "The last column is the probability without the word.");
  return make("table", { class: "effects" }, caption, make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows));
}

function effectRow({ text, effect, without }, largest) {
  const isRaised = effect > 0;
  return make("tr", {},
    make("th", { scope: "row" }, isolated(text)),
    make("td", { class: "side" },
      make("span", { class: "sides" }, bar(Math.abs(effect) / largest, isRaised ? "for" : "against")),
      make("span", { class: "visually-hidden" }, isRaised ? "raises" : "lowers")),
    make("td", { class: "number" }, percent(without)));
}

// A table of all words with all numbers of an explanation.
export function allWordsTable({ label, words, running, stride }) {
  const names = ["Word", "Effect", "Without it", "Up to it"];
  const rows = words.map((word, index) => make("tr", {},
    make("th", { scope: "row" }, isolated(word.text)),
    ...[
      signed(word.effect),
      percent(word.without),
      percent(running[Math.min(running.length - 1, Math.floor(index / stride))]),
    ].map((text) => make("td", { class: "number" }, text))));
  const head = names.map((name, index) => make("th", { scope: "col", class: index ? "number" : null }, name));
  const caption = make("caption", {}, "Label: ", isolated(label));
  return make("table", {}, caption, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

function signed(number) {
  return `${number < 0 ? "−" : "+"}${Math.abs(number).toFixed(2)}`;
}
