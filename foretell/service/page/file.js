// A whole file: chosen or dropped, read here, its texts answered by the service, shown and downloaded.

import { Answering } from "./answering.js";
import { AnswersTable } from "./answers.js";
import { complain, counted, make, say, visible } from "./elements.js";
import { asText, decoded, read, textColumn } from "./records.js";

export class FileCard {
  #stop = null;
  #answering = null;

  // `model()` gives the model to ask.
  constructor(card, model) {
    Object.assign(this, { card, model });
    [this.problem, this.form, this.column, this.below, this.running] = [
      ".problem", ".chosen", "#file-column", "#file-below", ".running",
    ].map((which) => card.querySelector(which));
    [this.button, this.stopButton] = ["[type=submit]", "[data-stop]"].map((which) => this.form.querySelector(which));
    this.table = new AnswersTable(card.querySelector(".answers"));
    const input = card.querySelector("[type=file]");
    input.addEventListener("change", () => {
      if (input.files.length) this.open(input.files[0]);
      // The same file may be chosen again.
      input.value = "";
    });
    this.#takeDrops(card.querySelector(".drop"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    for (const field of [this.column, this.below]) field.addEventListener("change", () => this.forget());
    this.stopButton.addEventListener("click", () => this.#stop?.abort());
  }

  // Whether there is a model to ask for a file.
  fit() {
    this.card.hidden = !this.model();
  }

  // Reads a file and asks which column holds the texts.
  async open(file) {
    this.#stop?.abort();
    complain(this.problem, "");
    this.form.hidden = true;
    this.forget();
    this.file = file;
    const [data, error] = await decoded(file).then((text) => [read(text, file.name)]).catch((reason) => [null, reason]);
    // Another one may have been chosen meanwhile.
    if (this.file !== file) return;
    if (error) {
      complain(this.problem, `${file.name}: ${error.message}`);
      return;
    }
    this.data = data;
    const { names, rows } = this.data;
    const [shown, about] = this.form.querySelectorAll(".filename > *");
    shown.textContent = visible(file.name);
    about.textContent = `${counted(rows.length, "record")}, ${counted(names.length, "column")}`;
    const shownName = (name, place) => visible(name) || `column ${place + 1}`;
    this.column.replaceChildren(...names.map((name, place) => make("option", {}, shownName(name, place))));
    this.column.selectedIndex = textColumn(this.data);
    this.button.textContent = `Classify ${counted(rows.length, "text")}`;
    this.form.hidden = false;
    this.button.focus();
  }

  // Asks for what is not answered yet.
  async start() {
    if (this.#stop || !this.form.reportValidity()) return;
    this.#answering ??= this.#plan();
    const answering = this.#answering;
    const stop = new AbortController();
    this.#stop = stop;
    complain(this.problem, "");
    this.#show(true);
    try {
      await answering.run(stop.signal);
    } catch (error) {
      stop.abort();
      if (error.name !== "AbortError") complain(this.problem, error.message);
    } finally {
      this.#stop = null;
      if (answering === this.#answering) this.#finish(answering);
    }
  }

  #plan() {
    const place = this.column.selectedIndex;
    const texts = this.data.rows.map((row) => asText(row[place]));
    const below = this.below.value === "" ? null : Number(this.below.value) / 100;
    const answering = new Answering({
      model: this.model().id,
      texts,
      below,
      told: () => {
        if (answering === this.#answering) this.#progress(answering);
      },
    });
    this.table.open(this.file.name, this.data, answering);
    return answering;
  }

  // Forgets the answers, not the file: they are of another model, column or bound.
  forget() {
    this.#stop?.abort();
    this.#answering = null;
    this.table.close();
    this.#show(false);
    this.running.hidden = true;
    if (this.data) this.button.textContent = `Classify ${counted(this.data.rows.length, "text")}`;
  }

  #show(isRunning) {
    this.button.hidden = isRunning;
    this.stopButton.hidden = !isRunning;
    this.running.hidden = false;
    if (isRunning) this.stopButton.focus();
  }

  #progress({ done, texts }) {
    const [bar, line] = this.running.children;
    bar.max = texts.length;
    bar.value = done;
    line.textContent = `${done.toLocaleString("en")} of ${texts.length.toLocaleString("en")}`;
    this.table.refresh();
  }

  #finish(answering) {
    const { done, texts } = answering;
    const isHeld = document.activeElement === this.stopButton;
    this.#progress(answering);
    this.#show(false);
    this.table.refresh(true);
    const isWhole = done === texts.length;
    this.button.hidden = isWhole;
    this.button.textContent = `Go on with ${counted(texts.length - done, "text")}`;
    // Where the button has gone, the focus goes to what comes next.
    if (isHeld) (isWhole ? this.card.querySelector("[data-download]") : this.button).focus();
    say(isWhole ? `${counted(done, "text")} answered` : `Stopped after ${counted(done, "text")}`);
  }

  #takeDrops(place) {
    const over = (event, isOver) => {
      event.preventDefault();
      place.classList.toggle("over", isOver);
    };
    place.addEventListener("dragover", (event) => over(event, true));
    place.addEventListener("dragleave", (event) => over(event, false));
    place.addEventListener("drop", (event) => {
      over(event, false);
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }
}
