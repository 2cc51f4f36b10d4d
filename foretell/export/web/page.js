// The page of an exported model: it shows the answer of the model while the user types.

import { openHere } from "./runtime.js";
import { Suggestions } from "./suggestions.js";
import { UnreadableText } from "./words.js";

const MAX_ROWS = 8;
const COMPLETION = { words: 20, temperature: 0.8 };
// Tokens of an open vocabulary are parts of words.
const MAX_TOKENS = 80;
const [status, text, answers, more, button] = ["status", "text", "answers", "more", "continue"].map((id) =>
  document.getElementById(id),
);

try {
  const model = await openHere();
  const isLabels = Boolean(model.labels);
  const unit = model.tokens.isOpen ? "token" : "word";
  document.getElementById("answers-title").textContent = isLabels ? "Probability of each label" : `Next ${unit}`;
  const message = isLabels
    ? "Type a text. The model gives it a label."
    : `Type a text. The model shows the most probable next ${unit}s.`;
  more.hidden = isLabels;
  text.disabled = false;
  const predict = async () =>
    isLabels ? rankedLabels(await model.classify(text.value)) : model.next(text.value, MAX_ROWS).catch((error) => {
      if (suggestions && isUnfinished(error)) return [];
      throw error;
    });
  const rank = latestOnly(predict, message);
  // The article's network reads three words; parts of words are no suggestions.
  const hasSuggestions = !isLabels && model.states && !model.tokens.isOpen;
  const suggestions = hasSuggestions
    ? new Suggestions(document.getElementById("suggestions"), text, model, () => update()) : null;
  const update = () => Promise.all([suggestions?.update().catch(showError), rank()]);
  text.addEventListener("input", update);
  button.addEventListener("click", () => continueText(model, update));
  await update();
  document.documentElement.dataset.ready = "true";
} catch (error) {
  status.textContent = `The model cannot be opened: ${error.message}`;
}

// Whether the last word is not finished, and is none that the model can read: there are no next words yet.
function isUnfinished(error) {
  return error instanceof UnreadableText && /\S$/u.test(text.value);
}

function rankedLabels({ probabilities }) {
  const rows = Array.from(probabilities, ([word, probability]) => ({ word, probability }));
  return rows.sort((a, b) => b.probability - a.probability).slice(0, MAX_ROWS);
}

// Returns a function that predicts for the present text. If the text changes during a prediction, one more prediction
// follows, for the latest text.
function latestOnly(predict, message) {
  let running = null;
  let isOutdated = false;
  return () => {
    isOutdated = true;
    running ??= (async () => {
      while (isOutdated) {
        isOutdated = false;
        await predict().then((rows) => show(rows, message), showError);
      }
      running = null;
    })();
    return running;
  };
}

function show(rows, message) {
  status.textContent = message;
  answers.replaceChildren(
    ...rows.map(({ word, probability }) => {
      const [item, name, meter, number] = ["li", "span", "meter", "span"].map((tag) => document.createElement(tag));
      name.textContent = word === "<eos>" ? "end of line" : shownAs(word);
      name.dir = "auto";
      meter.value = probability;
      meter.setAttribute("aria-hidden", "true");
      number.textContent = `${(100 * probability).toFixed(2)} %`;
      item.dataset.probability = probability;
      item.append(name, meter, number);
      return item;
    }),
  );
}

// A token with its space as ␣. Labels stay as they are, and no word contains a space.
function shownAs(word) {
  return more.hidden ? word : word.replaceAll(" ", "\u2423");
}

function showError(error) {
  answers.replaceChildren();
  status.textContent = error.message;
}

async function continueText(model, update) {
  button.disabled = true;
  try {
    const words = model.tokens.isOpen ? MAX_TOKENS : COMPLETION.words;
    for await (const piece of model.complete(text.value, { ...COMPLETION, words })) text.value += piece;
    await update();
  } catch (error) {
    showError(error);
  } finally {
    button.disabled = false;
  }
}
