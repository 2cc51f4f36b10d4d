// The page: what the model says of the text, while one types.

import { openHere } from "./runtime.js";

const SHOWN = 8;
const MOST_WORDS = 20;
const [about, text, answers, more, button] = ["about", "text", "answers", "more", "continue"].map((id) =>
  document.getElementById(id),
);

try {
  const model = await openHere();
  const isLabels = Boolean(model.labels);
  const title = isLabels ? `Labels: ${model.labels.join(", ")}` : "The likeliest next words.";
  more.hidden = isLabels;
  text.disabled = false;
  const ask = async () => (isLabels ? labels(await model.classify(text.value)) : model.next(text.value, SHOWN));
  const show = latest(ask, title);
  text.addEventListener("input", show);
  button.addEventListener("click", () => goOn(model, show));
  await show();
  document.documentElement.dataset.ready = "true";
} catch (error) {
  about.textContent = `The model cannot be opened: ${error.message}`;
}

function labels({ probabilities }) {
  const rows = Array.from(probabilities, ([word, probability]) => ({ word, probability }));
  return rows.sort((a, b) => b.probability - a.probability).slice(0, SHOWN);
}

// Runs `ask` for the latest text only: one answer at a time, and none for what is no longer there.
function latest(ask, title) {
  let running = null;
  let again = false;
  return () => {
    again = true;
    running ??= (async () => {
      while (again) {
        again = false;
        await ask().then((rows) => draw(rows, title), failed);
      }
      running = null;
    })();
    return running;
  };
}

function draw(rows, title) {
  about.textContent = title;
  answers.replaceChildren(
    ...rows.map(({ word, probability }) => {
      const [item, name, meter, number] = ["li", "span", "meter", "span"].map((tag) => document.createElement(tag));
      name.textContent = word === "<eos>" ? "end of the line" : word;
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

function failed(error) {
  answers.replaceChildren();
  about.textContent = error.message;
}

async function goOn(model, show) {
  button.disabled = true;
  try {
    for await (const piece of model.complete(text.value, { words: MOST_WORDS, temperature: 0.8 })) text.value += piece;
    await show();
  } catch (error) {
    failed(error);
  } finally {
    button.disabled = false;
  }
}
