// The probability of the label after each word of a text, as a curve.

import { makeSvg, percent, visible } from "./elements.js";

const HEIGHT = 190;
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 14, 12, 26];
const GRID = [0, 0.5, 1];

export class Curve {
  #explanation = null;
  #selected = null;
  #width = 0;

  // `onPointer(index)` is called with the index of the word under the pointer, or null.
  constructor(figure, onPointer) {
    this.figure = figure;
    new ResizeObserver(() => this.resize()).observe(figure);
    figure.addEventListener("pointermove", (event) => {
      if (!this.#explanation) return;
      const index = this.#nearestWord(event);
      this.select(index);
      onPointer(index);
    });
    figure.addEventListener("pointerleave", () => {
      this.select(null);
      onPointer(null);
    });
  }

  // Shows an explanation; null shows nothing.
  show(explanation) {
    this.#explanation = explanation;
    this.#selected = null;
    this.#width = 0;
    this.resize();
  }

  // Shows the marker at the word with this index; null hides it.
  select(index) {
    this.#selected = index;
    this.#updateMarker();
  }

  // Draws the curve at the width of the figure. A scaled drawing would scale its text, too.
  resize() {
    const width = this.figure.clientWidth;
    if (!this.#explanation) this.figure.replaceChildren();
    if (!this.#explanation || !width || width === this.#width) return;
    this.#width = width;
    const points = this.#points();
    const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const floor = this.#y(0);
    const area = `${points[0].x},${floor} ${line} ${points.at(-1).x},${floor}`;
    this.marker = makeSvg("g", { class: "marker" });
    const attributes = { width, height: HEIGHT, role: "img", "aria-label": this.#description() };
    this.figure.replaceChildren(makeSvg("svg", attributes,
      ...GRID.flatMap((probability) => this.#gridLine(probability)),
      makeSvg("polygon", { class: "area", points: area }),
      makeSvg("polyline", { class: "line", points: line }),
      makeSvg("text", { x: LEFT, y: HEIGHT - 6 }, "word 1"),
      makeSvg("text", { x: width - RIGHT, y: HEIGHT - 6, "text-anchor": "end" },
        `word ${this.#explanation.words.length}`),
      this.marker));
    this.#updateMarker();
  }

  #description() {
    const { running, label } = this.#explanation;
    const [min, max] = [Math.min(...running), Math.max(...running)].map(percent);
    const [first, last] = [running[0], running.at(-1)].map(percent);
    return `Probability of ${visible(label)} after each word: ${first} at the beginning, ${last} at the end, ` +
      `lowest ${min}, highest ${max}.`;
  }

  #gridLine(probability) {
    const y = this.#y(probability);
    const name = probability === 0.5 ? "grid half" : "grid";
    return [
      makeSvg("line", { class: name, x1: LEFT, x2: this.#width - RIGHT, y1: y, y2: y }),
      makeSvg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, `${100 * probability} %`),
    ];
  }

  // The position of each value of `running`. Value k is after word (k + 1) · stride, the last value after all words.
  #points() {
    const { running, stride, words } = this.#explanation;
    return running.map((probability, k) => {
      const index = Math.min((k + 1) * stride, words.length) - 1;
      return { x: this.#x(index), y: this.#y(probability) };
    });
  }

  #updateMarker() {
    if (!this.marker) return;
    const isShown = this.#explanation && this.#selected !== null;
    this.marker.replaceChildren(...(isShown ? this.#markerParts() : []));
  }

  #markerParts() {
    const points = this.#points();
    const { x, y } = points[Math.min(points.length - 1, Math.floor(this.#selected / this.#explanation.stride))];
    return [makeSvg("line", { x1: x, x2: x, y1: TOP, y2: this.#y(0) }), makeSvg("circle", { cx: x, cy: y, r: 5 })];
  }

  #nearestWord({ clientX }) {
    const { left } = this.figure.getBoundingClientRect();
    const last = this.#explanation.words.length - 1;
    const fraction = (clientX - left - LEFT) / (this.#width - LEFT - RIGHT);
    return Math.min(last, Math.max(0, Math.round(fraction * last)));
  }

  #x(index) {
    return LEFT + (index / (this.#explanation.words.length - 1)) * (this.#width - LEFT - RIGHT);
  }

  #y(probability) {
    return TOP + (1 - probability) * (HEIGHT - TOP - BOTTOM);
  }
}
