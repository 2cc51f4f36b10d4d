// The verdict along a text, as a curve: the probability of the label after each word.

import { draw, percent, visible } from "./elements.js";

const HEIGHT = 190;
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 14, 12, 26];
const GRID = [0, 0.5, 1];

export class Curve {
  #found = null;
  #place = null;
  #width = 0;

  // `touched(place)` is called with the word under the pointer, or null.
  constructor(figure, touched) {
    this.figure = figure;
    new ResizeObserver(() => this.fit()).observe(figure);
    figure.addEventListener("pointermove", (event) => {
      if (this.#found) touched(this.point(this.#near(event)));
    });
    figure.addEventListener("pointerleave", () => touched(this.point(null)));
  }

  // Shows an explanation; null shows nothing.
  show(found) {
    this.#found = found;
    this.#place = null;
    this.#width = 0;
    this.fit();
  }

  // Marks a word by its place, or none; returns it.
  point(place) {
    this.#place = place;
    this.#mark();
    return place;
  }

  // Draws it as wide as there is room: its letters keep their size.
  fit() {
    const width = this.figure.clientWidth;
    if (!this.#found) this.figure.replaceChildren();
    if (!this.#found || !width || width === this.#width) return;
    this.#width = width;
    const points = this.#points();
    const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const floor = this.#y(0);
    const area = `${points[0].x},${floor} ${line} ${points.at(-1).x},${floor}`;
    this.marker = draw("g", { class: "marker" });
    this.figure.replaceChildren(draw("svg", { width, height: HEIGHT, role: "img", "aria-label": this.#told() },
      ...GRID.flatMap((part) => this.#gridLine(part)),
      draw("polygon", { class: "area", points: area }),
      draw("polyline", { class: "line", points: line }),
      draw("text", { x: LEFT, y: HEIGHT - 6 }, "word 1"),
      draw("text", { x: width - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, `${this.#found.words.length}`),
      this.marker));
    this.#mark();
  }

  #told() {
    const { running, label } = this.#found;
    const [least, most] = [Math.min(...running), Math.max(...running)].map(percent);
    const [first, last] = [running[0], running.at(-1)].map(percent);
    return `The probability of ${visible(label)} goes from ${first} to ${last}, between ${least} and ${most}.`;
  }

  #gridLine(part) {
    const y = this.#y(part);
    return [
      draw("line", { class: part === 0.5 ? "grid half" : "grid", x1: LEFT, x2: this.#width - RIGHT, y1: y, y2: y }),
      draw("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, `${100 * part} %`),
    ];
  }

  // Where each value of `running` lies: the last is after all words.
  #points() {
    const { running, stride, words } = this.#found;
    return running.map((part, at) => {
      const place = Math.min((at + 1) * stride, words.length) - 1;
      return { place, x: this.#x(place), y: this.#y(part), part };
    });
  }

  #mark() {
    if (!this.marker) return;
    const isShown = this.#found && this.#place !== null;
    this.marker.replaceChildren(...(isShown ? this.#markParts() : []));
  }

  #markParts() {
    const points = this.#points();
    const { x, y } = points[Math.min(points.length - 1, Math.floor(this.#place / this.#found.stride))];
    return [
      draw("line", { x1: x, x2: x, y1: TOP, y2: this.#y(0) }),
      draw("circle", { cx: x, cy: y, r: 5 }),
    ];
  }

  #near({ clientX }) {
    const { left } = this.figure.getBoundingClientRect();
    const most = this.#found.words.length - 1;
    const part = (clientX - left - LEFT) / (this.#width - LEFT - RIGHT);
    return Math.min(most, Math.max(0, Math.round(part * most)));
  }

  #x(place) {
    return LEFT + (place / (this.#found.words.length - 1)) * (this.#width - LEFT - RIGHT);
  }

  #y(part) {
    return TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);
  }
}
