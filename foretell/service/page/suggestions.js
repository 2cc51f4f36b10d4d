// Three words above the text while it is written: the next ones, or those that begin with the letters written so far.
// They learn the words of the text: the requests have a continuous cache.

import { isolated, make, visible } from "./elements.js";
import { LatestRequest, SHORT_DELAY } from "./latest_request.js";
import { hasOpenVocabulary } from "./model_choice.js";
import { post } from "./service.js";
import { ending, following, lastWord } from "./spacing.js";

const SUGGESTIONS = 3;
// Marks and ends of lines are left out.
const CANDIDATES = 12;
const CACHE_SIZE = 500;
const HAS_LETTER = /[\p{L}\p{N}]/u;
const NO_WORDS = ["<eos>", "<unk>"];
const CLOSING_MARKS = ".,!?;:)]}…%’”»";

export class Suggestions {
  #choices = [];
  // A key that accepts, pressed before the suggestions for the text are there.
  #pending = null;
  // The text after a suggestion was accepted: its last space is removed if a closing mark follows.
  #accepted = null;

  // `view` is the WordsView.
  constructor(element, view) {
    Object.assign(this, { element, view });
    // The text keeps the focus, and a phone its keyboard.
    element.addEventListener("pointerdown", (event) => event.preventDefault());
    this.request = new LatestRequest({
      delay: SHORT_DELAY,
      isEager: true,
      panel: element,
      send: (text, signal) => this.#fetch(text, signal),
      show: (choices) => this.#show(choices),
      fail: () => this.#show([]),
    });
  }

  get isLoading() {
    return this.element.hasAttribute("aria-busy");
  }

  update(text) {
    this.#pending = null;
    // Parts of words have no list of whole words that begin with some letters.
    this.element.hidden = hasOpenVocabulary(this.view.choice.current);
    if (this.element.hidden) this.#show([]);
    else this.request.start(text);
  }

  // Shows no suggestions until the text changes.
  hide() {
    this.request.cancel();
    this.#show([]);
  }

  // Handles a key in the text: Tab and 1 to 3 accept. Returns whether it did.
  takesKey({ key }) {
    const { editor } = this.view;
    if (!editor.isCaretAtEnd || this.element.hidden) return false;
    if (this.#accepted === editor.text && CLOSING_MARKS.includes(key)) {
      editor.text = editor.text.slice(0, -1) + key;
      return true;
    }
    const index = placeOf(key);
    if (index < 0 || !editor.text) return false;
    if (this.isLoading && (key === "Tab" || this.#choices.length)) {
      this.#pending = key;
      return true;
    }
    const choice = this.#choices[index];
    if (choice) this.#accept(choice);
    return Boolean(choice);
  }

  async #fetch(text, signal) {
    const { current } = this.view.choice;
    const beginning = lastWord(text);
    // The keys 1 to 3 belong to a number that is being written.
    if (/\d$/u.test(beginning)) return [];
    const cache = current.preset === "article" ? 0 : CACHE_SIZE;
    const body = { model: current.id, texts: text, k: CANDIDATES, unfinished: beginning !== "", cache };
    const { answers } = await post("next", body, signal);
    const words = answers[0].words.map(({ word }) => word)
      .filter((word) => HAS_LETTER.test(word) && !NO_WORDS.includes(word));
    const begun = (word) => word === beginning || ending(word, beginning) !== null;
    return words.filter((word) => !beginning || begun(word)).slice(0, SUGGESTIONS)
      .map((word) => ({ word, added: beginning ? ending(word, beginning) ?? "" : following(text, word) }));
  }

  #show(choices) {
    this.#choices = choices;
    this.element.replaceChildren(...choices.map((choice, i) => {
      const button = make("button", { type: "button" }, make("kbd", { "aria-hidden": "true" }, String(i + 1)),
        make("span", { title: visible(choice.word) }, isolated(choice.word)));
      button.addEventListener("click", () => this.#accept(choice));
      return button;
    }));
    const [first] = choices;
    const { editor } = this.view;
    if (first && editor.isCaretAtEnd && editor.text) editor.suggest(first.added);
    const key = this.#pending;
    this.#pending = null;
    if (key === null) return;
    const choice = choices[placeOf(key)];
    if (choice) this.#accept(choice);
    else if (key !== "Tab") editor.text += key;
  }

  #accept({ added }) {
    const { editor } = this.view;
    this.#accepted = `${editor.text}${added} `;
    editor.text = this.#accepted;
    editor.field.focus();
  }
}

// The place of the suggestion that a key accepts; -1: none.
function placeOf(key) {
  return ["1", "2", "3"].indexOf(key === "Tab" ? "1" : key);
}
