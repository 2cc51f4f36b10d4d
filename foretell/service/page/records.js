// Reads CSV, TSV, JSON, JSON Lines and plain text in the browser: rows of cells under named columns.

const MAX_BYTES = 64 << 20;

const DELIMITERS = [",", "\t", ";", "|"];
// Bytes or characters at the beginning of a file that are examined.
const SAMPLE = 1 << 16;
const SAMPLE_ROWS = 100;

// Usual names of a column of texts. A name of an earlier list is preferred.
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

// Files of other kinds, by how they begin, and what to do with them.
const OTHER_KINDS = [
  ["%PDF-", "a PDF", "copy its text into a .txt file, one text a line"],
  ["PK\x03\x04", "an Excel workbook, another office document or a ZIP archive", "save it as CSV, or unpack it"],
  ["\xd0\xcf\x11\xe0", "an old Excel workbook or another office document", "save it as CSV"],
  ["\x1f\x8b", "a gzip archive", "unpack it"],
  ["PAR1", "a Parquet file", "use: foretell classify MODEL FILE"],
  ["{\\rtf", "an RTF document", "save it as plain text"],
  ["\x89PNG", "a picture", "choose a file of texts"],
  ["\xff\xd8\xff", "a picture", "choose a file of texts"],
];

const KANA = /[\u3041-\u30fe]/u;
const FREQUENT_HAN = /[的一是不了我有人在他这這个個们們中来來上大为為和国國地到以说說时時要就出会會]/u;
const SMALL_CYRILLIC = /[а-яё]/u;
// Encodings that are not UTF-8: which characters a text in them has, and their share of those outside ASCII. The first one
// that fits is used. Russian and Chinese bytes are valid in several encodings.
/** @type {[string, RegExp, number][]} */
const ENCODINGS = [
  ["Shift_JIS", KANA, 0.2],
  ["EUC-JP", KANA, 0.2],
  ["EUC-KR", /[\uac00-\ud7a3]/u, 0.9],
  ["GB18030", FREQUENT_HAN, 0.04],
  ["Big5", FREQUENT_HAN, 0.04],
  ["KOI8-R", SMALL_CYRILLIC, 0.7],
  ["Windows-1251", SMALL_CYRILLIC, 0.7],
];
// Text of Western Europe has few characters outside ASCII.
/** @type {[string, RegExp, number]} */
const WESTERN = ["Windows-1252", /[À-ÿŠšŽžŒœ‘’“”–—…€£°«»¡¿§ºª©®´]/u, 0.9];
const MAX_WESTERN = 1 / 3;

// The text of a file: UTF-8, UTF-16 with a byte order mark, or an encoding that is guessed: `note` gets a line about it.
export async function decode(file, note = (_) => {}) {
  if (file.size > MAX_BYTES) {
    const size = Math.ceil(file.size / (1 << 20));
    throw new Error(`expected at most ${MAX_BYTES >> 20} MiB, found ${size} MiB; use: foretell classify MODEL FILE`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const head = String.fromCharCode(...bytes.subarray(0, 8));
  const other = OTHER_KINDS.find(([begin]) => head.startsWith(begin));
  if (other) throw new Error(`expected CSV, TSV, JSON or plain text, found ${other[1]}; ${other[2]}`);
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (bytes.subarray(0, SAMPLE).includes(0)) {
    throw new Error("expected CSV, TSV, JSON or plain text, found binary data; export the file as CSV");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const encoding = guessEncoding(bytes.subarray(0, SAMPLE));
    note(`read as ${encoding}; if letters are wrong, save the file as UTF-8`);
    return new TextDecoder(encoding).decode(bytes);
  }
}

function guessEncoding(sample) {
  const fits = ([encoding, usual, share]) => {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(sample, { stream: true });
      const outside = Array.from(text).filter((character) => character > "\x7f");
      if (encoding === WESTERN[0] && outside.length > MAX_WESTERN * text.length) return false;
      return outside.filter((character) => usual.test(character)).length >= share * outside.length;
    } catch {
      return false;
    }
  };
  return [WESTERN, ...ENCODINGS].find(fits)?.[0] ?? WESTERN[0];
}

// {names, rows}: each row has one cell per name, a string or a value of JSON. The extension of the file name decides
// the format.
export function parseRecords(text, fileName, note = (_) => {}) {
  const isPlain = /\.txt$/iu.test(fileName);
  const isJson = /\.(json|jsonl|ndjson)$/iu.test(fileName) ||
    (!isPlain && !/\.[ct]sv$/iu.test(fileName) && /^\ufeff?\s*[[{]/u.test(text));
  const delimiter = isPlain || isJson ? null : guessDelimiter(text);
  const records = isJson ? parseJson(text) : parseTable(text, delimiter);
  const broken = delimiter === "\t" ? records.rows.findIndex((row) => row.some((cell) => cell.includes("\n"))) : -1;
  if (broken >= 0) note(`record ${broken + 1} has a line break inside quotes; if it is two records, remove the quotes`);
  if (!records.rows.length) {
    throw new Error("expected at least one record, found none; write each text in a line of its own");
  }
  return records;
}

// A cell as a text; JSON for values that are not strings, "" for null.
export function asText(cell) {
  return typeof cell === "string" ? cell : cell === null ? "" : JSON.stringify(cell);
}

// The index of the column of texts: one with a usual name, or else the column with the longest cells.
export function textColumn({ names, rows }) {
  const normalized = names.map(normalizedName);
  for (const usual of TEXT_NAMES) {
    const index = normalized.findIndex((name) => usual.includes(name));
    if (index >= 0) return index;
  }
  const sample = rows.slice(0, SAMPLE_ROWS);
  const lengths = names.map((_, index) => sample.reduce((sum, row) => sum + asText(row[index]).length, 0));
  return lengths.indexOf(Math.max(...lengths));
}

// The index of the column of labels: one with a usual name that has labels of the model; -1: none.
export function labelColumn({ names, rows }, labels) {
  const hasLabel = (index) => rows.slice(0, SAMPLE_ROWS).some((row) => labels.includes(asText(row[index]).trim()));
  return names.findIndex((name, index) => LABEL_NAMES.includes(normalizedName(name)) && hasLabel(index));
}

// The rows of a table as RFC 4180 defines them, with quoted cells and line breaks inside quotes. With the delimiter
// null, each line is one cell, and quotes are ordinary characters.
export function parseRows(text, delimiter) {
  return [...iterateRows(text, delimiter)];
}

function* iterateRows(text, delimiter) {
  const unquoted = new RegExp(`[^${delimiter ?? ""}\\r\\n]*`, "uy");
  let row = [];
  let offset = 0;
  while (offset < text.length) {
    const quoted = text[offset] === '"' && delimiter !== null ? parseQuoted(text, offset, delimiter) : null;
    let cell = "";
    if (quoted) [cell, offset] = quoted;
    unquoted.lastIndex = offset;
    const [rest] = unquoted.exec(text);
    row.push(cell + rest);
    offset += rest.length;
    if (text[offset] === delimiter) {
      offset += 1;
      if (offset < text.length) continue;
      row.push("");
    }
    offset += text.startsWith("\r\n", offset) ? 2 : 1;
    // An empty line is no record. A line with "" is a record with an empty text.
    if (row.length > 1 || row[0] || quoted) yield row;
    row = [];
  }
}

// [content, end] of the quoted cell that begins at `start`. In a file with tabs a quote may be a plain character, which ends
// no cell: null.
function parseQuoted(text, start, delimiter) {
  const parts = [];
  let offset = start + 1;
  for (;;) {
    const end = text.indexOf('"', offset);
    if (end < 0 && delimiter === "\t") return null;
    if (end < 0) {
      const line = text.slice(0, start).split("\n").length;
      throw new Error(`expected a closing quote, found none after the opening quote in line ${line}; add the quote`);
    }
    parts.push(text.slice(offset, end));
    const next = text[end + 1] ?? "\n";
    if (next !== '"') return delimiter === "\t" && !"\t\r\n".includes(next) ? null : [parts.join('"'), end + 1];
    offset = end + 2;
  }
}

// The delimiter for which the beginning of a text has the most rows of equal length.
function guessDelimiter(text) {
  const end = text.length > SAMPLE ? text.lastIndexOf("\n", SAMPLE) + 1 : text.length;
  const scores = DELIMITERS.map((delimiter) => {
    const rows = rowsUntilError(text.slice(0, end), delimiter);
    const width = rows[0]?.length ?? 1;
    return width < 2 ? 0 : rows.filter((row) => row.length === width).length / rows.length;
  });
  return scores.some(Boolean) ? DELIMITERS[scores.indexOf(Math.max(...scores))] : ",";
}

// The rows of a sample. It may end inside a quoted cell; if the file is wrong, `parseRows` reports it.
function rowsUntilError(text, delimiter) {
  const rows = [];
  try {
    for (const row of iterateRows(text, delimiter)) rows.push(row);
  } catch {
    return rows;
  }
  return rows;
}

function parseTable(text, delimiter) {
  const rows = parseRows(text.replace(/^\ufeff/u, ""), delimiter);
  const width = rows[0]?.length ?? 1;
  const names = hasHeader(rows, delimiter) ? distinctNames(rows.shift()) : defaultNames(width);
  const wrong = rows.findIndex((row) => row.length !== width);
  if (wrong >= 0) {
    throw new Error(`expected ${width} columns in each record, found ${rows[wrong].length} in record ${wrong + 1}; ` +
      "put texts that contain the delimiter in quotes");
  }
  return { names, rows };
}

// Whether the first row contains the names of the columns: one of them is a usual name, or none is like a value: a
// number, empty, or a value of a later row.
function hasHeader(rows, delimiter) {
  if (delimiter === null || !rows.length) return false;
  const [first, ...others] = rows;
  const usual = [...TEXT_NAMES.flat(), ...LABEL_NAMES];
  if (first.some((name) => usual.includes(normalizedName(name)))) return true;
  if (!others.length || first.length < 2) return false;
  const isValue = (cell, index) => !Number.isNaN(Number(cell)) || others.some((row) => row[index] === cell);
  return !first.some(isValue);
}

function defaultNames(width) {
  return width === 1 ? ["text"] : Array.from({ length: width }, (_, index) => `column ${index + 1}`);
}

// Adds the number of the column to a name that an earlier column has.
function distinctNames(names) {
  return names.map((name, index) => (names.indexOf(name) < index ? `${name} (${index + 1})` : name));
}

function normalizedName(name) {
  return name.trim().toLowerCase().replace(/[ -]/gu, "_");
}

// An array of records, or a record in each line.
function parseJson(text) {
  const content = text.replace(/^\ufeff/u, "").trim();
  const records = content.startsWith("[") ? parseArray(content) : parseLines(content);
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const rows = records.map((record) => names.map((name) => (Object.hasOwn(record, name) ? record[name] : null)));
  return { names, rows };
}

function parseArray(content) {
  const values = jsonValue(content);
  if (values === null) throw new Error("expected a JSON array, found invalid JSON; correct it");
  return values.map((value, index) => recordOf(value, `in each place of the array, found another value in place ${
    index + 1}`));
}

function parseLines(content) {
  const whole = content.includes("\n") ? jsonValue(content) : null;
  // One object on several lines is one record.
  if (whole !== null) return [recordOf(whole, "")];
  return content.split(/\r?\n/u).flatMap((line, index) => (line.trim()
    ? [recordOf(jsonValue(line), `in each line, found another value in line ${index + 1}`)] : []));
}

// The value of JSON; null if it is invalid.
function jsonValue(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

// One record: an object, or a string as the only column "text".
function recordOf(value, where) {
  if (typeof value === "string") return { text: value };
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`expected a JSON object ${where}; correct it`);
  }
  return value;
}
