// Asking while somebody types: only for what is there now, and not more often than an answer can be read.

export const SOON = 30; // Milliseconds: shorter than the pause between two keys held down.
export const LATER = 120; // For what takes the service longer.

export class Latest {
  #timer;
  #asking;
  #put = -Infinity;

  // After `pause` ms `ask(question, signal)` is called, and `show(answer)` with what it gives, unless there
  // is a newer question; `failed(error)` where it gives an error. `panel` is marked busy meanwhile. `isEager`:
  // a question that comes after such a pause is asked at once.
  constructor({ pause, ask, show, failed, panel, isEager = false }) {
    Object.assign(this, { pause, ask, show, failed, panel, isEager });
  }

  // Forgets the question before this one, wherever it is.
  put(question) {
    this.drop();
    this.panel?.setAttribute("aria-busy", "true");
    const now = performance.now();
    const isFirst = this.isEager && now - this.#put > this.pause;
    this.#put = now;
    this.#timer = setTimeout(() => this.#answer(question), isFirst ? 0 : this.pause);
  }

  drop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.panel?.removeAttribute("aria-busy");
  }

  async #answer(question) {
    const asking = new AbortController();
    this.#asking = asking;
    const asked = this.ask(question, asking.signal);
    const [answer, error] = await asked.then((found) => [found], (reason) => [null, reason]);
    if (asking.signal.aborted) return;
    this.panel?.removeAttribute("aria-busy");
    if (error) this.failed(error);
    else this.show(answer);
  }
}
