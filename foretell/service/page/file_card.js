// The card that classifies a file: the browser reads the file, the service classifies its texts.

import { AnswersTable } from "./answers_table.js";
import { Classification } from "./classification.js";
import { announce, count, find, make, option, showError, visible } from "./elements.js";
import { asText, decode, labelColumn, parseRecords, textColumn } from "./records.js";

export class FileCard {
  problem; form; column; labels; below; progress; card; model;
  #controller = null;
  #classification = null;

  // `model()` gives the card of the model to use; `explain(text)` is called with the text of a row that is clicked.
  constructor(card, model, explain) {
    Object.assign(this, { card, model });
    [this.problem, this.form, this.column, this.labels, this.below, this.progress] = find(card, ".problem", ".chosen",
      "#file-column", "#file-labels", "#file-below", ".progress");
    this.startButton = this.form.querySelector("[type=submit]");
    this.stopButton = this.form.querySelector("[data-stop]");
    this.table = new AnswersTable(card.querySelector(".answers"), explain);
    const input = card.querySelector("[type=file]");
    input.addEventListener("change", () => {
      if (input.files.length) this.open(input.files[0]);
      // Without this, there is no event when the same file is chosen again.
      input.value = "";
    });
    this.#acceptDrops(card.querySelector(".drop"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    for (const field of [this.column, this.labels, this.below]) field.addEventListener("change", () => this.reset());
    this.stopButton.addEventListener("click", () => this.#controller?.abort());
  }

  // Hides the card if there is no model.
  updateVisibility() {
    this.card.hidden = !this.model();
  }

  // Reads a file and shows the form to choose the column of the texts.
  async open(file) {
    this.#controller?.abort();
    showError(this.problem, "");
    this.form.hidden = true;
    this.reset();
    this.file = file;
    const notes = [];
    const note = (line) => notes.push(line);
    const [data, error] = await decode(file, note).then((text) => [parseRecords(text, file.name, note)])
      .catch((reason) => [null, reason]);
    // The user may have chosen another file meanwhile.
    if (this.file !== file) return;
    if (error) {
      showError(this.problem, `${file.name}: ${error.message}`);
      return;
    }
    this.data = data;
    this.#showForm(file.name, data, notes);
  }

  #showForm(fileName, { names, rows }, notes) {
    const [name, size] = this.form.querySelectorAll(".filename > *");
    name.textContent = visible(fileName);
    size.textContent = [count(rows.length, "record"), count(names.length, "column"), ...notes].join(", ");
    const columnName = (column, index) => visible(column) || `column ${index + 1}`;
    const options = () => names.map((column, index) => option(columnName(column, index)));
    this.column.replaceChildren(...options());
    this.column.selectedIndex = textColumn(this.data);
    this.labels.replaceChildren(make("option", {}, "none"), ...options());
    this.labels.selectedIndex = 1 + labelColumn(this.data, this.model().labels ?? []);
    this.startButton.textContent = `Classify ${count(rows.length, "text")}`;
    this.form.hidden = false;
    this.startButton.focus();
  }

  // Classifies the texts that have no answer yet.
  async start() {
    if (this.#controller || !this.form.reportValidity()) return;
    this.#classification ??= this.#makeClassification();
    const classification = this.#classification;
    const controller = new AbortController();
    this.#controller = controller;
    showError(this.problem, "");
    this.#showButtons(true);
    try {
      await classification.run(controller.signal);
    } catch (error) {
      controller.abort();
      if (error.name !== "AbortError") showError(this.problem, error.message);
    } finally {
      this.#controller = null;
      if (classification === this.#classification) this.#finish(classification);
    }
  }

  #makeClassification() {
    const index = this.column.selectedIndex;
    const classification = new Classification({
      model: this.model().id,
      texts: this.data.rows.map((row) => asText(row[index])),
      abstainBelow: this.below.value === "" || this.model().multi_label ? null : Number(this.below.value) / 100,
      onProgress: () => {
        if (classification === this.#classification) this.#showProgress(classification);
      },
    });
    const labels = this.labels.selectedIndex - 1;
    const hasTruth = labels >= 0 && !this.model().multi_label;
    const truth = hasTruth ? this.data.rows.map((row) => asText(row[labels]).trim()) : null;
    this.table.open(this.file.name, this.data, classification, truth);
    return classification;
  }

  // Removes the answers: they are those of another model, column or minimum probability. The file stays.
  reset() {
    this.#controller?.abort();
    this.#classification = null;
    // Where a text may have several labels, each has a threshold of its own.
    for (const field of [this.below, this.labels]) field.closest(".field").hidden = Boolean(this.model()?.multi_label);
    this.table.close();
    this.#showButtons(false);
    this.progress.hidden = true;
    if (this.data) this.startButton.textContent = `Classify ${count(this.data.rows.length, "text")}`;
  }

  #showButtons(isRunning) {
    this.startButton.hidden = isRunning;
    this.stopButton.hidden = !isRunning;
    this.progress.hidden = false;
    if (isRunning) this.stopButton.focus();
  }

  #showProgress({ done, texts }) {
    const [bar, line] = this.progress.children;
    bar.max = texts.length;
    bar.value = done;
    line.textContent = `${done.toLocaleString("en")} of ${count(texts.length, "text")} classified`;
    this.table.refresh();
  }

  #finish(classification) {
    const { done, texts } = classification;
    const hadFocus = document.activeElement === this.stopButton;
    this.#showProgress(classification);
    this.#showButtons(false);
    this.table.refresh(true);
    const isComplete = done === texts.length;
    this.startButton.hidden = isComplete;
    this.startButton.textContent = `Continue with ${count(texts.length - done, "text")}`;
    // The stop button is hidden now. The keyboard focus moves to the next useful button.
    if (hadFocus) (isComplete ? this.card.querySelector("[data-download]") : this.startButton).focus();
    announce(isComplete ? `${count(done, "text")} classified` : `Stopped after ${count(done, "text")}`);
  }

  #acceptDrops(area) {
    const highlight = (event, isOver) => {
      event.preventDefault();
      area.classList.toggle("over", isOver);
    };
    area.addEventListener("dragover", (event) => highlight(event, true));
    area.addEventListener("dragleave", (event) => highlight(event, false));
    area.addEventListener("drop", (event) => {
      highlight(event, false);
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }
}
