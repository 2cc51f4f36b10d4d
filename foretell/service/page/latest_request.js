// Requests while the user types: only the request for the present text counts, and older ones are cancelled. The
// page of an exported model uses this file, too.

// Milliseconds to wait after a key. SHORT_DELAY is shorter than the time between two keys.
export const SHORT_DELAY = 30;
// For requests that take the service longer.
export const LONG_DELAY = 120;

export class LatestRequest {
  panel; isEager; delay; send; fail; show;
  #timer;
  #controller;
  #lastStart = -Infinity;

  // delay: milliseconds between `start` and the request.
  // send: `send(input, signal)` gives a promise of the answer.
  // show, fail: called with the answer, or with the error, of the last request only.
  // panel: the element that has the attribute aria-busy until the answer is shown.
  // isEager: send a request at once if the last one was started more than `delay` ago.
  constructor({ delay, send, show, fail, panel, isEager = false }) {
    Object.assign(this, { delay, send, show, fail, panel, isEager });
  }

  // Starts a request for `input` and cancels the request before it.
  start(input) {
    this.cancel();
    this.panel.setAttribute("aria-busy", "true");
    const now = performance.now();
    const isImmediate = this.isEager && now - this.#lastStart > this.delay;
    this.#lastStart = now;
    this.#timer = setTimeout(() => this.#run(input), isImmediate ? 0 : this.delay);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.panel.removeAttribute("aria-busy");
  }

  async #run(input) {
    const controller = new AbortController();
    this.#controller = controller;
    const promise = this.send(input, controller.signal);
    const [answer, error] = await promise.then((value) => [value], (reason) => [null, reason]);
    if (controller.signal.aborted) return;
    this.panel.removeAttribute("aria-busy");
    if (error) this.fail(error);
    else this.show(answer);
  }
}
