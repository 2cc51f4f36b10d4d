// A text field with marked words. A textarea cannot contain marks, so an element behind it, the mirror, repeats its
// text with the marks. Screen readers skip the mirror.

import { make } from "./elements.js";
import { insert } from "./suggestions.js";

export class Editor {
  onCaret; onChange;
  #marks = [];
  #lastText = "";
  #parts = [];
  #suggestion = make("span", { class: "ghost" });

  // onChange: called with the text when it changes.
  // onCaret: called with the mark at the caret, or null, when the caret moves.
  constructor(root, { onChange, onCaret = (_) => {} }) {
    this.field = root.querySelector("textarea");
    this.mirror = root.querySelector(".mirror");
    Object.assign(this, { onChange, onCaret });
    // <wbr>: the lines break as in the textarea, which has no suggestion. The zero-width space gives an empty last
    // line its height.
    this.mirror.replaceChildren(make("wbr"), this.#suggestion, "\u200b");
    this.field.addEventListener("input", () => this.#textChanged());
    document.addEventListener("selectionchange", () => {
      if (document.activeElement === this.field) this.onCaret(this.#markAtCaret());
    });
    this.#updateMirror();
  }

  get text() {
    return this.field.value;
  }

  // Replaces the text and moves the caret to its end.
  set text(text) {
    this.field.value = text;
    this.field.setSelectionRange(text.length, text.length);
    this.#textChanged();
  }

  // Adds to the end of the text, as if it were typed: the browser can undo it.
  append(text) {
    this.field.setSelectionRange(this.text.length, this.text.length);
    insert(this.field, text);
  }

  get isCaretAtEnd() {
    const { selectionStart, selectionEnd, value } = this.field;
    return selectionStart === value.length && selectionEnd === value.length;
  }

  // Marks words: [{start, end, kind, level, ...}], in order, with offsets in code points. `kind` is a CSS class,
  // `level` (0 to 1) the strength of the shade.
  setMarks(marks) {
    this.#marks = inCodeUnits(this.text, marks);
    this.#updateMirror();
    this.onCaret(this.#markAtCaret());
  }

  // Shows a suggestion after the end of the text.
  suggest(suggestion) {
    this.#suggestion.textContent = suggestion;
  }

  // Keeps the marks of the unchanged parts of the text until the next call of `setMarks`.
  #textChanged() {
    const before = this.#lastText;
    const after = this.text;
    const [prefix, suffix] = commonLengths(before, after, (a, b) => a === b);
    const shift = after.length - before.length;
    this.#marks = this.#marks.flatMap((mark) => {
      if (mark.end <= prefix) return [mark];
      if (mark.start < before.length - suffix) return [];
      return [{ ...mark, start: mark.start + shift, end: mark.end + shift }];
    });
    this.#suggestion.textContent = "";
    this.#updateMirror();
    this.onChange(after);
  }

  // Replaces only the changed parts of the mirror: to replace all of a long text takes longer than the time between
  // two keys.
  #updateMirror() {
    this.#lastText = this.text;
    const before = this.#parts;
    const after = this.#splitAtMarks();
    const [prefix, suffix] = commonLengths(before, after, (a, b) => a.key === b.key);
    const next = before[before.length - suffix]?.node ?? this.mirror.querySelector("wbr");
    for (const { node } of before.slice(prefix, before.length - suffix)) node.remove();
    after.forEach((part, index) => {
      const isKept = index < prefix || index >= after.length - suffix;
      part.node = isKept ? before[index < prefix ? index : index - after.length + before.length].node : makeNode(part);
      if (!isKept) next.before(part.node);
    });
    this.#parts = after;
  }

  // The text as a list of parts with and without a mark.
  #splitAtMarks() {
    const text = this.text;
    const parts = [];
    let position = 0;
    const add = (end, mark) => {
      const part = text.slice(position, end);
      const level = mark?.level.toFixed(3);
      if (part) parts.push({ part, mark, level, key: mark ? `${mark.kind} ${level} ${part}` : ` ${part}` });
      position = end;
    };
    for (const mark of this.#marks) {
      add(mark.start, null);
      add(mark.end, mark);
    }
    add(text.length, null);
    return parts;
  }

  #markAtCaret() {
    const caret = this.field.selectionStart;
    return this.#marks.find((mark) => mark.start <= caret && caret <= mark.end) ?? null;
  }
}

// The lengths of the common prefix and, of the rest, of the common suffix of two strings or arrays.
function commonLengths(before, after, isSame) {
  const max = Math.min(before.length, after.length);
  let prefix = 0;
  while (prefix < max && isSame(before[prefix], after[prefix])) prefix++;
  let suffix = 0;
  while (suffix < max - prefix && isSame(before.at(-1 - suffix), after.at(-1 - suffix))) suffix++;
  return [prefix, suffix];
}

// The marks of a text with `start` and `end` as offsets in UTF-16 code units instead of code points.
function inCodeUnits(text, marks) {
  const offsets = [];
  for (let offset = 0; offset < text.length; offset += text.codePointAt(offset) > 0xffff ? 2 : 1) offsets.push(offset);
  offsets.push(text.length);
  return marks.map((mark) => ({ ...mark, start: offsets[mark.start], end: offsets[mark.end] }));
}

function makeNode({ part, mark, level }) {
  if (!mark) return document.createTextNode(part);
  const element = make("mark", { class: mark.kind }, part);
  element.style.setProperty("--level", level);
  return element;
}
