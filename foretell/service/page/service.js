// Asking the service that this page comes from.

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
  return (await posted(verb, question, signal)).json();
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
  throw new Error("The service stopped in the middle of an answer.");
}

async function* events(stream) {
  let waiting = "";
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const whole = (waiting + part.value).split("\n\n");
    waiting = whole.pop();
    for (const each of whole) yield each.replace(/^data: /u, "");
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
  let answer;
  try {
    answer = await fetch(path, { ...how, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("No answer from the service. Is it still running?", { cause: error });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().then(({ error }) => error ?? {}, () => ({}));
  const refused = new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 1);
  if (refused.status === 401) locked(refused);
  throw refused;
}
