// Asking for the labels of many texts: a few requests at a time, none lost, and it can go on where it stopped.

import { ask, Refused } from "./service.js";

const MOST_TEXTS = 64;
const MOST_LETTERS = 100_000; // At six bytes a letter at worst, well below the service's limit of a body.
const AT_ONCE = 2;
const BUSY = [429, 503];
const MOST_TRIES = 20;

export class Answering {
  // Fills `answers`, one for each text, in place: {label, probability, reason, flags}. `told()` is called after
  // each batch.
  constructor({ model, texts, below, told }) {
    Object.assign(this, { model, texts, below, told });
    this.answers = new Array(texts.length).fill(null);
    this.done = 0;
  }

  // Answers what is not answered yet, until all is or `signal` says stop.
  async run(signal) {
    const waiting = this.#batches();
    const work = async () => {
      for (let batch = waiting.next(); !batch.done; batch = waiting.next()) await this.#answer(batch.value, signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  *#batches() {
    let batch = [];
    let letters = 0;
    for (const [place, text] of this.texts.entries()) {
      if (this.answers[place]) continue;
      if (batch.length && (batch.length === MOST_TEXTS || letters + text.length > MOST_LETTERS)) {
        yield batch;
        [batch, letters] = [[], 0];
      }
      batch.push(place);
      letters += text.length;
    }
    if (batch.length) yield batch;
  }

  async #answer(places, signal) {
    try {
      const found = await this.#ask(places, signal);
      places.forEach((place, at) => {
        this.answers[place] = found[at];
      });
      this.done += places.length;
      this.told();
    } catch (error) {
      if (!isAboutTexts(error)) throw error;
      if (places.length > 1) {
        // One of them cannot be answered: the others can.
        for (const place of places) await this.#answer([place], signal);
        return;
      }
      this.answers[places[0]] = { label: "", probability: null, probabilities: {}, reason: error.message, flags: [] };
      this.done += 1;
      this.told();
    }
  }

  async #ask(places, signal) {
    const question = { model: this.model, texts: places.map((place) => this.texts[place]), abstain_below: this.below };
    for (let tries = 1; ; tries++) {
      try {
        return (await ask("classify", question, signal)).answers;
      } catch (error) {
        const isBusy = error instanceof Refused && BUSY.includes(error.status);
        if (!isBusy || tries === MOST_TRIES) throw error;
        await pause(1000 * Math.min(10, error.retryAfter), signal);
      }
    }
  }
}

function isAboutTexts(error) {
  return error instanceof Refused && [413, 422].includes(error.status);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
