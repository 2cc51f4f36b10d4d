// The answers to a file: a summary by label, a table of texts, two downloads.

import { answered, csv, jsonl, save } from "./download.js";
import { apart, bar, make, percent, visible } from "./elements.js";

const ROWS = 20;
const LETTERS = 240;
const PAUSE = 400; // Milliseconds between two looks at answers that are still coming.

export class AnswersTable {
  #at = 0;
  #rows = ROWS;

  constructor(part) {
    this.part = part;
    [this.summary, this.texts, this.which, this.order, this.more] = [
      ".summary", ".texts", "#file-show", "#file-order", "[data-more]",
    ].map((name) => part.querySelector(name));
    for (const select of [this.which, this.order]) {
      select.addEventListener("change", () => {
        this.#rows = ROWS;
        this.#showTexts();
      });
    }
    this.more.addEventListener("click", () => {
      this.#rows += 5 * ROWS;
      this.#showTexts();
    });
    for (const button of part.querySelectorAll("[data-download]")) {
      button.addEventListener("click", () => this.#download(button.dataset.download));
    }
  }

  // Begins to show the answers to the records of a file.
  open(name, data, answering) {
    Object.assign(this, { name, data, answering });
    this.which.replaceChildren(make("option", { value: "" }, "all"));
    this.order.selectedIndex = 0;
    this.#rows = ROWS;
    this.part.hidden = false;
    this.refresh(true);
  }

  close() {
    this.part.hidden = true;
  }

  // Shows what has come meanwhile; not at each call, except `now`.
  refresh(now = false) {
    if (!now && performance.now() - this.#at < PAUSE) return;
    this.#at = performance.now();
    this.#showSummary();
    this.#showTexts();
  }

  #showSummary() {
    const found = this.answering.answers.filter(Boolean);
    const labels = Map.groupBy(found, ({ label }) => label);
    const ranked = [...labels].toSorted(([, a], [, b]) => b.length - a.length);
    const rows = ranked.map(([label, answers]) => {
      const part = answers.length / found.length;
      const known = answers.flatMap(({ probability }) => (probability === null ? [] : [probability]));
      const mean = known.length ? percent(known.reduce((a, b) => a + b, 0) / known.length) : "–";
      const share = make("span", { class: "share" }, bar(part), make("span", { class: "number" }, percent(part)));
      const count = number(answers.length.toLocaleString("en"));
      return make("tr", {}, make("th", { scope: "row" }, named(label)), count, make("td", {}, share), number(mean));
    });
    this.summary.replaceChildren(head(["Label", "Texts", "Share", "Mean probability"]), make("tbody", {}, ...rows));
    this.#offer([...labels.keys()]);
  }

  #offer(labels) {
    const there = Array.from(this.which.options, ({ value }) => value);
    const shown = (label) => `=${label}`;
    const others = labels.filter((label) => !there.includes(shown(label))).toSorted();
    this.which.append(...others.map((label) => make("option", { value: shown(label) }, visible(label) || "undecided")));
  }

  #showTexts() {
    const { answers, texts } = this.answering;
    const which = this.which.value;
    const isShown = (answer) => answer && (!which || `=${answer.label}` === which);
    const places = [...answers.keys()].filter((place) => isShown(answers[place]));
    const sureness = (place) => answers[place].probability ?? 0;
    if (this.order.value === "unsure") places.sort((a, b) => sureness(a) - sureness(b));
    const rows = places.slice(0, this.#rows).map((place) => row(place, texts[place], answers[place]));
    this.texts.replaceChildren(head(["Record", "Label", "Probability", "Text"]), make("tbody", {}, ...rows));
    this.more.hidden = places.length <= this.#rows;
    this.more.textContent = `Show more of ${places.length.toLocaleString("en")}`;
  }

  #download(kind) {
    const found = answered(this.data, this.answering.answers);
    const [content, type] = kind === "csv" ? [`\ufeff${csv(found)}`, "text/csv"] : [jsonl(found), "application/jsonl"];
    save(content, `${this.name.replace(/\.[^.]*$/u, "")}-answers.${kind}`, type);
  }
}

function row(place, text, { label, probability, reason, flags }) {
  const notes = [reason, ...flags].filter(Boolean).join("; ");
  const shown = text.length > LETTERS ? `${text.slice(0, LETTERS)}…` : text;
  return make("tr", {},
    number((place + 1).toLocaleString("en")),
    make("th", { scope: "row" }, named(label)),
    number(probability === null ? "–" : percent(probability)),
    make("td", {}, apart(shown), ...(notes ? [" ", make("span", { class: "soft" }, `(${visible(notes)})`)] : [])));
}

function named(label) {
  return label ? apart(label) : make("i", {}, "undecided");
}

function number(text) {
  return make("td", { class: "number" }, text);
}

function head(names) {
  const kind = (name) => (["Texts", "Mean probability", "Record", "Probability"].includes(name) ? "number" : null);
  const cells = names.map((name) => make("th", { scope: "col", class: kind(name) }, name));
  return make("thead", {}, make("tr", {}, ...cells));
}
