// The answers as a file: the records as they came, with what the model says of them.

import { make } from "./elements.js";
import { asText } from "./records.js";

const ANSWERS = ["label", "probability", "reason", "flags"];
// What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u;

// {names, rows}: the records with their answers. A column that is called as an answer is keeps its name, and the
// answer gets another.
export function answered({ names, rows }, answers) {
  const called = ANSWERS.map((name) => free(name, names));
  return { names: [...names, ...called], rows: rows.map((row, place) => [...row, ...cells(answers[place])]) };
}

// CSV that is safe to open in a spreadsheet: a text that begins as a formula does gets an apostrophe in front.
export function csv({ names, rows }) {
  return [names, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

export function jsonl({ names, rows }) {
  // Not by way of an object: it would put columns called 1, 2 first, and lose one called __proto__.
  const field = (name, value) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  return rows.map((row) => `{${row.map((value, place) => field(names[place], value)).join(", ")}}\n`).join("");
}

// Hands a file to the browser.
export function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function cells(answer) {
  if (!answer) return ["", null, "not answered", []];
  const { label, probability, reason, flags } = answer;
  return [label, probability === null ? null : Number(probability.toFixed(6)), reason, flags];
}

function free(name, taken) {
  let found = name;
  while (taken.includes(found)) found = `foretell_${found}`;
  return found;
}

function cell(value) {
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value) ? value.map(asText).join("; ") : asText(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
