// The page of an exported model: it shows the answer of the model while the user types.

import { bar, isolated, make, percent, visible, wordElement } from "./elements.js";
import { suggestFor } from "./keyboard.js";
import { LatestRequest } from "./latest_request.js";
import { Memory } from "./memory.js";
import { openHere } from "./runtime.js";
import { UnreadableText } from "./words.js";

const MAX_ROWS = 8;
const COMPLETION = { words: 20, temperature: 0.8 };
// Tokens of an open vocabulary are parts of words.
const MAX_TOKENS = 80;
/** @type {any[]} */
const [status, text, answers, title, more, button, group, memoryPlace] = [
  "status", "text", "answers", "answers-title", "more", "continue", "suggestions", "memory",
].map((id) => document.getElementById(id));

try {
  await start(await openHere());
  document.documentElement.dataset.ready = "true";
} catch (error) {
  status.textContent = `The model cannot be opened: ${error.message}`;
}

async function start(model) {
  const isLabels = Boolean(model.labels);
  const unit = model.tokens.isOpen ? "token" : "word";
  title.textContent = isLabels ? "Probability of each label" : `Next ${unit}`;
  const message = isLabels
    ? "Type a text. The model gives it a label."
    : `Type a text. The model shows the most probable next ${unit}s.`;
  // The article's network reads three words; parts of words are no suggestions.
  const hasSuggestions = !isLabels && model.states && !model.tokens.isOpen;
  const request = new LatestRequest({
    delay: 0,
    panel: answers,
    send: (written, signal) => (isLabels ? model.classify(written) : model.next(written, MAX_ROWS, { signal })),
    show: (answer) => {
      status.textContent = message;
      showRows(...(isLabels ? labelRows(answer) : wordRows(answer)));
    },
    // A word that is not finished is none that the model can read: there are no next words yet.
    fail: (error) => showError(hasSuggestions && error instanceof UnreadableText && /\S$/u.test(text.value)
      ? { message } : error),
  });
  const update = () => request.start(text.value);
  more.hidden = isLabels;
  text.disabled = false;
  text.addEventListener("input", update);
  button.addEventListener("click", () => continueText(model));
  if (hasSuggestions) {
    group.hidden = false;
    const memory = new Memory(location.pathname, () => keyboard.update());
    const keyboard = suggestFor(model, text, group, memory, () => {});
    memoryPlace.replaceChildren(memory.controls);
  }
  update();
}

// The labels, most probable first. Where a text may have several labels, those that apply are bold.
function labelRows({ labels, probabilities }) {
  const ranked = [...probabilities].sort(([, p], [, q]) => q - p).slice(0, MAX_ROWS);
  const applying = labels && `Labels that apply: ${visible(labels.join(", ")) || "none"}`;
  return [ranked.map(([label, probability]) => {
    const name = isolated(String(label));
    return { name: labels?.includes(label) ? make("b", {}, name) : name, probability };
  }), applying];
}

function wordRows(choices) {
  return [choices.map(({ word, probability }) => ({ name: wordElement(word), probability }))];
}

function showRows(rows, note) {
  answers.replaceChildren(...rows.map(({ name, probability }) => make("li", { "data-probability": probability },
    make("span", {}, name), bar(probability), make("span", {}, percent(probability)))));
  if (note) status.textContent = note;
}

function showError(error) {
  answers.replaceChildren();
  status.textContent = error.message;
}

async function continueText(model) {
  button.disabled = true;
  try {
    const words = model.tokens.isOpen ? MAX_TOKENS : COMPLETION.words;
    for await (const piece of model.complete(text.value, { ...COMPLETION, words })) text.value += piece;
    text.dispatchEvent(new Event("input"));
  } catch (error) {
    showError(error);
  } finally {
    button.disabled = false;
  }
}
