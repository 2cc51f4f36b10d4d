// The view of a language model: the most probable next words while the user types, and the surprisal of each word.

import { Continuation } from "./continuation.js";
import { Editor } from "./editor.js";
import { announce, bar, isolated, make, percent, showError, spacesShown, visible, wordElement } from "./elements.js";
import { LatestRequest, LONG_DELAY, SHORT_DELAY } from "./latest_request.js";
import { hasOpenVocabulary, ModelChoice } from "./model_choice.js";
import { post } from "./service.js";
import { ending, following, lastWord, tokenAfter } from "./spacing.js";
import { Suggestions } from "./suggestions.js";
import { SurprisalCard } from "./surprisal.js";

const MAX_CHOICES = 6;
const MAX_ANNOUNCED = 3;
// Words of the text in the cache, if the user asks for one.
const CACHE_SIZE = 500;

export class WordsView {
  #choices = [];
  #isTabFree = false;
  #isTabPending = false;
  #announcement = "";

  constructor(view, models) {
    this.view = view;
    this.choice = new ModelChoice(view, models.filter(({ job }) => job === "words"), () => this.#update());
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
    this.suggestions = new Suggestions(view.querySelector(".suggestions"), this);
    this.continuation = new Continuation(view.querySelector(".continue"), this);
    this.editor.field.addEventListener("keydown", (event) => this.#keyDown(event));
    this.#makeRequests();
  }

  get text() {
    return this.editor.text;
  }

  // Models of the preset article read three words only and have no cache.
  get cache() {
    return this.cacheBox.checked && this.choice.current.preset !== "article" ? CACHE_SIZE : 0;
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
    announce(message);
  }

  // Shows an error; the service numbers texts, which is of no use where there is one.
  fail(error) {
    showError(this.problem, error.message.replace(/^text 0: (?:prompt: )?/u, ""));
  }

  #makeRequests() {
    this.nextRequest = new LatestRequest({
      delay: SHORT_DELAY,
      isEager: true,
      panel: this.view.querySelector(".next"),
      send: (text, signal) => this.#fetchChoices(text, signal),
      show: (choices) => this.#showChoices(choices),
      fail: (error) => {
        this.#showChoices([]);
        if (this.text.trim()) this.fail(error);
      },
    });
    this.scoreRequest = new LatestRequest({
      delay: LONG_DELAY,
      panel: this.view.querySelector(".surprisal"),
      send: (text, signal) => this.surprisal.fetch(
        { model: this.choice.current.id, cache: this.cache }, this.#withoutUnfinished(text), signal,
        (words) => this.#showScores(words)),
      show: (words) => this.#showScores(words),
      // The request for the next words has the same text and shows the same error.
      fail: () => this.#showScores([]),
    });
  }

  #update() {
    this.#isTabFree = this.#isTabPending = false;
    this.#announcement = "";
    showError(this.problem, "");
    if (!this.choice.current) return;
    this.cacheBox.disabled = this.choice.current.preset === "article";
    this.#nameTokens();
    this.nextRequest.start(this.text);
    this.suggestions.update(this.text);
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

  // The most probable next words; or the endings of the last word, if the most probable word that begins with it is
  // a longer one.
  async #fetchChoices(text, signal) {
    const isOpen = hasOpenVocabulary(this.choice.current);
    // The next token of an open vocabulary continues an unfinished word by itself.
    const beginning = isOpen ? "" : lastWord(text);
    const next = (unfinished) =>
      post("next", { model: this.choice.current.id, texts: text, k: MAX_CHOICES, unfinished, cache: this.cache },
        signal);
    // Words on white space: a word that is not finished yet may be one that the model cannot read.
    const unreadable = (error) => {
      if (!beginning || error.status !== 422) throw error;
      return { answers: [{ words: [] }] };
    };
    const [whole, unfinished] = await Promise.all([
      next(false).catch(unreadable), ...(beginning ? [next(true)] : [])]);
    const candidates = unfinished?.answers[0].words ?? [];
    const finished = candidates.find(({ word }) => word.toLowerCase() === beginning.toLowerCase());
    const endings = candidates.flatMap(({ word, probability }) => {
      const added = ending(word, beginning);
      return added === null ? [] : [{ word, probability, added, isEnding: true }];
    });
    if (endings.length && endings[0].probability > (finished?.probability ?? 0)) return endings;
    return whole.answers[0].words.map(({ word, probability }) => {
      const added = isOpen ? tokenAfter(text, word) : following(text, word);
      return { word, probability, added, isEnding: false };
    });
  }

  #showChoices(choices) {
    this.#choices = choices;
    const [first] = choices;
    const unit = hasOpenVocabulary(this.choice.current) ? "token" : "word";
    const title = first?.isEnding ? ["Endings of ", isolated(lastWord(this.text))] : [`Next ${unit}`];
    this.title.replaceChildren(...title);
    this.list.replaceChildren(...choices.map((choice) => make("li", {}, this.#makeButton(choice))));
    if (this.suggestions.element.hidden && this.editor.isCaretAtEnd && this.text) {
      this.editor.suggest(first && first.word !== "<eos>" ? first.added : "");
    }
    if (!first) return;
    const words = choices.slice(0, MAX_ANNOUNCED).map(({ word }) => visible(spacesShown(word))).join(", ");
    announce(`${this.#announcement} Next: ${words}`.trim());
    if (this.#isTabPending) this.#insert(first);
  }

  #makeButton(choice) {
    const { word, probability } = choice;
    const button = make("button", { type: "button" }, make("span", {}, wordElement(word)), bar(probability),
      make("span", { class: "number" }, percent(probability)));
    button.addEventListener("click", () => this.#insert(choice));
    return button;
  }

  #insert({ added }) {
    this.#choices = [];
    this.editor.text = this.text + added;
    this.editor.field.focus();
  }

  // Inserts the first choice. If the request is still running, the choice is inserted when it arrives: Tab must not
  // move to the next control only because it was pressed early.
  #insertFirst(event) {
    const isLoading = this.nextRequest.panel.hasAttribute("aria-busy");
    if (this.#isTabFree || !this.text || !this.editor.isCaretAtEnd) return;
    if (!this.#choices.length && !isLoading) return;
    event.preventDefault();
    if (isLoading) this.#isTabPending = true;
    else this.#insert(this.#choices[0]);
  }

  #keyDown(event) {
    if (event.isComposing) return;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
    if (event.key === "Escape" && this.continuation.stop()) return;
    if (event.key === "Escape") {
      // Until the text changes, Tab moves to the next control as in other fields.
      this.#isTabFree = true;
      this.#isTabPending = false;
      this.suggestions.hide();
      this.editor.suggest("");
    } else if (!hasModifier && !this.#isTabFree && this.suggestions.takesKey(event)) {
      event.preventDefault();
    } else if (event.key === "Tab" && !hasModifier) {
      this.#insertFirst(event);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.continuation.start();
    }
  }
}
