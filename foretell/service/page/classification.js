// Classifies many texts in a few concurrent requests. It can be stopped, and continues with the texts that have no
// answer yet.

import { post, ServiceError, withTextLabel } from "./service.js";

// Both keep a request among the short or little longer ones of the service, far below its limits.
const MAX_TEXTS = 50;
// UTF-16 code units of one request.
const MAX_LENGTH = 10_000;
const CONCURRENCY = 2;
// HTTP statuses that mean: try again later.
const BUSY = [429, 503];
const MAX_TRIES = 20;
const MAX_RETRY_SECONDS = 10;

export class Classification {
  texts; onProgress; model; abstainBelow;
  // `answers` has one entry per text: {label, probability, reason, flags}, or null before it is there. `onProgress()`
  // is called after each request.
  constructor({ model, texts, abstainBelow, onProgress }) {
    Object.assign(this, { model, texts, abstainBelow, onProgress });
    this.answers = new Array(texts.length).fill(null);
    this.done = 0;
  }

  // Classifies the texts without an answer, until all have one or `signal` aborts.
  async run(signal) {
    const batches = this.#batches();
    const work = async () => {
      for (let batch = batches.next(); !batch.done; batch = batches.next()) await this.#classify(batch.value, signal);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  }

  // Lists of indices of texts, each list for one request.
  *#batches() {
    let batch = [];
    let length = 0;
    for (const [index, text] of this.texts.entries()) {
      if (this.answers[index]) continue;
      if (batch.length && (batch.length === MAX_TEXTS || length + text.length > MAX_LENGTH)) {
        yield batch;
        [batch, length] = [[], 0];
      }
      batch.push(index);
      length += text.length;
    }
    if (batch.length) yield batch;
  }

  async #classify(indices, signal) {
    try {
      const answers = await this.#post(indices, signal);
      this.#store(indices, answers);
    } catch (error) {
      if (!isAboutText(error)) throw error;
      if (indices.length > 1) {
        // The service refuses one of these texts. The other ones get their answers.
        for (const index of indices) await this.#classify([index], signal);
        return;
      }
      this.#store(indices, [{ label: "", probability: null, probabilities: {}, reason: error.message, flags: [] }]);
    }
  }

  #store(indices, answers) {
    indices.forEach((index, k) => {
      this.answers[index] = withTextLabel(answers[k]);
    });
    this.done += indices.length;
    this.onProgress();
  }

  async #post(indices, signal) {
    const texts = indices.map((index) => this.texts[index]);
    const body = { model: this.model, texts, abstain_below: this.abstainBelow };
    for (let tries = 1; ; tries++) {
      try {
        return (await post("classify", body, signal)).answers;
      } catch (error) {
        const isBusy = error instanceof ServiceError && BUSY.includes(error.status);
        if (!isBusy || tries === MAX_TRIES) throw error;
        await sleep(1000 * Math.min(MAX_RETRY_SECONDS, error.retryAfter), signal);
      }
    }
  }
}

// Whether the service refused a text (too long, for example).
function isAboutText(error) {
  return error instanceof ServiceError && [413, 422].includes(error.status);
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
