// The view of a language model: the next words while one types, Tab to take one, surprise as shading.

import { Continuing } from "./continuing.js";
import { Editor } from "./editor.js";
import { apart, bar, complain, make, percent, say, visible, word } from "./elements.js";
import { LATER, Latest, SOON } from "./latest.js";
import { ModelChoice } from "./models.js";
import { ask } from "./service.js";
import { following, lastWord, rest } from "./spacing.js";
import { Surprise } from "./surprise.js";

const SHOWN = 6;

export class WordsView {
  #choices = [];
  #isLeaving = false;
  #isWanted = false;
  #news = "";

  constructor(view, models) {
    this.view = view;
    this.choice = new ModelChoice(view, models.filter(({ job }) => job === "words"), () => this.#changed());
    this.problem = view.querySelector(".editor .problem");
    this.title = view.querySelector("#next-title");
    this.list = view.querySelector(".choices");
    this.surprise = new Surprise(view.querySelector(".surprise"));
    this.editor = new Editor(view.querySelector(".editor"), {
      changed: () => this.#changed(),
      moved: (mark) => this.surprise.point(mark),
    });
    this.continuing = new Continuing(view.querySelector(".continue"), this);
    this.editor.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#prepare();
  }

  get text() {
    return this.editor.text;
  }

  get isUnfinished() {
    return this.#choices.some(({ isEnding }) => isEnding);
  }

  // The view comes on.
  enter() {
    if (this.choice.current && !this.list.hasChildNodes()) this.#changed();
  }

  // Tells a screen reader, and again together with what may come next.
  tell(news) {
    this.#news = news;
    say(news);
  }

  failed(error) {
    complain(this.problem, error.message.replace(/^text 0: (?:prompt: )?/u, ""));
  }

  #prepare() {
    this.next = new Latest({
      pause: SOON,
      isEager: true,
      panel: this.view.querySelector(".next"),
      ask: (text, signal) => this.#ask(text, signal),
      show: (found) => this.#show(found),
      failed: (error) => {
        this.#show([]);
        if (this.text.trim()) this.failed(error);
      },
    });
    this.scoring = new Latest({
      pause: LATER,
      panel: this.view.querySelector(".surprise"),
      ask: (text, signal) =>
        this.surprise.ask(this.choice.current.id, this.#finished(text), signal, (words) => this.#shade(words)),
      show: (found) => this.#shade(found),
      // A text that cannot be scored yet is no mistake; what is wrong is said by the next words.
      failed: () => this.#shade([]),
    });
  }

  #changed() {
    this.#isLeaving = this.#isWanted = false;
    this.#news = "";
    complain(this.problem, "");
    if (!this.choice.current) return;
    this.next.put(this.text);
    this.scoring.drop();
    if (this.text.trim()) this.scoring.put(this.text);
    else this.#shade([]);
  }

  #shade(words) {
    this.editor.paint(this.surprise.show(words));
  }

  // The text without a word that is still being typed: that it is no word yet surprises nobody.
  #finished(text) {
    return this.isUnfinished ? text.slice(0, text.length - lastWord(text).length) : text;
  }

  // The words that may come next, or the endings of a word that is more likely unfinished than finished.
  async #ask(text, signal) {
    const beginning = lastWord(text);
    const asked = (unfinished) =>
      ask("next", { model: this.choice.current.id, texts: text, k: SHOWN, unfinished }, signal);
    const [next, ends] = await Promise.all([asked(false), ...(beginning ? [asked(true)] : [])]);
    const chances = ends?.answers[0].words ?? [];
    const whole = chances.find((each) => each.word.toLowerCase() === beginning.toLowerCase());
    const endings = chances.flatMap(({ word: name, probability }) => {
      const more = rest(name, beginning);
      return more === null ? [] : [{ name, probability, added: more, isEnding: true }];
    });
    if (endings.length && endings[0].probability > (whole?.probability ?? 0)) return endings;
    return next.answers[0].words.map(({ word: name, probability }) => {
      return { name, probability, added: following(text, name), isEnding: false };
    });
  }

  #show(choices) {
    this.#choices = choices;
    const [first] = choices;
    const title = first?.isEnding ? ["Endings of ", apart(lastWord(this.text))] : ["Next word"];
    this.title.replaceChildren(...title);
    const rows = choices.map((each) => {
      const button = make("button", { type: "button" }, make("span", {}, word(each.name)), bar(each.probability),
        make("span", { class: "number" }, percent(each.probability)));
      button.addEventListener("click", () => this.#take(each));
      return make("li", {}, button);
    });
    this.list.replaceChildren(...rows);
    if (this.editor.isAtEnd && this.text) this.editor.suggest(first && first.name !== "<eos>" ? first.added : "");
    if (first) say(`${this.#news} Next: ${choices.slice(0, 3).map(({ name }) => visible(name)).join(", ")}`.trim());
    if (this.#isWanted && first) this.#take(first);
  }

  #take({ added }) {
    this.#choices = [];
    this.editor.text = this.text + added;
    this.editor.field.focus();
  }

  // Takes the first word, or waits for it where it is on its way: then the next Tab must not leave the text.
  #takeFirst(event) {
    const isComing = this.next.panel.hasAttribute("aria-busy");
    if (this.#isLeaving || !this.text || !this.editor.isAtEnd || !(this.#choices.length || isComing)) return;
    event.preventDefault();
    if (isComing) this.#isWanted = true;
    else this.#take(this.#choices[0]);
  }

  #pressed(event) {
    if (event.isComposing) return;
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
    if (event.key === "Escape" && this.continuing.stop()) return;
    if (event.key === "Escape") {
      // From here on Tab moves on, as it does everywhere, until something is typed.
      this.#isLeaving = true;
      this.#isWanted = false;
      this.editor.suggest("");
    } else if (event.key === "Tab" && plain) {
      this.#takeFirst(event);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.continuing.start();
    }
  }
}
