// The records of a file together with their answers, as CSV or JSON Lines.

import { make } from "./elements.js";
import { asText } from "./records.js";

const ANSWER_COLUMNS = ["label", "probability", "reason", "flags"];
// Numbers and signs are no formulas for a spreadsheet program. Anything else that begins like this is one (OWASP, "CSV
// Injection"), at the beginning of a text and after what a program may separate cells by: as foretell/data/cells.py.
const NUMBER_OR_SIGN = /^[-+](\d+(\.\d+)?)?$/u;
const FORMULA = /^(?=[ ']*[=+\-@\t\r\n＝＋－＠])|(?<=[;|\t\r\n])(?=[ ']*"?[ ']*[=+\-@＝＋－＠])/gu;
const PROBABILITY_DIGITS = 6;
// Milliseconds until the memory of a download is released. Browsers do not report when a download is complete.
const RELEASE_DELAY = 60_000;

// {names, rows}: the records with the columns of their answers. If the file has a column of the same name, the column
// of the answers gets the prefix "foretell_".
export function withAnswers({ names, rows }, answers) {
  const added = ANSWER_COLUMNS.map((name) => unusedName(name, names));
  return { names: [...names, ...added], rows: rows.map((row, index) => [...row, ...answerCells(answers[index])]) };
}

// CSV that is safe to open in a spreadsheet program: a text that begins like a formula gets an apostrophe in front.
export function toCsv({ names, rows }) {
  return [names, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

// JSON Lines. The objects are written by hand: a JavaScript object would put columns named 1, 2 first, and would lose
// a column named __proto__.
export function toJsonLines({ names, rows }) {
  const field = (name, value) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  return rows.map((row) => `{${row.map((value, index) => field(names[index], value)).join(", ")}}\n`).join("");
}

// Starts a download in the browser.
export function saveFile(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), RELEASE_DELAY);
}

function answerCells(answer) {
  if (!answer) return ["", null, "not classified", []];
  const { label, probability, reason, flags } = answer;
  const rounded = probability === null ? null : Number(probability.toFixed(PROBABILITY_DIGITS));
  return [label, rounded, reason, flags];
}

function unusedName(name, used) {
  return used.includes(name) ? unusedName(`foretell_${name}`, used) : name;
}

function csvCell(value) {
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.map(asText).join("; ") : asText(value);
  const safe = NUMBER_OR_SIGN.test(text) ? text : text.replaceAll(FORMULA, "'");
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
