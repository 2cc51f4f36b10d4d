// Asking the service that this page comes from.

const GONE = "No answer from the service. Is it still running?";
const STOPPED = "The service stopped in the middle of an answer.";

let token = "";
let locked = () => {};

export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.message ?? `The service answered ${status}.`);
    Object.assign(this, { status, code: problem.code ?? null, retryAfter });
  }
}

// Calls `listener` whenever the service wants a token that it has not been given.
export function onLocked(listener) {
  locked = listener;
}

// The token is kept in this variable only: nothing that outlives the page knows it.
export function unlock(given) {
  token = given;
}

export async function models() {
  return (await (await fetched("v1/models", { method: "GET" })).json()).data;
}

// The answer to a question, as JSON; offsets in it count code points.
export async function ask(verb, question, signal) {
  const answer = await posted(verb, question, signal);
  return orTold(answer.json(), STOPPED);
}

// The pieces of a continuation, as they are written.
export async function* written(question, signal) {
  const answer = await posted("completions", { ...question, stream: true }, signal);
  for await (const data of events(answer.body.pipeThrough(new TextDecoderStream()))) {
    if (data === "[DONE]") return;
    const found = JSON.parse(data);
    if (found.error) throw new Refused(500, found.error);
    yield found.choices[0].text;
  }
  throw new Error(STOPPED);
}

async function* events(stream) {
  let waiting = "";
  const reader = stream.getReader();
  const next = () => orTold(reader.read(), STOPPED);
  for (let part = await next(); !part.done; part = await next()) {
    const whole = (waiting + part.value).split("\n\n");
    waiting = whole.pop();
    for (const each of whole) yield each.replace(/^data: /u, "");
  }
}

// What a promise gives; the browser's own word for a failure of the network is put in ours.
async function orTold(promise, message) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(message, { cause: error });
  }
}

function posted(verb, question, signal) {
  // A half of a surrogate pair is no text: it is sent as what it is shown as.
  const body = JSON.stringify(question, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
  return fetched(`v1/${verb}`, { method: "POST", body, signal });
}

async function fetched(path, how) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await orTold(fetch(path, { ...how, headers, cache: "no-store" }), GONE);
  if (answer.ok) return answer;
  const problem = await answer.json().then(({ error }) => error ?? {}, () => ({}));
  const refused = new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 1);
  if (refused.status === 401) locked(refused);
  throw refused;
}
