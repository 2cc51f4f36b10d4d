// The view of a text classifier: the label while the user types, the effect of each word, and whole files.

import { showPrograms } from "./code.js";
import { Curve } from "./curve.js";
import { Editor } from "./editor.js";
import { announce, find, isolated, make, percent, showError, showResult } from "./elements.js";
import { FileCard } from "./file_card.js";
import { LatestRequest, LONG_DELAY, SHORT_DELAY } from "./latest_request.js";
import { ModelChoice } from "./model_choice.js";
import { allWordsTable, showEffects, showPrediction, summary } from "./prediction.js";
import { post, withTextLabel } from "./service.js";

// Words whose effect is a smaller part of the largest effect are not shaded.
const MIN_LEVEL = 0.1;

export class LabelsView {
  problem; key; example; prediction; effects; along;
  constructor(view, models) {
    this.view = view;
    this.explainedLabel = null;
    this.choice = new ModelChoice(view, models.filter(({ job }) => job === "labels"), () => {
      this.explainedLabel = null;
      this.file.reset();
      this.#update();
    });
    [this.problem, this.key, this.example, this.prediction, this.effects, this.along] = find(view, ".editor .problem",
      "[data-key]", "[data-example]", ".prediction", ".word-effects", ".along");
    this.detail = this.along.querySelector("[data-caret]");
    this.curve = new Curve(this.along.querySelector(".curve"), (index) => this.#describe(index));
    this.file = new FileCard(view.querySelector(".file"), () => this.choice.current, (text) => this.#open(text));
    this.editor = new Editor(view.querySelector(".editor"), {
      onChange: () => this.#update(),
      onCaret: (mark) => this.#select(mark),
    });
    this.example.querySelector("button").addEventListener("click", ({ currentTarget }) => {
      this.#open(currentTarget.textContent);
    });
    view.querySelector(".word-effects details").addEventListener("toggle", () => this.#showAllWords());
    this.showPrograms = showPrograms(view.querySelector(".code"), () =>
      ["classify", { model: this.choice.current.id, texts: this.text }]);
    this.#makeRequests();
  }

  get text() {
    return this.editor.text;
  }

  // Called when the view is shown.
  enter() {
    this.file.updateVisibility();
    this.curve.resize();
  }

  // The label is requested at once. The explanation is a second request, because it takes as many predictions as the
  // text has words, twice.
  #makeRequests() {
    const send = (path, more = () => ({})) => async (text, signal) =>
      withTextLabel((await post(path, { model: this.choice.current.id, texts: text, ...more() }, signal)).answers[0]);
    // The most probable label is explained, unless the user chooses another one.
    const chosen = () => (this.explainedLabel === null ? {} : { label: this.explainedLabel });
    const fail = (error) => {
      // The label of an older text would look like the answer.
      showPrediction(this.prediction, null);
      this.#showExplanation(null);
      showError(this.problem, error.message);
    };
    this.predictionRequest = new LatestRequest({
      delay: SHORT_DELAY,
      isEager: true,
      panel: this.prediction,
      send: send("classify"),
      show: (answer) => {
        showPrediction(this.prediction, answer, (label) => this.#explain(label));
        announce(summary(answer));
      },
      fail,
    });
    this.explanationRequest = new LatestRequest({
      delay: LONG_DELAY,
      panel: this.effects,
      send: send("explain", chosen),
      show: (explanation) => this.#showExplanation(explanation),
      fail,
    });
  }

  // Shows a text, its label and the effects of its words.
  #open(text) {
    this.editor.text = text;
    this.editor.field.focus();
    this.editor.field.closest(".card").scrollIntoView();
  }

  #explain(label) {
    this.explainedLabel = label;
    this.explanationRequest.start(this.text);
  }

  #update() {
    showError(this.problem, "");
    if (!this.choice.current) return;
    this.showPrograms();
    const hasText = Boolean(this.text.trim());
    this.example.hidden = hasText;
    if (hasText) {
      this.predictionRequest.start(this.text);
      this.explanationRequest.start(this.text);
      return;
    }
    this.explainedLabel = null;
    this.predictionRequest.cancel();
    this.explanationRequest.cancel();
    showPrediction(this.prediction, null);
    this.#showExplanation(null);
  }

  #showExplanation(answer) {
    const explanation = answer && { ...answer, label: answer.explained, probability: answer.explained_probability };
    this.explanation = explanation;
    const words = explanation?.words ?? [];
    this.key.hidden = !words.length;
    if (words.length) this.key.replaceChildren(...shadingKey(explanation));
    const largest = Math.max(1, ...words.map(({ effect }) => Math.abs(effect)));
    this.editor.setMarks(words.map(({ start, end, effect }, index) => {
      const level = Math.abs(effect) / largest;
      const kind = level < MIN_LEVEL ? "plain" : effect > 0 ? "for" : "against";
      return { start, end, kind, level, index };
    }));
    showEffects(this.effects, explanation);
    this.#showAllWords();
    showResult(this.along, words.length > 1);
    this.curve.show(words.length > 1 ? explanation : null);
    this.#describe(null);
  }

  // The table is made only while it is open: a long text has many rows.
  #showAllWords() {
    const details = this.view.querySelector(".word-effects details");
    const isShown = details.open && this.explanation?.words.length;
    details.querySelector(".wide").replaceChildren(...(isShown ? [allWordsTable(this.explanation)] : []));
  }

  #select(mark) {
    const index = mark && this.explanation ? mark.index : null;
    this.curve.select(index);
    this.#describe(index);
  }

  // Describes the word at `index`; null describes the curve.
  #describe(index) {
    const { words, running, label, stride } = this.explanation ?? {};
    if (!words || words.length < 2) return;
    if (index === null) {
      this.detail.replaceChildren("The probability of ", isolated(label), " if the text ended after that word. " +
        "Put the caret in a word to see its numbers.");
      return;
    }
    const { text, without } = words[index];
    const upTo = running[Math.min(running.length - 1, Math.floor(index / stride))];
    this.detail.replaceChildren("Probability of ", isolated(label), " for the text up to ",
      make("b", {}, isolated(text)), `: ${percent(upTo)}. For the whole text without this word: ${percent(without)}.`);
  }
}

function shadingKey({ label, words }) {
  const read = words.filter(({ is_read: isRead }) => isRead).length;
  const isCut = read < words.length;
  const others = "A linear model reads all words.";
  const limit = isCut ? ` The network reads only the last ${read} of ${words.length} words. ${others}` : "";
  return [
    "The word ", make("mark", { class: "for" }, "raises"), " or ", make("mark", { class: "against" }, "lowers"),
    " the probability of ", isolated(label), `.${limit}`,
  ];
}
