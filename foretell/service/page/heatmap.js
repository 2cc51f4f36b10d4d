// The gates and the cell state of one LSTM unit as a heat map: one column per word, in as many tables as the width of
// the page requires.

import { find, make, visible, wordElement } from "./elements.js";

const MAX_STEPS = 400;
// CSS pixels.
const MIN_COLUMN = 50;
const MAX_COLUMN = 150;
const COLUMN_PADDING = 14;
// The width of the row names. It must fit figures.css, which makes them narrower on a narrow page.
const HEAD = 104;
const NARROW = { width: 420, head: 82 };
const MAX_MEASURED = 40; // Characters: longer words are cut by CSS anyway.
// Below this forget gate a division by it would show rounding errors.
const MIN_FORGET = 1e-6;

const ROWS = [
  { name: "Forget gate", values: ({ gates }) => gates.forget },
  { name: "Input gate", values: ({ gates }) => gates.input },
  { name: "Candidate", values: ({ gates }) => gates.candidate, isSigned: true },
  { name: "Cell state", values: ({ cell }) => cell, isSigned: true, kind: "cell" },
  { name: "Output gate", values: ({ gates }) => gates.output },
  { name: "Hidden state", values: ({ hidden }) => hidden, isSigned: true },
];

export class HeatMap {
  maps; step; note;
  #states = null;
  #selected = null;
  #width = 0;

  constructor(root) {
    [this.maps, this.step, this.note] = find(root, ".maps", ".step", ".note");
    this.canvas = document.createElement("canvas").getContext("2d");
    new ResizeObserver(() => this.#resize()).observe(this.maps);
    this.maps.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) this.select(Number(button.value));
    });
  }

  // Shows the answer of POST /v1/states; null shows nothing. The selected word stays selected, if it is still there.
  show(states) {
    const steps = states?.steps.length ?? 0;
    this.#states = states;
    this.first = Math.max(0, steps - MAX_STEPS);
    if (!steps) this.#selected = null;
    else if (this.#selected === null || this.#selected >= steps) this.#selected = steps - 1;
    this.note.hidden = !this.first && !states?.backward;
    this.note.textContent = [
      states?.backward ? "This layer reads the text backwards: the previous word is the one to the right." : "",
      this.first ? `Only the last ${MAX_STEPS} of ${steps.toLocaleString("en")} words are shown.` : "",
    ].join(" ");
    this.#width = 0;
    this.#resize();
  }

  // Shows the equations of the word at `index`.
  select(index) {
    if (!this.#states?.steps[index]) return;
    this.#selected = index;
    this.#showStep();
  }

  #showStep() {
    for (const button of this.maps.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", Number(button.value) === this.#selected);
    }
    this.step.replaceChildren(...equations(this.#states, this.#selected));
  }

  #resize() {
    const width = this.maps.clientWidth;
    if (!this.#states) this.maps.replaceChildren();
    if (!this.#states || !width || width === this.#width) return;
    this.#width = width;
    const focused = this.maps.querySelector(":focus")?.value ?? null;
    const largest = Math.max(1, ...this.#states.cell.map(Math.abs));
    const scales = ROWS.map(({ kind }) => (kind === "cell" ? largest : 1));
    this.maps.replaceChildren(...this.#lines(width).map((indices) => table(this.#states, indices, scales)));
    this.#showStep();
    if (focused !== null) this.maps.querySelector(`[value="${focused}"]`)?.focus();
  }

  // The indices of the words, a list for each table.
  #lines(width) {
    const { fontSize, fontFamily } = getComputedStyle(this.maps);
    this.canvas.font = `${fontSize} ${fontFamily}`;
    const lines = [];
    let free = 0;
    for (let index = this.first; index < this.#states.steps.length; index++) {
      const { text } = this.#states.steps[index];
      const textWidth = this.canvas.measureText(text.slice(0, MAX_MEASURED)).width + COLUMN_PADDING;
      const column = Math.min(MAX_COLUMN, Math.max(MIN_COLUMN, textWidth));
      if (!lines.length || free < column) {
        lines.push([]);
        free = width - (width < NARROW.width ? NARROW.head : HEAD);
      }
      lines.at(-1).push(index);
      free -= column;
    }
    return lines;
  }
}

function table(states, indices, scales) {
  const words = indices.map((index) => {
    const { text } = states.steps[index];
    const attributes = { type: "button", value: index, title: visible(text) || null, "aria-pressed": "false" };
    return make("th", { scope: "col" }, make("button", attributes, wordElement(text)));
  });
  const rows = ROWS.map(({ name, values, isSigned, kind }, row) => make("tr", { class: kind ?? null },
    make("th", { scope: "row" }, name),
    ...indices.map((index) => cell(values(states)[index], isSigned, scales[row]))));
  const head = make("thead", {}, make("tr", {}, make("td"), ...words));
  return make("table", { class: "map" }, head, make("tbody", {}, ...rows));
}

function cell(value, isSigned, scale) {
  const element = make("td", { class: isSigned && value < 0 ? "against" : "for" }, short(value));
  element.style.setProperty("--level", Math.min(1, Math.abs(value) / scale).toFixed(3));
  return element;
}

// The two equations of an LSTM unit with the numbers of one word.
function equations(states, index) {
  const names = ["forget", "input", "candidate", "output"];
  const [forget, input, candidate, output] = names.map((name) => states.gates[name][index]);
  const [cellState, hidden] = [states.cell[index], states.hidden[index]];
  // Computed from the gates, not read from the word before: a network that reads windows starts again from zero.
  const previous = forget > MIN_FORGET ? (cellState - input * candidate) / forget : 0;
  const line = (...parts) => make("p", { class: "sum" }, ...parts);
  const figure = (value, name) => make("span", {}, make("b", {}, short(value)), make("small", {}, name));
  return [
    make("h4", {}, "At “", wordElement(states.steps[index].text), "”"),
    line(figure(cellState, "cell state"), " = ", figure(forget, "forget gate"), " × ",
      figure(previous, "previous cell state"), " + ", figure(input, "input gate"), " × ",
      figure(candidate, "candidate")),
    line(figure(hidden, "hidden state"), " = ", figure(output, "output gate"), " × tanh(",
      figure(cellState, "cell state"), ")"),
  ];
}

function short(value) {
  const digits = Math.abs(value) < 10 ? 2 : 1;
  const rounded = Math.abs(value).toFixed(digits);
  return Number(rounded) && value < 0 ? `−${rounded}` : rounded;
}
