// A unit's gates and cell state as a heat map: a column for each word, in lines that fit the page.

import { apart, make, visible } from "./elements.js";

const MOST_STEPS = 400;
const LEAST_WIDTH = 44;
const MOST_WIDTH = 150;
const PADDING = 14;
const HEAD = 104;
const SLIM = { width: 420, head: 82 };

const ROWS = [
  { name: "Forget gate", of: ({ gates }) => gates.forget },
  { name: "Input gate", of: ({ gates }) => gates.input },
  { name: "Candidate", of: ({ gates }) => gates.candidate, isSigned: true },
  { name: "Cell state", of: ({ cell }) => cell, isSigned: true, kind: "cell" },
  { name: "Output gate", of: ({ gates }) => gates.output },
  { name: "Output", of: ({ hidden }) => hidden, isSigned: true },
];

export class HeatMap {
  #found = null;
  #place = null;
  #width = 0;

  constructor(part) {
    [this.maps, this.step, this.note] = [".maps", ".step", ".note"].map((which) => part.querySelector(which));
    this.pen = document.createElement("canvas").getContext("2d");
    new ResizeObserver(() => this.#fit()).observe(this.maps);
    this.maps.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) this.point(Number(button.value));
    });
  }

  // Shows the states of a unit; null shows nothing.
  show(found) {
    const steps = found?.steps.length ?? 0;
    this.#found = found;
    this.from = Math.max(0, steps - MOST_STEPS);
    if (!steps) this.#place = null;
    else if (this.#place === null || this.#place >= steps) this.#place = steps - 1;
    this.note.hidden = !this.from && !found?.backward;
    this.note.textContent = [
      found?.backward ? "This layer reads from the end: what it kept comes from the word to the right." : "",
      this.from ? `The last ${MOST_STEPS} of ${steps.toLocaleString("en")} words.` : "",
    ].join(" ");
    this.#width = 0;
    this.#fit();
  }

  // Tells of one step, by its place.
  point(place) {
    if (!this.#found?.steps[place]) return;
    this.#place = place;
    this.#tell();
  }

  #tell() {
    const place = this.#place;
    for (const button of this.maps.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.value) === place);
    }
    this.step.replaceChildren(...told(this.#found, place));
  }

  #fit() {
    const width = this.maps.clientWidth;
    if (!this.#found) this.maps.replaceChildren();
    if (!this.#found || !width || width === this.#width) return;
    this.#width = width;
    const held = this.maps.contains(document.activeElement) ? document.activeElement.value : null;
    const most = Math.max(1, ...this.#found.cell.map(Math.abs));
    const scales = ROWS.map(({ kind }) => (kind === "cell" ? most : 1));
    this.maps.replaceChildren(...this.#lines(width).map((places) => table(this.#found, places, scales)));
    this.#tell();
    if (held !== null) this.maps.querySelector(`[value="${held}"]`)?.focus();
  }

  // The places of the steps, line by line.
  #lines(width) {
    this.pen.font = getComputedStyle(this.maps).font;
    const lines = [];
    let left = 0;
    for (let place = this.from; place < this.#found.steps.length; place++) {
      const { text } = this.#found.steps[place];
      const wide = Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, this.pen.measureText(text.slice(0, 40)).width + PADDING));
      if (!lines.length || left < wide) {
        lines.push([]);
        left = width - (width < SLIM.width ? SLIM.head : HEAD);
      }
      lines.at(-1).push(place);
      left -= wide;
    }
    return lines;
  }
}

function table(found, places, scales) {
  const words = places.map((place) => {
    const { text } = found.steps[place];
    const how = { type: "button", value: place, title: visible(text), "aria-pressed": "false" };
    return make("th", { scope: "col" }, make("button", how, apart(text)));
  });
  const rows = ROWS.map(({ name, of, isSigned, kind }, at) => make("tr", { class: kind ?? null },
    make("th", { scope: "row" }, name),
    ...places.map((place) => cell(of(found)[place], isSigned, scales[at]))));
  const head = make("thead", {}, make("tr", {}, make("td"), ...words));
  return make("table", { class: "map" }, head, make("tbody", {}, ...rows));
}

function cell(value, isSigned, scale) {
  const element = make("td", { class: isSigned && value < 0 ? "against" : "for" }, short(value));
  element.style.setProperty("--level", Math.min(1, Math.abs(value) / scale).toFixed(3));
  return element;
}

// One step as an equation, in its own numbers.
function told(found, place) {
  const names = ["forget", "input", "candidate", "output"];
  const [forget, input, candidate, output] = names.map((name) => found.gates[name][place]);
  const [now, hidden] = [found.cell[place], found.hidden[place]];
  // What the gates say that there was: also right where the network begins anew.
  const before = forget > 1e-6 ? (now - input * candidate) / forget : 0;
  const line = (...parts) => make("p", { class: "sum" }, ...parts);
  const figure = (value, name) => make("span", {}, make("b", {}, short(value)), make("small", {}, name));
  return [
    make("h4", {}, "At “", apart(found.steps[place].text), "”"),
    line(figure(now, "cell state"), " = ", figure(forget, "forget"), " × ", figure(before, "before"), " + ",
      figure(input, "input"), " × ", figure(candidate, "candidate")),
    line(figure(hidden, "output"), " = ", figure(output, "output gate"), " × tanh(", figure(now, "cell state"), ")"),
  ];
}

function short(value) {
  const digits = Math.abs(value) < 10 ? 2 : 1;
  const rounded = Math.abs(value).toFixed(digits);
  return Number(rounded) && value < 0 ? `−${rounded}` : rounded;
}
