// The model that a view uses: the only one of its job, or the one chosen in a list.

import { count, isolated, make, option } from "./elements.js";

// Whether the tokens of a model are parts of words, which have the white space in them.
export function hasOpenVocabulary({ tokens }) {
  return tokens === "subword" || tokens === "char";
}

export class ModelChoice {
  // `onChange(model)` is called when the user chooses another model.
  constructor(view, models, onChange) {
    this.models = models;
    this.current = models[0] ?? null;
    view.querySelector(".no-model").hidden = models.length > 0;
    view.classList.toggle("empty", models.length === 0);
    if (!this.current) return;
    this.about = make("span", { class: "soft" });
    this.select = this.#makeSelect(`${view.id}-model`, onChange);
    const name = this.select
      ? [make("label", { for: this.select.id }, "Model "), this.select]
      : ["Model ", make("b", {}, isolated(this.current.id))];
    view.querySelector(".model").replaceChildren(...name, " ", this.about);
    this.#describe();
  }

  #makeSelect(id, onChange) {
    if (this.models.length < 2) return null;
    const select = make("select", { id });
    select.append(...this.models.map(({ id: name }) => option(name)));
    select.addEventListener("change", () => {
      this.current = this.models[select.selectedIndex];
      this.#describe();
      onChange(this.current);
    });
    return select;
  }

  // Chooses the model called `name`, if it is one of these.
  choose(name) {
    const index = this.models.findIndex(({ id }) => id === name);
    if (index < 0) return;
    this.current = this.models[index];
    if (this.select) this.select.selectedIndex = index;
    this.#describe();
  }

  #describe() {
    const { preset, words, state } = this.current;
    const unit = hasOpenVocabulary(this.current) ? "token" : "word";
    const warning = state === "stale"
      ? ". Its files were changed or deleted. The service still uses the model that it loaded before."
      : "";
    this.about.textContent = `preset ${preset}, vocabulary of ${count(words, unit)}${warning}`;
  }
}
