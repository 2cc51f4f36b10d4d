// Which model a view asks: the only one there is, or the one that is chosen.

import { apart, counted, make } from "./elements.js";

export class ModelChoice {
  // `chosen(model)` is called when another one is chosen.
  constructor(view, models, chosen) {
    this.models = models;
    this.current = models[0] ?? null;
    view.querySelector(".none").hidden = models.length > 0;
    view.classList.toggle("empty", models.length === 0);
    if (!this.current) return;
    this.about = make("span", { class: "soft" });
    this.select = this.#select(`${view.id}-model`, chosen);
    const name = this.select
      ? [make("label", { for: this.select.id }, "Model "), this.select]
      : ["Model ", make("b", {}, apart(this.current.id))];
    view.querySelector(".model").replaceChildren(...name, " ", this.about);
    this.#tell();
  }

  #select(id, chosen) {
    if (this.models.length < 2) return null;
    const select = make("select", { id });
    select.append(...this.models.map(({ id: name }) => make("option", {}, name)));
    select.addEventListener("change", () => {
      this.current = this.models[select.selectedIndex];
      this.#tell();
      chosen(this.current);
    });
    return select;
  }

  // Chooses a model by its name, where it is one of these.
  choose(name) {
    const place = this.models.findIndex(({ id }) => id === name);
    if (place < 0) return;
    this.current = this.models[place];
    if (this.select) this.select.selectedIndex = place;
    this.#tell();
  }

  #tell() {
    const { preset, words, state } = this.current;
    const stale = state === "stale" ? "; its files have changed or gone, the one in memory answers" : "";
    this.about.textContent = `preset ${preset}, knows ${counted(words, "word")}${stale}`;
  }
}
