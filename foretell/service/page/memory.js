// What somebody writes, kept in this browser if they want it: the end of the text for the continuous cache of the next
// visit, and words that the model does not know, with their counts. The page of an exported model uses this file, too.

import { make, showError } from "./elements.js";
import { ending } from "./spacing.js";

// Words of the text, as many as the cache has, and new words.
const MAX_WORDS = 500;
const MAX_NEW_WORDS = 2000;
// A word that was written once may be a misspelling.
const MIN_COUNT = 2;
// A new word that was written so often is half as probable as all suggestions together.
const PRIOR = 5;
const NO_STORAGE = "This browser stores nothing for this page: its storage is full or forbidden. What you write is " +
  "remembered until the page is closed.";

export class Memory {
  // What was written before the present text, and that text.
  #past = { text: "", words: {} };
  #present = { text: "", words: [] };

  // `name` is that of the model. `onChange` is called when it is switched on or off.
  constructor(name, onChange) {
    this.key = `foretell ${name}`;
    this.isOn = false;
    this.problem = make("span", { role: "status", class: "memory-problem", hidden: "" });
    this.box = make("input", { type: "checkbox" });
    this.box.addEventListener("change", () => this.#switch(this.box.checked, onChange));
    this.button = make("button", { type: "button", hidden: "" }, "Forget");
    this.button.addEventListener("click", () => this.#switch(false, onChange));
    const label = make("label", {}, this.box, " Remember what I write, in this browser");
    this.controls = make("span", { class: "memory" }, label, this.button, this.problem);
    this.#try(() => {
      const kept = JSON.parse(localStorage.getItem(this.key));
      if (typeof kept?.text === "string" && typeof kept.words === "object") [this.#past, this.isOn] = [kept, true];
    });
    this.#show();
  }

  // The end of what was written before the present text.
  get earlier() {
    return this.isOn && this.#past.text ? `${this.#past.text}\n` : "";
  }

  // Keeps a text, and those of its words that the model does not know. A text that is gone was written all the same.
  keep(text, words) {
    if (text.length < this.#present.text.length / 2) this.#past = this.#all();
    this.#present = { text, words };
    if (this.isOn) this.#try(() => localStorage.setItem(this.key, JSON.stringify(this.#all())));
  }

  // Adds new words that begin with some letters to the suggestions [{word, probability, added}].
  extend(suggestions, beginning) {
    if (!this.isOn || !beginning) return suggestions;
    const sum = suggestions.reduce((total, { probability }) => total + probability, 0) || 1;
    const added = Object.entries(this.#all().words).flatMap(([word, count]) => {
      const rest = count < MIN_COUNT ? null : ending(word, beginning);
      return rest === null ? [] : [{ word, probability: (sum * count) / (count + PRIOR), added: `${rest} ` }];
    });
    return [...suggestions, ...added].sort((a, b) => b.probability - a.probability);
  }

  #all() {
    const words = new Map(Object.entries(this.#past.words));
    for (const word of this.#present.words) words.set(word, (words.get(word) ?? 0) + 1);
    const frequent = [...words].sort(([, a], [, b]) => b - a).slice(0, MAX_NEW_WORDS);
    const text = `${this.#past.text}\n${this.#present.text}`.trim();
    return { text: text.split(/(?<=\s)(?=\S)/u).slice(-MAX_WORDS).join(""), words: Object.fromEntries(frequent) };
  }

  #switch(isOn, onChange) {
    this.isOn = isOn;
    showError(this.problem, "");
    if (isOn) this.keep(this.#present.text, this.#present.words);
    else {
      this.#past = { text: "", words: {} };
      this.#present = { text: "", words: [] };
      this.#try(() => localStorage.removeItem(this.key));
    }
    this.#show();
    onChange();
  }

  #show() {
    this.box.checked = this.isOn;
    this.button.hidden = !this.isOn;
  }

  #try(work) {
    try {
      work();
    } catch {
      if (this.isOn) showError(this.problem, NO_STORAGE);
    }
  }
}
