// Continuing a text: word by word as the service writes it, until it is stopped.

import { complain } from "./elements.js";
import { written } from "./service.js";

export class Continuing {
  #writing = null;
  #before = null;
  #waiting = "";
  #frame = null;

  // `view` has the text, the model and whether the last word is unfinished.
  constructor(form, view) {
    Object.assign(this, { form, view });
    [this.button, this.undo, this.count, this.temperature, this.shown] = [
      "[type=submit]", "[data-undo]", "[type=number]", "[type=range]", "output",
    ].map((which) => form.querySelector(which));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.stop()) this.start();
    });
    this.undo.addEventListener("click", () => this.#takeBack());
    this.temperature.addEventListener("input", () => {
      this.shown.value = Number(this.temperature.value).toFixed(1);
    });
  }

  // Writes behind the text.
  async start() {
    if (this.#writing || !this.form.reportValidity()) return;
    const { view } = this;
    const writing = new AbortController();
    const isUnfinished = view.isUnfinished;
    this.#begin(writing);
    try {
      const question = {
        model: view.choice.current.id,
        prompt: view.text,
        max_tokens: Number(this.count.value),
        temperature: Number(this.temperature.value),
        unfinished: isUnfinished,
      };
      for await (const piece of written(question, writing.signal)) this.#add(piece);
    } catch (error) {
      if (error.name !== "AbortError") this.error = error;
    } finally {
      this.#flush();
      this.#end();
    }
  }

  // Stops, where it is writing; tells whether it was.
  stop() {
    this.#writing?.abort();
    return this.#writing !== null;
  }

  // Words come faster than a screen can show them one by one.
  #add(piece) {
    this.#waiting += piece;
    this.#frame ??= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    if (this.#waiting) this.view.editor.text = this.view.text + this.#waiting;
    this.#waiting = "";
  }

  #begin(writing) {
    this.#writing = writing;
    this.#before = this.view.text;
    this.error = null;
    complain(this.view.problem, "");
    this.view.editor.field.readOnly = true;
    this.button.textContent = "Stop";
    this.undo.hidden = true;
  }

  #end() {
    const { view } = this;
    this.#writing = null;
    view.editor.field.readOnly = false;
    this.button.textContent = "Continue";
    const added = view.text.slice(this.#before.length);
    this.undo.hidden = !added;
    if (this.error) view.failed(this.error);
    else view.tell(`Written: ${added}`);
  }

  #takeBack() {
    this.view.editor.text = this.#before;
    this.undo.hidden = true;
    this.view.editor.field.focus();
  }
}
