// A text field whose words can be marked: behind it lies a mirror of the text, marks and all, that nobody reads.

import { make } from "./elements.js";
import { inUnits } from "./points.js";

export class Editor {
  #marks = [];
  #before = "";
  #ghost = "";

  // `changed(text)` is called when the text changes, `moved(mark)` with the mark under the caret, or null.
  constructor(root, { changed, moved = () => {} }) {
    this.field = root.querySelector("textarea");
    this.mirror = root.querySelector(".mirror");
    this.changed = changed;
    this.moved = moved;
    this.field.addEventListener("input", () => this.#follow());
    document.addEventListener("selectionchange", () => {
      if (document.activeElement === this.field) this.moved(this.#under());
    });
    this.#reflect();
  }

  get text() {
    return this.field.value;
  }

  // Puts another text in its place, the caret at its end.
  set text(text) {
    this.field.value = text;
    this.field.setSelectionRange(text.length, text.length);
    this.#follow();
  }

  get isAtEnd() {
    const { selectionStart, selectionEnd, value } = this.field;
    return selectionStart === value.length && selectionEnd === value.length;
  }

  // Marks words of the text: [{start, end, kind, level, ...}], in code points and in order. `level` is 0 to 1.
  paint(marks) {
    this.#marks = inUnits(this.text, marks);
    this.#reflect();
    this.moved(this.#under());
  }

  // Shows a suggestion behind the end of the text.
  suggest(ending) {
    this.#ghost = ending;
    this.#reflect();
  }

  // Keeps the marks of what is still there, until they are painted anew.
  #follow() {
    const before = this.#before;
    const after = this.text;
    let head = 0;
    while (head < before.length && before[head] === after[head]) head++;
    const most = Math.min(before.length, after.length) - head;
    let tail = 0;
    while (tail < most && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
    const moved = after.length - before.length;
    this.#marks = this.#marks.flatMap((mark) => {
      if (mark.end <= head) return [mark];
      if (mark.start < before.length - tail) return [];
      return [{ ...mark, start: mark.start + moved, end: mark.end + moved }];
    });
    this.#ghost = "";
    this.#reflect();
    this.changed(after);
  }

  #reflect() {
    const text = this.text;
    this.#before = text;
    const parts = [];
    let at = 0;
    for (const mark of this.#marks) {
      const marked = make("mark", { class: mark.kind }, text.slice(mark.start, mark.end));
      marked.style.setProperty("--level", mark.level.toFixed(3));
      parts.push(text.slice(at, mark.start), marked);
      at = mark.end;
    }
    // In the field the line is broken as if there were no suggestion.
    const ghost = [make("wbr"), make("span", { class: "ghost" }, this.#ghost)];
    // A line that has just begun needs something in it to be as high as one.
    this.mirror.replaceChildren(...parts, text.slice(at), ...ghost, "\u200b");
  }

  #under() {
    const at = this.field.selectionStart;
    return this.#marks.find((mark) => mark.start <= at && at <= mark.end) ?? null;
  }
}
