// Three suggestions above the text while it is written, accepted by Tab, by the keys 1 to 3, or by a tap.

const KEYS = ["1", "2", "3"];
const CLOSING_MARKS = ".,!?;:)]}…%’”»";

export class Suggestions {
  #choices = [];
  // The text of a request that is not answered yet, and a key that was pressed meanwhile.
  #waiting = null;
  #pending = null;
  // Whether Tab moves to the next control until the text changes.
  #isOff = false;
  // The text after a suggestion was accepted: its last space is removed if a closing mark follows.
  #accepted = null;

  // `change` is called after a suggestion was accepted.
  constructor(element, field, model, change) {
    Object.assign(this, { element, field, model, change });
    element.hidden = false;
    // The text keeps the focus, and a phone its keyboard.
    element.addEventListener("pointerdown", (event) => event.preventDefault());
    field.addEventListener("keydown", (event) => this.#keyDown(event));
  }

  // Shows the suggestions for the text; of several calls the last one counts.
  async update() {
    const text = this.field.value;
    [this.#waiting, this.#pending, this.#isOff] = [text, null, false];
    // The keys 1 to 3 belong to a number that is being written.
    const choices = /\d$/u.test(text) ? [] : await this.model.suggest(text);
    if (this.#waiting !== text) return;
    this.#waiting = null;
    this.#show(choices);
    const key = this.#pending;
    this.#pending = null;
    if (key !== null && !this.#accept(key) && key !== "Tab") this.#write(text + key);
  }

  #show(choices) {
    this.#choices = choices;
    this.element.replaceChildren(...choices.map(({ word }, i) => {
      const [button, key, name] = ["button", "kbd", "bdi"].map((tag) => document.createElement(tag));
      button.type = "button";
      key.textContent = KEYS[i];
      key.setAttribute("aria-hidden", "true");
      name.textContent = word;
      button.append(key, name);
      button.addEventListener("click", () => this.#accept(KEYS[i]));
      return button;
    }));
  }

  #keyDown(event) {
    const { key } = event;
    const isAtEnd = this.field.selectionStart === this.field.value.length;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
    if (key === "Escape") {
      [this.#waiting, this.#isOff] = [null, true];
      this.#show([]);
    } else if (!event.isComposing && !hasModifier && isAtEnd && !this.#isOff && this.#takes(key)) {
      event.preventDefault();
    }
  }

  #takes(key) {
    const text = this.field.value;
    if (this.#accepted === text && CLOSING_MARKS.includes(key)) {
      this.#write(text.slice(0, -1) + key);
      return true;
    }
    if (!text || (key !== "Tab" && !KEYS.includes(key))) return false;
    if (this.#waiting === null || (key !== "Tab" && !this.#choices.length)) return this.#accept(key);
    this.#pending = key;
    return true;
  }

  #accept(key) {
    const choice = this.#choices[key === "Tab" ? 0 : KEYS.indexOf(key)];
    if (!choice) return false;
    this.#accepted = choice.text;
    this.#write(choice.text);
    return true;
  }

  #write(text) {
    this.field.value = text;
    this.field.focus();
    this.change();
  }
}
