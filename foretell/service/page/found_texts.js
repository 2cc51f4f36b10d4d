// The card for many texts: a search or the texts similar to the shown one, and one answer for all that are checked.

import { count, find, isolated, make, option, showError } from "./elements.js";

const OTHERS = { none: "none of the labels", unclear: "unclear" };

export class FoundTexts {
  form; query; list; result; choice; problem; status; similar; card; answer;
  // `search(query)` and `similar()` promise {texts}; `answer(ids, choice)` promises whether it was written.
  constructor(card, { search, similar, answer }) {
    Object.assign(this, { card, similar, answer, labels: [] });
    [this.form, this.query, this.list, this.result, this.choice, this.problem, this.status] = find(card, "form",
      "input[type=search]", "ul", ".result", "select", ".problem", "[role=status]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#show(search(this.query.value));
    });
    card.querySelector("[data-similar]").addEventListener("click", () => this.showSimilar());
    card.querySelector("[data-all]").addEventListener("change", ({ currentTarget }) => {
      for (const box of this.#boxes()) box.checked = currentTarget.checked;
      this.#count();
    });
    this.list.addEventListener("change", () => this.#count());
    this.button = card.querySelector("[data-label-all]");
    this.button.addEventListener("click", () => this.#answer());
  }

  focus() {
    this.query.focus();
  }

  showSimilar() {
    this.#show(this.similar());
  }

  setLabels(labels) {
    if (labels.join("\n") === this.labels.join("\n")) return;
    this.labels = labels;
    this.choice.replaceChildren(
      ...labels.map((label, index) => option(label, { value: String(index) })),
      ...Object.entries(OTHERS).map(([value, name]) => make("option", { value }, name)),
    );
  }

  // Removes texts that were answered from the list.
  remove(ids) {
    for (const box of this.#boxes()) {
      if (ids.includes(Number(box.value))) box.closest("li").remove();
    }
    this.#count();
  }

  async #show(request) {
    if (!request) return;
    showError(this.problem, "");
    try {
      const { texts } = await request;
      this.result.hidden = !texts.length;
      this.status.textContent = texts.length ? "" : "No text without an answer found.";
      this.list.replaceChildren(...texts.map(({ id, text }) => make("li", {},
        make("label", {}, make("input", { type: "checkbox", value: String(id) }), isolated(text)))));
      this.card.querySelector("[data-all]").checked = false;
      this.#count();
    } catch (error) {
      showError(this.problem, error.message);
    }
  }

  async #answer() {
    const ids = this.#boxes().filter(({ checked }) => checked).map(({ value }) => Number(value));
    const { value } = this.choice;
    const choice = OTHERS[value] ? { answer: value } : { answer: "label", label: this.labels[Number(value)] };
    if (ids.length && await this.answer(ids, choice)) {
      this.status.textContent = `${count(ids.length, "text")} answered. Undo takes all of them back.`;
      this.query.focus();
    }
  }

  #boxes() {
    return [...this.list.querySelectorAll("input")];
  }

  #count() {
    const boxes = this.#boxes();
    const chosen = boxes.filter(({ checked }) => checked).length;
    this.button.textContent = `Label ${count(chosen, "text")}`;
    this.button.disabled = !chosen;
    if (!boxes.length) this.result.hidden = true;
  }
}
