// The answers for the texts of a file: a summary by label, a table of texts, and two downloads.

import { saveFile, toCsv, toJsonLines, withAnswers } from "./download.js";
import { bar, count, find, isolated, make, option, percent, visible } from "./elements.js";

const PAGE_ROWS = 20;
// Characters of a text that are shown.
const MAX_LENGTH = 240;
// Milliseconds between two updates of the tables while answers arrive.
const REFRESH_INTERVAL = 400;
const MAX_PAIRS = 10;
const NO_LABEL = "no label";
const NUMERIC_COLUMNS = ["Texts", "Mean probability", "Record", "Probability"];

export class AnswersTable {
  summary; texts; filter; order; more; measured; disagree; root; truth; classification; explain; data; fileName;
  #lastRefresh = 0;
  #maxRows = PAGE_ROWS;

  // `explain(text)` is called with a text that is clicked.
  constructor(root, explain) {
    Object.assign(this, { root, explain });
    [this.summary, this.texts, this.filter, this.order, this.more, this.measured, this.disagree] = find(root,
      ".summary", ".texts", "#file-show", "#file-order", "[data-more]", ".measured", "[data-disagree]");
    for (const select of [this.filter, this.order, this.disagree]) {
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

  // Shows the answers of a classification for the records `data` of a file; `truth` are its labels, or null.
  open(fileName, data, classification, truth) {
    Object.assign(this, { fileName, data, classification, truth });
    this.measured.hidden = this.disagree.hidden = !truth;
    this.disagree.firstElementChild.checked = false;
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
    if (this.truth) this.#showMeasured();
    this.#showTexts();
  }

  // The accuracy, and which labels are given instead of which. Texts without a label, and texts that the service
  // refused, are left out.
  #showMeasured() {
    const { answers } = this.classification;
    const measured = [...answers.keys()].filter((index) => answers[index]?.probability != null && this.truth[index]);
    const wrong = measured.filter((index) => this.#isWrong(index));
    const right = measured.length - wrong.length;
    const pairs = grouped(wrong, (index) => JSON.stringify([this.truth[index], answers[index].label]));
    const rows = pairs.slice(0, MAX_PAIRS).map(([pair, group]) => make("tr", {},
      ...JSON.parse(pair).map((label) => make("td", {}, labelElement(label))), numberCell(String(group.length))));
    const share = measured.length ? percent(right / measured.length) : "–";
    this.measured.querySelector("[data-accuracy]").replaceChildren("Accuracy ", make("b", {}, share),
      `: ${right.toLocaleString("en")} of ${count(measured.length, "text")} with a label.`);
    const table = this.measured.querySelector("table");
    table.hidden = !rows.length;
    table.replaceChildren(head(["In the file", "Answer", "Texts"]), make("tbody", {}, ...rows));
  }

  #isWrong(index) {
    return Boolean(this.truth?.[index]) && this.truth[index] !== this.classification.answers[index].label;
  }

  #showSummary() {
    const answers = this.classification.answers.filter(Boolean);
    const ranked = grouped(answers, ({ label }) => label);
    const rows = ranked.map(([label, group]) => summaryRow(label, group, group.length / answers.length));
    this.summary.replaceChildren(head(["Label", "Texts", "Share", "Mean probability"]), make("tbody", {}, ...rows));
    this.#addToFilter(ranked.map(([label]) => label));
  }

  // Adds labels to the filter. The value "=…" of a label cannot be "", the value of "all".
  #addToFilter(labels) {
    const values = Array.from(this.filter.options, ({ value }) => value);
    const added = labels.filter((label) => !values.includes(`=${label}`)).toSorted();
    this.filter.append(...added.map((label) => option(label || NO_LABEL, { value: `=${label}` })));
  }

  #showTexts() {
    const { answers, texts } = this.classification;
    const filter = this.filter.value;
    const isWrongOnly = !this.disagree.hidden && this.disagree.firstElementChild.checked;
    const indices = [...answers.keys()].filter((index) => answers[index] &&
      (!filter || `=${answers[index].label}` === filter) && (!isWrongOnly || this.#isWrong(index)));
    const probability = (index) => answers[index].probability ?? 0;
    if (this.order.value === "probability") indices.sort((a, b) => probability(a) - probability(b));
    const rows = indices.slice(0, this.#maxRows).map((index) => {
      const wrong = this.#isWrong(index) ? this.truth[index] : null;
      return textRow(index, texts[index], answers[index], wrong, this.explain);
    });
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

// [key, members] of each group, the largest first.
function grouped(values, keyOf) {
  const groups = new Map();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return [...groups].toSorted(([, a], [, b]) => b.length - a.length);
}

// A text with its answer; `wrong` is the label of the file if it is another one. A click on the text explains it.
function textRow(index, text, { label, probability, reason, flags }, wrong, explain) {
  const isEmpty = !text.trim();
  const notes = [reason, ...(isEmpty ? [] : flags)].filter(Boolean).join("; ");
  const shown = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  const note = notes ? [" ", make("span", { class: "soft" }, `(${visible(notes)})`)] : [];
  const attributes = { type: "button", class: "link", title: "Explain this text" };
  const button = make("button", attributes, isolated(isEmpty ? "(empty)" : shown));
  button.addEventListener("click", () => explain(text));
  const truth = wrong === null ? [] : [make("span", { class: "soft" }, " in the file: ", isolated(wrong))];
  return make("tr", {},
    numberCell((index + 1).toLocaleString("en")),
    make("th", { scope: "row" }, labelElement(label), ...truth),
    numberCell(probability === null ? "–" : percent(probability)),
    make("td", {}, button, ...note));
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
