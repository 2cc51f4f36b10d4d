// HTTP requests to the service that this page was loaded from.

const NO_ANSWER = "The service does not answer. Check that “foretell serve” is running, then try again.";
const INCOMPLETE = "The service closed the connection before its answer was complete. Try again.";

let token = "";
let onUnauthorized = (_) => {};

// An answer of the service with an HTTP status that is not 2xx.
export class ServiceError extends Error {
  status; code; retryAfter;
  constructor(status, { message, code = null }, retryAfter) {
    super(message ?? `The service answered with HTTP status ${status}. Try again.`);
    Object.assign(this, { status, code, retryAfter });
  }
}

// Calls `listener(error)` whenever the service answers 401: the token is missing or wrong.
export function onLocked(listener) {
  onUnauthorized = listener;
}

// Sends `value` as the token of all later requests. It is stored in this variable only, not in the browser.
export function setToken(value) {
  token = value;
}

export function hasToken() {
  return token !== "";
}

// The answer of GET /v1/models: the model cards as `data`, and as `annotation` whether there are texts to label.
export function fetchModels() {
  return get("models");
}

// The JSON answer of GET /v1/`path`.
export async function get(path) {
  const response = await request(`v1/${path}`, { method: "GET" });
  return withMessage(response.json(), INCOMPLETE);
}

// The answer of GET /v1/`path` as text.
export async function getText(path) {
  const response = await request(`v1/${path}`, { method: "GET" });
  return withMessage(response.text(), INCOMPLETE);
}

// The JSON answer of POST /v1/`path`. Its offsets count code points.
export async function post(path, body, signal) {
  const response = await send(path, body, signal);
  return withMessage(response.json(), INCOMPLETE);
}

// The pieces of text of a continuation, one after another while the service writes them.
export async function* streamCompletion(body, signal) {
  const response = await send("completions", { ...body, stream: true }, signal);
  for await (const data of serverSentEvents(response.body.pipeThrough(new TextDecoderStream()))) {
    if (data === "[DONE]") return;
    const event = JSON.parse(data);
    if (event.error) throw new ServiceError(500, event.error);
    yield event.choices[0].text;
  }
  throw new Error(INCOMPLETE);
}

async function* serverSentEvents(stream) {
  let incomplete = "";
  const reader = stream.getReader();
  const next = () => withMessage(reader.read(), INCOMPLETE);
  for (let chunk = await next(); !chunk.done; chunk = await next()) {
    const events = (incomplete + chunk.value).split("\n\n");
    incomplete = events.pop();
    for (const event of events) yield event.replace(/^data: /u, "");
  }
}

// Awaits a promise. A network error gets `message`, because browsers word such errors differently.
async function withMessage(promise, message) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(message, { cause: error });
  }
}

function send(path, body, signal) {
  // JSON cannot carry unpaired surrogates: they are sent as U+FFFD, as the page shows them.
  const json = JSON.stringify(body, (_, value) => (typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value));
  return request(`v1/${path}`, { method: "POST", body: json, signal });
}

async function request(path, options) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await withMessage(fetch(path, { ...options, headers, cache: "no-store" }), NO_ANSWER);
  if (response.ok) return response;
  const body = await response.json().then(({ error }) => error ?? {}, () => ({}));
  const error = new ServiceError(response.status, body, Number(response.headers.get("Retry-After")) || 1);
  if (error.status === 401) onUnauthorized(error);
  throw error;
}

// Returns an answer whose labels are text: labels that are numbers or booleans are such in JSON. Where a text may have
// several labels, `explained` is the one that the numbers of the words are of.
export function withTextLabel(answer) {
  const text = { ...answer, label: String(answer.label) };
  if (answer.labels) text.labels = answer.labels.map(String);
  if ("explained" in answer) text.explained = String(answer.explained);
  return text;
}
