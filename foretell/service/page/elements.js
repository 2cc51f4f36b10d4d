// Helpers that make HTML and SVG elements. Strings become text nodes, never markup. The page of an exported model uses
// this file, too.

// Control characters, bidirectional overrides and isolates, and unpaired surrogates.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udfff]/gu;
// White space, joiners and selectors alone: a button of them would have no name.
const UNSEEN = /^[\s\p{Default_Ignorable_Code_Point}]+$/u;
// Milliseconds without a new announcement before a screen reader gets the last one.
const ANNOUNCEMENT_DELAY = 900;

// Creates an HTML element with attributes and children. A child that is a string becomes text. Attributes whose
// value is null or undefined are left out.
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// Creates an option, in the direction of its name.
export function option(name, attributes = {}) {
  return make("option", { dir: "auto", ...attributes }, visible(name));
}

// Creates an SVG element, with the same arguments as `make`.
export function makeSvg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// The elements that selectors find in `root`.
export function find(root, ...selectors) {
  return selectors.map((selector) => root.querySelector(selector));
}

// A text in a <bdi> element: a right-to-left text cannot reorder the text around it.
export function isolated(text) {
  return make("bdi", {}, visible(text));
}

// The text with each character of INVISIBLE replaced by U+FFFD.
export function visible(text) {
  return text.replace(INVISIBLE, "\ufffd");
}

// An element that shows a word of the vocabulary; "<eos>" is shown as "end of line", the space that belongs to a token
// as ␣, and a word that cannot be seen by its code points.
export function wordElement(word) {
  if (word === "<eos>" || word === "") return make("i", {}, "end of line");
  const shown = spacesShown(word);
  return UNSEEN.test(shown) ? make("i", {}, codePoints(shown)) : isolated(shown);
}

function codePoints(text) {
  return Array.from(text, (each) => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");
}

// A token with its spaces as ␣.
export function spacesShown(token) {
  return token.replaceAll(" ", "\u2423");
}

// A bar whose filled part is `fraction` (0 to 1) of its length. Screen readers skip it: the number stands beside it.
export function bar(fraction, kind = "") {
  const filling = make("i");
  filling.style.setProperty("--part", String(Math.min(1, Math.max(0, fraction))));
  return make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, filling);
}

// A probability from 0 to 1 as a percentage with one decimal.
export function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

// A number with its noun: "1 text", "2 texts".
export function count(number, singular, plural = `${singular}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;
}

// Shows the result of a card, or its invitation to type a text.
export function showResult(card, hasResult) {
  card.querySelector(".result").hidden = !hasResult;
  card.querySelector(".invite").hidden = hasResult;
}

// Shows an error message in `element`; "" hides it.
export function showError(element, message) {
  element.textContent = visible(message);
  element.hidden = !message;
}

// Returns a function that lets a screen reader announce a message in `element` after a pause in typing.
export function announcing(element) {
  let timer;
  return (message) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      element.textContent = visible(message);
    }, ANNOUNCEMENT_DELAY);
  };
}

let announceOnPage;

// Lets a screen reader announce a message after a pause in typing.
export function announce(message) {
  announceOnPage ??= announcing(document.getElementById("announcement"));
  announceOnPage(message);
}
