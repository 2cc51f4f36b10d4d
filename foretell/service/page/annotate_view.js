// The view "Annotate": one text at a time gets its label, by one key; searched texts get theirs at once.

import { announce, count, find, isolated, make, percent, showError } from "./elements.js";
import { saveFile } from "./download.js";
import { FoundTexts } from "./found_texts.js";
import { showMetrics } from "./annotate_metrics.js";
import { get, getText, post } from "./service.js";

// Milliseconds between two looks at metrics that are not up to date.
const POLL = 1500;
// The code of an error: several people may label.
const NAME_NEEDED = "name_needed";
const OTHER_KEYS = { s: "skip", n: "none", u: "unclear" };
const ANSWERED = { skip: "skipped", none: "none of the labels", unclear: "unclear" };
// Where a letter is text, and where Enter presses what has the focus.
const TYPING = "input:not([type=checkbox]), textarea, select";
const PRESSED = "a, button, summary, input, label";

export class AnnotateView {
  card; quote; buttons; suggestion; problem; done; last;
  constructor(view) {
    this.view = view;
    [this.card, this.quote, this.buttons, this.suggestion, this.problem, this.done, this.last] = find(view, ".to-label",
      ".to-label blockquote", ".to-label .labels", ".to-label .suggestion", ".to-label .problem", ".to-label .done",
      ".to-label .last");
    this.by = view.querySelector("#annotate-by");
    this.shortcuts = view.querySelector("#annotate-keys");
    this.found = new FoundTexts(view.querySelector(".many"), {
      search: (query) => this.#request("search", { query }),
      similar: () => this.state?.item && this.#request("similar", { text: this.state.item.id }),
      answer: (texts, choice) => this.#answer(texts, choice),
    });
    this.by.addEventListener("change", () => this.#update("next", {}));
    view.querySelector("[data-export]").addEventListener("click", () => this.#export());
    for (const button of view.querySelectorAll("[data-answer]")) {
      button.addEventListener("click", () => this.#answerShown({ answer: button.dataset.answer }));
    }
    view.querySelector("[data-undo]").addEventListener("click", () => this.#undo());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    setInterval(() => this.#refresh(), POLL);
  }

  // Called when the view is shown.
  enter() {
    if (!this.state) this.#update("next", {});
  }

  // ---- answers

  #answerShown(choice) {
    if (this.state?.item) this.#answer([this.state.item.id], choice);
  }

  async #answer(texts, choice) {
    const name = choice.label === undefined ? ANSWERED[choice.answer] : isolated(choice.label);
    const number = texts.length > 1 ? `, for ${count(texts.length, "text")}` : "";
    return this.#update("answers", { texts, ...choice }, ["Last answer: ", name, `${number}.`]);
  }

  #undo() {
    return this.#update("undo", {}, ["The last answer was undone."]);
  }

  // Sends a request whose answer is the new state, and shows it, and the sentence `done` (texts and elements). While
  // one is on its way, keys do nothing.
  async #update(path, body, done = []) {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.card.setAttribute("aria-busy", "true");
    showError(this.problem, "");
    try {
      const state = await this.#request(path, { ...body, by: this.by.value.trim() || null });
      const sentence = state.written || path !== "undo" ? done : ["There is nothing to undo."];
      this.#show(state, state.conflicts?.length ? [] : sentence);
      if (state.conflicts?.length) showError(this.problem, conflictMessage(state.conflicts));
      if (path !== "next") this.found.remove(body.texts ?? []);
      return true;
    } catch (error) {
      showError(this.problem, error.message);
      if (error.code === NAME_NEEDED) this.by.focus();
      return false;
    } finally {
      this.isBusy = false;
      this.card.removeAttribute("aria-busy");
    }
  }

  #request(path, body) {
    return post(`annotation/${path}`, body);
  }

  async #export() {
    try {
      saveFile(await getText("annotation/export"), "labels.csv", "text/csv");
    } catch (error) {
      showError(this.problem, error.message);
    }
  }

  // Asks for the metrics again while a fit is not done.
  async #refresh() {
    const isCurrent = !this.state || this.state.is_fitted;
    if (isCurrent || this.isBusy || this.view.hidden || document.hidden) return;
    const before = this.state;
    try {
      const status = await get("annotation");
      if (this.state === before) this.#showStatus({ ...status, item: before.item });
    } catch {
      // The next answer shows the error.
    }
  }

  // ---- what is shown

  #show(state, sentence) {
    const { item } = state;
    const isOther = item?.id !== this.state?.item?.id;
    this.#showStatus(state);
    this.done.hidden = Boolean(item);
    for (const part of [this.quote, this.buttons, this.view.querySelector(".others")]) part.hidden = !item;
    this.quote.replaceChildren(item ? isolated(item.text) : "");
    this.last.replaceChildren(...sentence);
    this.suggestion.hidden = !item?.suggested;
    if (item?.suggested) {
      const chance = item.probability === null ? "" : ` (${percent(item.probability)})`;
      this.suggestion.replaceChildren("Suggested: ", make("b", {}, isolated(item.suggested)), `${chance}. `,
        make("kbd", {}, "Enter"), " accepts it.");
    }
    // The beginning of the next text, also where a long one was answered at its end.
    if (isOther && this.card.getBoundingClientRect().top < 0) this.card.scrollIntoView();
    announce([this.last.textContent, item ? item.text : "No text is left.",
      item?.suggested && `Suggested: ${item.suggested}.`].filter(Boolean).join(" "));
  }

  #showStatus(state) {
    this.state = state;
    this.keys = new Map(state.labels.filter(({ key }) => key).map(({ key, name }) => [key, name]));
    this.#showButtons(state.labels);
    this.found.setLabels(state.labels.map(({ name }) => name));
    showMetrics(this.view.querySelector(".so-far"), state);
  }

  // The buttons are kept while the labels stay the same: the one with the focus must not disappear.
  #showButtons(labels) {
    if (this.buttons.childElementCount !== labels.length) {
      this.buttons.replaceChildren(...labels.map(({ name, key }) => {
        const button = make("button", { type: "button" }, ...(key ? [make("kbd", {}, key)] : []), isolated(name));
        button.addEventListener("click", () => this.#answerShown({ answer: "label", label: name }));
        return button;
      }));
    }
    [...this.buttons.children].forEach((button, index) => {
      button.classList.toggle("proposed", labels[index].name === this.state.item?.suggested);
    });
  }

  #onKey(event) {
    const { key, target } = event;
    const hasModifier = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    if (this.view.hidden || hasModifier || !this.state || target.closest(TYPING)) return;
    const suggested = this.state.item?.suggested;
    if (key === "Enter" && suggested && !target.closest(PRESSED)) {
      this.#answerShown({ answer: "label", label: suggested });
    } else if (!this.shortcuts.checked) {
      return;
    } else if (this.keys.has(key)) {
      this.#answerShown({ answer: "label", label: this.keys.get(key) });
    } else if (OTHER_KEYS[key]) {
      this.#answerShown({ answer: OTHER_KEYS[key] });
    } else if (key === "z") {
      this.#undo();
    } else if (key === "m") {
      this.found.showSimilar();
    } else if (key === "/") {
      this.found.focus();
    } else {
      return;
    }
    event.preventDefault();
  }
}

// Another tab or person was first: that answer stays.
function conflictMessage([{ answer, label, by }, ...others]) {
  const who = by ? ` by ${by}` : "";
  const more = others.length ? ` The same is true of ${count(others.length, "other text")}.` : "";
  return `This text has an answer already${who}: ${label ?? ANSWERED[answer]}. That answer stays.${more}`;
}
