// CSV, TSV and JSON Lines, read in the browser: rows of cells under named columns.

export const MOST_BYTES = 64 << 20;

const DELIMITERS = [",", "\t", ";", "|"];
const SAMPLE = 1 << 16;

// The usual names of a column of texts; an earlier tier wins.
const TEXT_NAMES = [
  ["text"],
  [
    "review", "body", "message", "content", "sentence", "comment", "tweet", "document", "post", "reviewtext",
    "review_text", "review_body", "message_text", "texts", "full_text", "utterance", "paragraph", "sms",
  ],
  ["description", "title", "headline", "summary", "question", "query", "subject"],
];
const LABEL_NAMES = [
  "label", "labels", "sentiment", "class", "category", "target", "y", "polarity", "emotion", "intent", "topic", "tag",
  "rating", "stars", "score", "type", "spam", "stance",
];

// The text of a file: UTF-8, UTF-16 with its mark, else what old spreadsheets write.
export async function decoded(file) {
  if (file.size > MOST_BYTES) {
    const found = Math.ceil(file.size / (1 << 20));
    throw new Error(`expected at most ${MOST_BYTES >> 20} MiB, found ${found}; use: foretell classify MODEL FILE`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (bytes.subarray(0, SAMPLE).includes(0)) {
    throw new Error("expected CSV, TSV or JSON Lines, found binary data; export it as CSV");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

// {names, rows}: a row has as many cells as there are names, strings or what JSON has. `name` is the file's.
export function read(text, name) {
  const isJson = /\.(jsonl|ndjson)$/iu.test(name) || (!/\.[ct]sv$/iu.test(name) && text.trimStart().startsWith("{"));
  const found = isJson ? readJsonLines(text) : readDelimited(text, /\.txt$/iu.test(name) ? null : delimiter(text));
  if (!found.rows.length) throw new Error("expected records, found none in this file");
  return found;
}

// A cell as a text.
export function asText(cell) {
  return typeof cell === "string" ? cell : cell === null ? "" : JSON.stringify(cell);
}

// Which column holds the texts: by its name, else the longest.
export function textColumn({ names, rows }) {
  const folded = names.map(fold);
  for (const tier of TEXT_NAMES) {
    const found = folded.findIndex((name) => tier.includes(name));
    if (found >= 0) return found;
  }
  const sample = rows.slice(0, 100);
  const lengths = names.map((_, place) => sample.reduce((sum, row) => sum + asText(row[place]).length, 0));
  return lengths.indexOf(Math.max(...lengths));
}

// Rows of cells as RFC 4180 writes them, quotes and line breaks inside quotes included; `sign` is between two
// cells, null where a line is one cell and quotes are letters.
export function parse(text, sign) {
  return [...rowsOf(text, sign)];
}

function* rowsOf(text, sign) {
  const unquoted = new RegExp(`[^${sign ?? ""}\\r\\n]*`, "uy");
  let row = [];
  let at = 0;
  while (at < text.length) {
    const isQuoted = text[at] === '"' && sign !== null;
    let cell = "";
    if (isQuoted) [cell, at] = closed(text, at);
    unquoted.lastIndex = at;
    const [more] = unquoted.exec(text);
    row.push(cell + more);
    at += more.length;
    if (text[at] === sign) {
      at += 1;
      if (at < text.length) continue;
      row.push("");
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    // An empty line is no record, an empty text is one.
    if (row.length > 1 || row[0] || isQuoted) yield row;
    row = [];
  }
}

// What is in quotes from `start` on, and where that ends.
function closed(text, start) {
  const parts = [];
  let from = start + 1;
  for (;;) {
    const end = text.indexOf('"', from);
    if (end < 0) {
      const line = text.slice(0, start).split("\n").length;
      throw new Error(`expected a closing quote, found none after the one in line ${line}`);
    }
    parts.push(text.slice(from, end));
    if (text[end + 1] !== '"') return [parts.join('"'), end + 1];
    from = end + 2;
  }
}

// The delimiter under which the beginning of a text is the most regular table.
function delimiter(text) {
  const end = text.length > SAMPLE ? text.lastIndexOf("\n", SAMPLE) + 1 : text.length;
  const scores = DELIMITERS.map((sign) => {
    const rows = untilError(rowsOf(text.slice(0, end), sign));
    const width = rows[0]?.length ?? 1;
    return width < 2 ? 0 : rows.filter((row) => row.length === width).length / rows.length;
  });
  return scores.some(Boolean) ? DELIMITERS[scores.indexOf(Math.max(...scores))] : ",";
}

// What comes before an error: a sample may end inside quotes.
function untilError(values) {
  const found = [];
  try {
    for (const each of values) found.push(each);
  } catch {
    // Reading the whole text says what is wrong, if anything is.
  }
  return found;
}

function readDelimited(text, sign) {
  const rows = parse(text.replace(/^\ufeff/u, ""), sign);
  const width = rows[0]?.length ?? 1;
  const names = hasHead(rows, sign) ? distinct(rows.shift()) : numbered(width);
  const wrong = rows.findIndex((row) => row.length !== width);
  if (wrong >= 0) {
    const found = `${rows[wrong].length} in record ${wrong + 1}`;
    throw new Error(`expected ${width} columns in each record, found ${found}; put texts with delimiters in quotes`);
  }
  return { names, rows };
}

// The first row names the columns: one of its names is usual, or no label of the records.
function hasHead(rows, sign) {
  if (sign === null || !rows.length) return false;
  const [first, ...others] = rows;
  if (first.some((name) => [...TEXT_NAMES.flat(), ...LABEL_NAMES].includes(fold(name)))) return true;
  if (!others.length || first.length > 2) return others.length > 0;
  return first.length === 2 && ![0, 1].some((place) => others.some((row) => row[place] === first[place]));
}

function numbered(width) {
  return width === 1 ? ["text"] : Array.from({ length: width }, (_, place) => `column ${place + 1}`);
}

// Two columns of one name get two.
function distinct(names) {
  return names.map((name, place) => (names.indexOf(name) < place ? `${name} (${place + 1})` : name));
}

function fold(name) {
  return name.trim().toLowerCase().replace(/[ -]/gu, "_");
}

function readJsonLines(text) {
  const records = [];
  for (const [place, line] of text.replace(/^\ufeff/u, "").split(/\r?\n/u).entries()) {
    if (line.trim()) records.push(record(line, place + 1));
  }
  const names = [...new Set(records.flatMap((each) => Object.keys(each)))];
  return { names, rows: records.map((each) => names.map((name) => (Object.hasOwn(each, name) ? each[name] : null))) };
}

function record(line, number) {
  let value = null;
  try {
    value = JSON.parse(line);
  } catch {
    // Told of below, as all that is no object.
  }
  if (typeof value === "string") return { text: value };
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`expected a JSON object in each line, found something else in line ${number}`);
  }
  return value;
}
