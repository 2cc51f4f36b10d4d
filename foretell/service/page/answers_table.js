// The answers for the texts of a file: a summary by label, a table of texts, and two downloads.

import { saveFile, toCsv, toJsonLines, withAnswers } from "./download.js";
import { bar, isolated, make, percent, visible } from "./elements.js";

const PAGE_ROWS = 20;
// Characters of a text that are shown.
const MAX_LENGTH = 240;
// Milliseconds between two updates of the tables while answers arrive.
const REFRESH_INTERVAL = 400;
const NO_LABEL = "no label";
const NUMERIC_COLUMNS = ["Texts", "Mean probability", "Record", "Probability"];

export class AnswersTable {
  #lastRefresh = 0;
  #maxRows = PAGE_ROWS;

  constructor(root) {
    this.root = root;
    [this.summary, this.texts, this.filter, this.order, this.more] = [
      ".summary", ".texts", "#file-show", "#file-order", "[data-more]",
    ].map((selector) => root.querySelector(selector));
    for (const select of [this.filter, this.order]) {
      select.addEventListener("change", () => {
        this.#maxRows = PAGE_ROWS;
        this.#showTexts();
      });
    }
    this.more.addEventListener("click", () => {
      this.#maxRows += 5 * PAGE_ROWS;
      this.#showTexts();
    });
    for (const button of root.querySelectorAll("[data-download]")) {
      button.addEventListener("click", () => this.#download(button.dataset.download));
    }
  }

  // Shows the answers of a classification for the records `data` of a file.
  open(fileName, data, classification) {
    Object.assign(this, { fileName, data, classification });
    this.filter.replaceChildren(make("option", { value: "" }, "all"));
    this.order.selectedIndex = 0;
    this.#maxRows = PAGE_ROWS;
    this.root.hidden = false;
    this.refresh(true);
  }

  close() {
    this.root.hidden = true;
  }

  // Shows new answers, at most once in REFRESH_INTERVAL unless `isForced`.
  refresh(isForced = false) {
    if (!isForced && performance.now() - this.#lastRefresh < REFRESH_INTERVAL) return;
    this.#lastRefresh = performance.now();
    this.#showSummary();
    this.#showTexts();
  }

  #showSummary() {
    const answers = this.classification.answers.filter(Boolean);
    const byLabel = Map.groupBy(answers, ({ label }) => label);
    const ranked = [...byLabel].toSorted(([, a], [, b]) => b.length - a.length);
    const rows = ranked.map(([label, group]) => summaryRow(label, group, group.length / answers.length));
    this.summary.replaceChildren(head(["Label", "Texts", "Share", "Mean probability"]), make("tbody", {}, ...rows));
    this.#addToFilter([...byLabel.keys()]);
  }

  // Adds labels to the filter. The value "=…" of a label cannot be "", the value of "all".
  #addToFilter(labels) {
    const values = Array.from(this.filter.options, ({ value }) => value);
    const added = labels.filter((label) => !values.includes(`=${label}`)).toSorted();
    this.filter.append(...added.map((label) => make("option", { value: `=${label}` }, visible(label) || NO_LABEL)));
  }

  #showTexts() {
    const { answers, texts } = this.classification;
    const filter = this.filter.value;
    const isShown = (answer) => answer && (!filter || `=${answer.label}` === filter);
    const indices = [...answers.keys()].filter((index) => isShown(answers[index]));
    const probability = (index) => answers[index].probability ?? 0;
    if (this.order.value === "probability") indices.sort((a, b) => probability(a) - probability(b));
    const rows = indices.slice(0, this.#maxRows).map((index) => textRow(index, texts[index], answers[index]));
    this.texts.replaceChildren(head(["Record", "Label", "Probability", "Text"]), make("tbody", {}, ...rows));
    this.more.hidden = indices.length <= this.#maxRows;
    this.more.textContent = `Show more (${this.#maxRows} of ${indices.length.toLocaleString("en")} shown)`;
  }

  #download(format) {
    const table = withAnswers(this.data, this.classification.answers);
    // The byte order mark lets spreadsheet programs recognise UTF-8.
    const [content, type] = format === "csv"
      ? [`\ufeff${toCsv(table)}`, "text/csv"]
      : [toJsonLines(table), "application/jsonl"];
    saveFile(content, `${this.fileName.replace(/\.[^.]*$/u, "")}-answers.${format}`, type);
  }
}

function summaryRow(label, answers, share) {
  const probabilities = answers.flatMap(({ probability }) => (probability === null ? [] : [probability]));
  const sum = probabilities.reduce((a, b) => a + b, 0);
  const mean = probabilities.length ? percent(sum / probabilities.length) : "–";
  const shareCell = make("span", { class: "share" }, bar(share), make("span", { class: "number" }, percent(share)));
  return make("tr", {}, make("th", { scope: "row" }, labelElement(label)),
    numberCell(answers.length.toLocaleString("en")), make("td", {}, shareCell), numberCell(mean));
}

function textRow(index, text, { label, probability, reason, flags }) {
  const notes = [reason, ...flags].filter(Boolean).join("; ");
  const shown = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  const note = notes ? [" ", make("span", { class: "soft" }, `(${visible(notes)})`)] : [];
  return make("tr", {},
    numberCell((index + 1).toLocaleString("en")),
    make("th", { scope: "row" }, labelElement(label)),
    numberCell(probability === null ? "–" : percent(probability)),
    make("td", {}, isolated(shown), ...note));
}

function labelElement(label) {
  return label ? isolated(label) : make("i", {}, NO_LABEL);
}

function numberCell(text) {
  return make("td", { class: "number" }, text);
}

function head(names) {
  const kind = (name) => (NUMERIC_COLUMNS.includes(name) ? "number" : null);
  const cells = names.map((name) => make("th", { scope: "col", class: kind(name) }, name));
  return make("thead", {}, make("tr", {}, ...cells));
}
