// A text field whose words can be marked: behind it lies a mirror of the text, marks and all, that nobody reads.

import { make } from "./elements.js";
import { inUnits } from "./points.js";

export class Editor {
  #marks = [];
  #before = "";
  #parts = [];
  #ghost = make("span", { class: "ghost" });

  // `changed(text)` is called when the text changes, `moved(mark)` with the mark under the caret, or null.
  constructor(root, { changed, moved = () => {} }) {
    this.field = root.querySelector("textarea");
    this.mirror = root.querySelector(".mirror");
    this.changed = changed;
    this.moved = moved;
    // In the field the line is broken as if there were no suggestion. A line that has just begun needs something
    // in it to be as high as one.
    this.mirror.replaceChildren(make("wbr"), this.#ghost, "\u200b");
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
    this.#ghost.textContent = ending;
  }

  // Keeps the marks of what is still there, until they are painted anew.
  #follow() {
    const before = this.#before;
    const after = this.text;
    const [head, tail] = common(before, after, (one, other) => one === other);
    const moved = after.length - before.length;
    this.#marks = this.#marks.flatMap((mark) => {
      if (mark.end <= head) return [mark];
      if (mark.start < before.length - tail) return [];
      return [{ ...mark, start: mark.start + moved, end: mark.end + moved }];
    });
    this.#ghost.textContent = "";
    this.#reflect();
    this.changed(after);
  }

  // Puts into the mirror what has changed: all of a long text would take longer than a key may.
  #reflect() {
    this.#before = this.text;
    const before = this.#parts;
    const after = this.#divided();
    const [head, tail] = common(before, after, (one, other) => one.key === other.key);
    const next = before[before.length - tail]?.node ?? this.mirror.querySelector("wbr");
    for (const { node } of before.slice(head, before.length - tail)) node.remove();
    after.forEach((part, at) => {
      const isKept = at < head || at >= after.length - tail;
      part.node = isKept ? before[at < head ? at : at - after.length + before.length].node : drawn(part);
      if (!isKept) next.before(part.node);
    });
    this.#parts = after;
  }

  // The text in parts, marked and not.
  #divided() {
    const text = this.text;
    const parts = [];
    let at = 0;
    const add = (end, mark) => {
      const part = text.slice(at, end);
      const level = mark?.level.toFixed(3);
      if (part) parts.push({ part, mark, level, key: mark ? `${mark.kind} ${level} ${part}` : ` ${part}` });
      at = end;
    };
    for (const mark of this.#marks) {
      add(mark.start, null);
      add(mark.end, mark);
    }
    add(text.length, null);
    return parts;
  }

  #under() {
    const at = this.field.selectionStart;
    return this.#marks.find((mark) => mark.start <= at && at <= mark.end) ?? null;
  }
}

// How much of the beginnings, and of the rest of the ends, of two lists or texts is the same.
function common(before, after, isSame) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && isSame(before[head], after[head])) head++;
  let tail = 0;
  while (tail < most - head && isSame(before.at(-1 - tail), after.at(-1 - tail))) tail++;
  return [head, tail];
}

function drawn({ part, mark, level }) {
  if (!mark) return document.createTextNode(part);
  const marked = make("mark", { class: mark.kind }, part);
  marked.style.setProperty("--level", level);
  return marked;
}
