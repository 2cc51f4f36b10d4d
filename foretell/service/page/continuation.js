// Continues a text word by word while the service writes it, until it is complete or stopped.

import { find, showError } from "./elements.js";
import { streamCompletion } from "./service.js";

export class Continuation {
  button; undoButton; maxWords; temperature; shownTemperature; form; view;
  #controller = null;
  #textBefore = "";
  #pending = "";
  #frame = null;

  // `view` is the WordsView: its text, its model, and whether its last word is unfinished.
  constructor(form, view) {
    Object.assign(this, { form, view });
    [this.button, this.undoButton, this.maxWords, this.temperature, this.shownTemperature] = find(form, "[type=submit]",
      "[data-undo]", "[type=number]", "[type=range]", "output");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.stop()) this.start();
    });
    this.undoButton.addEventListener("click", () => this.#undo());
    this.temperature.addEventListener("input", () => {
      this.shownTemperature.value = Number(this.temperature.value).toFixed(1);
    });
  }

  // Appends a continuation to the text.
  async start() {
    if (this.#controller || !this.form.reportValidity()) return;
    const { view } = this;
    const controller = new AbortController();
    const body = {
      model: view.choice.current.id,
      prompt: view.text,
      max_tokens: Number(this.maxWords.value),
      temperature: Number(this.temperature.value),
      unfinished: view.isUnfinished,
      cache: view.cache,
    };
    this.#begin(controller);
    let failure = null;
    try {
      for await (const piece of streamCompletion(body, controller.signal)) this.#append(piece);
    } catch (error) {
      if (error.name !== "AbortError") failure = error;
    } finally {
      this.#flush();
      this.#end(failure);
    }
  }

  // Stops a running continuation; returns whether one was running.
  stop() {
    this.#controller?.abort();
    return this.#controller !== null;
  }

  // Pieces arrive faster than the screen is redrawn, so those of one frame are shown together.
  #append(piece) {
    this.#pending += piece;
    this.#frame ??= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    if (this.#pending) this.view.editor.text = this.view.text + this.#pending;
    this.#pending = "";
  }

  #begin(controller) {
    this.#controller = controller;
    this.#textBefore = this.view.text;
    showError(this.view.problem, "");
    this.view.editor.field.readOnly = true;
    this.button.textContent = "Stop";
    this.undoButton.hidden = true;
  }

  #end(failure) {
    const { view } = this;
    this.#controller = null;
    view.editor.field.readOnly = false;
    this.button.textContent = "Continue";
    const added = view.text.slice(this.#textBefore.length);
    this.undoButton.hidden = !added;
    if (failure) view.fail(failure);
    else view.announceFirst(`Added: ${added}`);
  }

  #undo() {
    this.view.editor.text = this.#textBefore;
    this.undoButton.hidden = true;
    this.view.editor.field.focus();
  }
}
