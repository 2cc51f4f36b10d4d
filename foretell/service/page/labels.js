// The view of a classifier: the verdict while one types, the words that decided it, how it came about; whole files.

import { Curve } from "./curve.js";
import { Editor } from "./editor.js";
import { apart, complain, make, percent, reveal, say } from "./elements.js";
import { FileCard } from "./file.js";
import { LATER, Latest, SOON } from "./latest.js";
import { ModelChoice } from "./models.js";
import { ask } from "./service.js";
import { numbers, showDecided, showVerdict, told } from "./verdict.js";

export class LabelsView {
  constructor(view, models) {
    this.view = view;
    this.choice = new ModelChoice(view, models.filter(({ job }) => job === "labels"), () => {
      this.file.forget();
      this.#changed();
    });
    [this.problem, this.key, this.invitation, this.verdict, this.decided, this.along] = [
      ".editor .problem", "[data-key]", "[data-try]", ".verdict", ".decided", ".along",
    ].map((which) => view.querySelector(which));
    this.detail = this.along.querySelector("[data-caret]");
    this.curve = new Curve(this.along.querySelector(".curve"), (place) => this.#tell(place));
    this.file = new FileCard(view.querySelector(".file"), () => this.choice.current);
    this.editor = new Editor(view.querySelector(".editor"), {
      changed: () => this.#changed(),
      moved: (mark) => this.#point(mark),
    });
    this.invitation.querySelector("button").addEventListener("click", ({ currentTarget }) => {
      this.editor.text = currentTarget.textContent;
      this.editor.field.focus();
    });
    view.querySelector("details").addEventListener("toggle", () => this.#showNumbers());
    this.#prepare();
  }

  get text() {
    return this.editor.text;
  }

  // The view comes on.
  enter() {
    this.file.fit();
    this.curve.fit();
  }

  // Two questions: the verdict at once, and then why, which takes as many answers as there are words.
  #prepare() {
    const about = (verb) => async (text, signal) =>
      (await ask(verb, { model: this.choice.current.id, texts: text }, signal)).answers[0];
    const failed = (error) => complain(this.problem, error.message);
    this.judging = new Latest({
      pause: SOON,
      isEager: true,
      panel: this.verdict,
      ask: about("classify"),
      show: (found) => {
        showVerdict(this.verdict, found);
        say(told(found));
      },
      failed,
    });
    this.explaining = new Latest({
      pause: LATER,
      panel: this.decided,
      ask: about("explain"),
      show: (found) => this.#explain(found),
      failed,
    });
  }

  #changed() {
    complain(this.problem, "");
    if (!this.choice.current) return;
    const isThere = Boolean(this.text.trim());
    this.invitation.hidden = isThere;
    if (isThere) {
      this.judging.put(this.text);
      this.explaining.put(this.text);
      return;
    }
    this.judging.drop();
    this.explaining.drop();
    showVerdict(this.verdict, null);
    this.#explain(null);
  }

  #explain(found) {
    this.found = found;
    const words = found?.words ?? [];
    this.key.hidden = !words.length;
    if (words.length) this.key.replaceChildren(...key(found));
    const strongest = Math.max(1, ...words.map(({ effect }) => Math.abs(effect)));
    this.editor.paint(words.map((each, place) => {
      const level = Math.abs(each.effect) / strongest;
      const kind = level < 0.1 ? "plain" : each.effect > 0 ? "for" : "against";
      return { start: each.start, end: each.end, kind, level, place };
    }));
    showDecided(this.decided, found);
    this.#showNumbers();
    reveal(this.along, words.length > 1);
    this.curve.show(words.length > 1 ? found : null);
    this.#tell(null);
  }

  #showNumbers() {
    const details = this.view.querySelector("details");
    const isWanted = details.open && this.found?.words.length;
    details.querySelector("div").replaceChildren(...(isWanted ? [numbers(this.found)] : []));
  }

  #point(mark) {
    const place = mark && this.found ? mark.place : null;
    this.curve.point(place);
    this.#tell(place);
  }

  // Tells of one word; without one, how the verdict went.
  #tell(place) {
    const { words, running, label } = this.found ?? {};
    if (!words || words.length < 2) return;
    const near = Math.min(running.length - 1, Math.floor((place ?? 0) / this.found.stride));
    this.detail.replaceChildren(...(place === null
      ? ["The probability of ", apart(label), " if the text ended there. Put the caret in a word to see its place."]
      : ["Up to ", make("b", {}, apart(words[place].text)), `: ${percent(running[near])} `, apart(label),
        `. Without this one word the verdict would be at ${percent(words[place].without)}.`]));
  }
}

function key({ label, words }) {
  const read = words.filter(({ is_read: isRead }) => isRead).length;
  const unread = read < words.length ? ` The network reads the last ${read} of ${words.length} words.` : "";
  return [
    make("mark", { class: "for" }, "speaks for"), " ", apart(label), " · ",
    make("mark", { class: "against" }, "speaks against it"), unread,
  ];
}
