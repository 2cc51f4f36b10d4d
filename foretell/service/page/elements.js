// Elements whose words come from anywhere: a string only ever becomes text, never markup.

// Controls, those that would turn around what stands about them, and halves of surrogate pairs.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|[\ud800-\udfff]/gu;

// An element with attributes and children; a child that is a string is text.
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// A text of unknown direction that cannot reorder its neighbours.
export function apart(text) {
  return make("bdi", {}, visible(text));
}

// Controls, and those that turn the writing around, made visible one for one.
export function visible(text) {
  return text.replace(INVISIBLE, "\ufffd");
}

// A word as it is shown: the end of a line has a name.
export function word(text) {
  return text === "<eos>" || text === "" ? make("i", {}, "end of line") : apart(text);
}

// A bar, `part` of its track long; it says nothing that is not beside it in numbers.
export function bar(part, kind = "") {
  const filling = make("i");
  filling.style.setProperty("--part", String(Math.min(1, Math.max(0, part))));
  return make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, filling);
}

export function percent(part) {
  return `${(100 * part).toFixed(1)} %`;
}

export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// Shows what is found, or the invitation where nothing is.
export function reveal(card, isFound) {
  card.querySelector(".found").hidden = !isFound;
  card.querySelector(".invite").hidden = isFound;
}

// Shows an error in one line; "" hides it.
export function complain(line, message) {
  line.textContent = visible(message);
  line.hidden = !message;
}

let saying;

// Tells a screen reader, once the typing pauses.
export function say(message) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    document.getElementById("said").textContent = visible(message);
  }, 900);
}
