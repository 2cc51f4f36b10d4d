// Three words above a text while it is written. Tab accepts the first one, Alt and 1 to 3 or a tap any. Digits are text.
// The page of an exported model uses this file, too.

import { isolated, make, visible } from "./elements.js";
import { CLOSING } from "./spacing.js";

const SUGGESTIONS = 3;
const DIGITS = ["Digit1", "Digit2", "Digit3"];

// Inserts a string at the caret in place of the last `replaced` characters, as if it were typed: the browser can undo
// it, and the field has an "input" event.
export function insert(field, text, replaced = 0) {
  field.focus();
  const { selectionStart, selectionEnd } = field;
  // A selection that changes ends the typing before it, which would be undone together with this string.
  field.setSelectionRange(0, 0);
  field.setSelectionRange(selectionStart - replaced, selectionEnd);
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export class Suggestions {
  field; element;
  #choices = [];
  // The text before the caret that the choices are for.
  #text = null;
  // Which suggestion was accepted before those for the text were there, as a function for `find`; null: none.
  #pending = null;
  // Whether Tab moves to the next control until the text changes.
  #isOff = false;
  // The text after a suggestion was accepted: its last space is removed if a closing mark follows.
  #accepted = null;
  #end = new AbortController();

  constructor(element, field) {
    Object.assign(this, { element, field });
    // The text keeps the focus, and a phone its keyboard.
    element.addEventListener("pointerdown", (event) => event.preventDefault());
    field.addEventListener("keydown", (event) => this.#keyDown(event), { signal: this.#end.signal });
  }

  // Leaves the keys of the field alone from now on.
  stop() {
    this.#end.abort();
  }

  // The text before the caret; null if the caret stands before a letter, or text is selected.
  get text() {
    const { selectionStart, selectionEnd, value } = this.field;
    const isAtEnd = selectionStart === selectionEnd && !/^\S/u.test(value.slice(selectionEnd));
    return isAtEnd ? value.slice(0, selectionStart) : null;
  }

  // Waits for the choices for a text, which `show` gets.
  wait(text) {
    this.#text = text;
    this.#choices = [];
    this.#pending = null;
    this.#isOff = false;
    this.isWaiting = true;
  }

  // Shows the choices for the text of `wait`: [{word, added}]. `added` is the string that is added to the text.
  show(choices) {
    this.isWaiting = false;
    this.#choices = this.#isOff ? [] : choices.slice(0, SUGGESTIONS);
    this.element.replaceChildren(...this.#choices.map((choice, place) => {
      const key = make("kbd", { "aria-hidden": "true" }, String(place + 1));
      const name = make("span", { title: visible(choice.word) }, isolated(choice.word));
      const button = make("button", { type: "button", "aria-keyshortcuts": `Alt+${place + 1}` }, key, name);
      button.addEventListener("click", () => this.#tap(choice));
      return button;
    }));
    const pending = this.#pending && this.#choices.find(this.#pending);
    this.#pending = null;
    // Not where the caret has moved or text is selected since then.
    if (pending && this.text === this.#text) this.#accept(pending);
  }

  // Shows no suggestions until the text changes.
  hide() {
    this.#isOff = true;
    this.show([]);
  }

  #keyDown(event) {
    if (event.isComposing) return;
    const { key } = event;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
    if (key === "Escape") this.hide();
    else if (!hasModifier && this.#accepted && this.#accepted === this.text && CLOSING.has(key)) {
      event.preventDefault();
      insert(this.field, key, 1);
    } else if (this.#takes(placeOf(event))) event.preventDefault();
  }

  #takes(place) {
    if (place < 0 || this.#isOff || this.field.readOnly || !this.#text || this.text !== this.#text) return false;
    if (this.isWaiting) {
      this.#pending = (_, index) => index === place;
      return true;
    }
    const choice = this.#choices[place];
    if (choice) this.#accept(choice);
    return Boolean(choice);
  }

  // The buttons are those of the text before until the suggestions for the present one are there.
  #tap(choice) {
    if (this.isWaiting) this.#pending = ({ word }) => word === choice.word;
    else this.#accept(choice);
  }

  #accept({ added }) {
    if (this.text !== this.#text) this.field.setSelectionRange(this.#text.length, this.#text.length);
    this.#accepted = added.endsWith(" ") ? this.text + added : null;
    insert(this.field, added);
  }
}

// The place of the suggestion that a key accepts; -1: none.
function placeOf({ key, code, altKey, ctrlKey, metaKey, shiftKey }) {
  if (ctrlKey || metaKey || shiftKey) return -1;
  if (altKey) return DIGITS.indexOf(code);
  return key === "Tab" ? 0 : -1;
}
