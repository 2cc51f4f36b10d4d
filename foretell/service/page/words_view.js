// The view of a language model: the most probable next words while the user types, and the surprisal of each word.

import { showPrograms } from "./code.js";
import { Continuation } from "./continuation.js";
import { Editor } from "./editor.js";
import { announce, bar, isolated, make, percent, showError, spacesShown, visible, wordElement } from "./elements.js";
import { LatestRequest, LONG_DELAY, SHORT_DELAY } from "./latest_request.js";
import { Memory } from "./memory.js";
import { hasOpenVocabulary, ModelChoice } from "./model_choice.js";
import { post } from "./service.js";
import { ending, following, isTyped, lastWord, tokenAfter } from "./spacing.js";
import { Suggestions } from "./suggestions.js";
import { SurprisalCard } from "./surprisal.js";

// Words of an answer: marks and ends of lines are no suggestions, so there are more than are shown.
const CANDIDATES = 12;
const MAX_CHOICES = 6;
const MAX_ANNOUNCED = 3;
// Words of the text in the cache, if the user wants one.
const CACHE_SIZE = 500;

export class WordsView {
  #choices = [];
  #announcement = "";

  constructor(view, models) {
    this.view = view;
    this.choice = new ModelChoice(view, models.filter(({ job }) => job === "words"), () => {
      this.#openMemory();
      this.#update();
    });
    this.problem = view.querySelector(".editor .problem");
    this.title = view.querySelector("#next-title");
    this.list = view.querySelector(".choices");
    this.cacheBox = view.querySelector("[data-cache]");
    this.cacheBox.addEventListener("change", () => this.#update());
    this.surprisal = new SurprisalCard(view.querySelector(".surprisal"));
    this.editor = new Editor(view.querySelector(".editor"), {
      onChange: () => this.#update(),
      onCaret: (mark) => this.surprisal.describe(mark),
    });
    // Before those of the suggestions: Escape stops a continuation first.
    this.editor.field.addEventListener("keydown", (event) => this.#keyDown(event));
    this.suggestions = new Suggestions(view.querySelector(".suggestions"), this.editor.field);
    this.continuation = new Continuation(view.querySelector(".continue"), this);
    this.showPrograms = showPrograms(view.querySelector(".code"), () =>
      ["next", { model: this.choice.current.id, texts: this.text, k: MAX_CHOICES, cache: this.cache }]);
    this.#openMemory();
    this.#makeRequests();
  }

  get text() {
    return this.editor.text;
  }

  // The article's network reads three words only and has no cache.
  get cache() {
    return this.cacheBox.checked && this.choice.current.has_cache ? CACHE_SIZE : 0;
  }

  // Whether the choices are endings of the last word instead of next words.
  get isUnfinished() {
    return this.#choices.some(({ isEnding }) => isEnding);
  }

  // Called when the view is shown.
  enter() {
    if (this.choice.current && !this.list.hasChildNodes()) this.#update();
  }

  // Announces a message, and again together with the next words when they arrive.
  announceFirst(message) {
    this.#announcement = message;
    this.#announce();
  }

  #announce() {
    const isWaiting = this.nextRequest.panel.hasAttribute("aria-busy");
    const words = isWaiting ? [] : this.#choices.slice(0, MAX_ANNOUNCED);
    const next = words.map(({ word }) => visible(spacesShown(word))).join(", ");
    announce([this.#announcement, next && `Next: ${next}`].filter(Boolean).join(" "));
  }

  // Shows an error; the service numbers texts, which is of no use where there is one.
  fail(error) {
    showError(this.problem, error.message.replace(/^text 0: (?:prompt: )?/u, ""));
  }

  // Each model has a memory of its own.
  #openMemory() {
    if (!this.choice.current) return;
    this.memory = new Memory(this.choice.current.id, () => this.#update());
    this.view.querySelector("[data-memory]").replaceChildren(this.memory.controls);
  }

  #makeRequests() {
    this.nextRequest = new LatestRequest({
      delay: SHORT_DELAY,
      isEager: true,
      panel: this.view.querySelector(".next"),
      send: (text, signal) => this.#fetchChoices(text, signal),
      show: (choices) => this.#showChoices(choices),
      fail: (error) => {
        this.#showChoices({ next: [], suggested: [] });
        if (this.text.trim()) this.fail(error);
      },
    });
    this.scoreRequest = new LatestRequest({
      delay: LONG_DELAY,
      panel: this.view.querySelector(".surprisal"),
      send: (text, signal) => this.surprisal.fetch(
        { model: this.choice.current.id, cache: this.cache }, this.#withoutUnfinished(text), signal,
        (words) => this.#showScores(words)),
      show: (words) => {
        this.#showScores(words);
        this.memory.keep(this.text, words.filter(({ text, known }) => !known && isTyped(text)).map(({ text }) => text));
      },
      // The request for the next words has the same text and shows the same error.
      fail: () => this.#showScores([]),
    });
  }

  #update() {
    this.#announcement = "";
    showError(this.problem, "");
    if (!this.choice.current) return;
    this.cacheBox.disabled = !this.choice.current.has_cache;
    this.#nameTokens();
    // Parts of words have no list of whole words that begin with some letters.
    this.suggestions.element.hidden = hasOpenVocabulary(this.choice.current);
    this.showPrograms();
    this.suggestions.wait(this.text);
    this.nextRequest.start(this.text);
    this.scoreRequest.cancel();
    if (this.text.trim()) this.scoreRequest.start(this.text);
    else this.#showScores([]);
  }

  #showScores(words) {
    this.editor.setMarks(this.surprisal.show(words, hasOpenVocabulary(this.choice.current)));
  }

  // Names the unit of the model: words, or tokens that are parts of words.
  #nameTokens() {
    const unit = hasOpenVocabulary(this.choice.current) ? "token" : "word";
    for (const element of this.view.querySelectorAll("[data-unit]")) {
      element.textContent = element.dataset.unit.replace("{unit}", unit);
    }
  }

  // The text without its unfinished word, whose surprisal would be that of another word.
  #withoutUnfinished(text) {
    return this.isUnfinished ? text.slice(0, text.length - lastWord(text).length) : text;
  }

  // The most probable next words, or the endings of the last word if the most probable word that begins with it is a
  // longer one; and the words to suggest, which begin with the last word.
  async #fetchChoices(text, signal) {
    const isOpen = hasOpenVocabulary(this.choice.current);
    // The next token of an open vocabulary continues an unfinished word by itself.
    const beginning = isOpen ? "" : lastWord(text);
    const [whole, begun] = await Promise.all([
      this.#fetchWords(text, false, signal).catch((error) => {
        // Words on white space: a word that is not finished yet may be one that the model cannot read.
        if (beginning && error.status === 422) return [];
        throw error;
      }),
      beginning ? this.#fetchBegun(text, beginning, signal) : [],
    ]);
    const next = whole.map(({ word, probability }) =>
      ({ word, probability, added: this.#added(text, word), isEnding: false }));
    const endings = begun.filter(({ added }) => added);
    const finished = begun.find(({ added }) => !added)?.probability ?? 0;
    const typed = (beginning ? begun : next).filter(({ word }) => isTyped(word));
    const suggested = typed.map((each) => ({ ...each, added: `${each.added} ` }));
    return {
      next: endings.length && endings[0].probability > finished ? endings : next,
      suggested: isOpen ? next : this.memory.extend(suggested, beginning),
    };
  }

  // The words that begin with the letters of the last word. A word that begins with a capital letter is looked for in
  // lower case where there is none.
  async #fetchBegun(text, beginning, signal) {
    const lower = text.slice(0, text.length - beginning.length) + beginning.toLowerCase();
    let words = await this.#fetchWords(text, true, signal);
    if (!words.length && lower !== text) words = await this.#fetchWords(lower, true, signal);
    return words.flatMap(({ word, probability }) => {
      const added = ending(word, beginning);
      return added === null ? [] : [{ word, probability, added, isEnding: true }];
    });
  }

  async #fetchWords(text, unfinished, signal) {
    const { cache } = this;
    const texts = cache ? this.memory.earlier + text : text;
    const body = { model: this.choice.current.id, texts, k: CANDIDATES, unfinished, cache };
    return (await post("next", body, signal)).answers[0].words;
  }

  #showChoices({ next, suggested }) {
    const choices = next.slice(0, MAX_CHOICES);
    this.#choices = choices;
    const [first] = choices;
    const unit = hasOpenVocabulary(this.choice.current) ? "token" : "word";
    const title = first?.isEnding ? ["Endings of ", isolated(lastWord(this.text))] : [`Next ${unit}`];
    this.title.replaceChildren(...title);
    this.list.replaceChildren(...choices.map((choice) => make("li", {}, this.#makeButton(choice))));
    const ghost = suggested[0]?.word === "<eos>" ? "" : suggested[0]?.added ?? "";
    if (this.editor.isCaretAtEnd && this.text) this.editor.suggest(ghost.trimEnd());
    if (first) this.#announce();
    this.suggestions.show(suggested);
  }

  #makeButton(choice) {
    const { word, probability, isEnding } = choice;
    const button = make("button", { type: "button" }, make("span", {}, wordElement(word)), bar(probability),
      make("span", { class: "number" }, percent(probability)));
    button.addEventListener("click", () => {
      // The text may be another one than that of the request.
      const added = isEnding ? ending(word, lastWord(this.text)) : this.#added(this.text, word);
      if (added) this.editor.append(added);
    });
    return button;
  }

  // The string to append to a text so that a word or a token follows.
  #added(text, word) {
    return hasOpenVocabulary(this.choice.current) ? tokenAfter(text, word) : following(text, word);
  }

  #keyDown(event) {
    if (event.isComposing) return;
    if (event.key === "Escape" && this.continuation.stop()) {
      event.stopImmediatePropagation();
    } else if (event.key === "Escape") {
      this.editor.suggest("");
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.continuation.start();
    }
  }
}
