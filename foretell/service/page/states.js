// How it works: one unit of an LSTM layer reads a text, its gates and its cell state shown word by word.

import { Editor } from "./editor.js";
import { complain, make, reveal } from "./elements.js";
import { HeatMap } from "./heatmap.js";
import { LATER, Latest } from "./latest.js";
import { ModelChoice } from "./models.js";
import { ask } from "./service.js";

export class StatesView {
  // `other()` gives {text, model} of the view that was on before.
  constructor(view, models, other) {
    this.other = other;
    this.choice = new ModelChoice(view, models, () => this.#changed(true));
    [this.problem, this.card, this.layer, this.unit, this.count, this.lively, this.invitation, this.key] = [
      ".editor .problem", ".states", "#layer", "#unit", "[data-units]", ".lively", "[data-try]", "[data-key]",
    ].map((which) => view.querySelector(which));
    this.map = new HeatMap(this.card.querySelector(".found"));
    this.editor = new Editor(view.querySelector(".editor"), {
      changed: () => this.#changed(false),
      moved: (mark) => {
        if (mark) this.map.point(mark.place);
      },
    });
    this.layer.addEventListener("change", () => this.#ask({ layer: this.layer.value, unit: null }));
    this.unit.addEventListener("input", () => {
      if (this.unit.value !== "" && this.unit.checkValidity()) this.#ask({ unit: Number(this.unit.value) });
    });
    view.querySelector(".unit").addEventListener("submit", (event) => event.preventDefault());
    this.invitation.querySelector("button").addEventListener("click", ({ currentTarget }) => {
      this.editor.text = currentTarget.textContent;
      this.editor.field.focus();
    });
    this.asked = { layer: null, unit: null };
    this.#prepare();
    this.#fit();
  }

  get text() {
    return this.editor.text;
  }

  // The view comes on: with the text of the view before, where it has none of its own.
  enter() {
    const { text, model } = this.other();
    if (this.text.trim() || !text.trim()) return;
    this.choice.choose(model);
    this.asked = { layer: null, unit: null };
    this.#fit();
    this.editor.text = text;
  }

  #prepare() {
    this.reading = new Latest({
      pause: LATER,
      panel: this.card,
      ask: (asked, signal) => ask("states", { model: this.choice.current.id, ...asked }, signal),
      show: (found) => this.#show(found),
      failed: (error) => {
        this.#show(null);
        complain(this.problem, error.message);
      },
    });
  }

  #changed(isOtherModel) {
    if (isOtherModel) {
      this.asked = { layer: null, unit: null };
      this.#fit();
    }
    this.#ask({});
  }

  // Asks about another layer or unit, or about another text.
  #ask(change) {
    Object.assign(this.asked, change);
    complain(this.problem, "");
    const text = this.text;
    this.invitation.hidden = Boolean(text.trim());
    if (this.choice.current && text.trim()) this.reading.put({ text, ...this.asked });
    else {
      this.reading.drop();
      this.#show(null);
    }
  }

  #fit() {
    const layers = this.choice.current?.layers ?? [];
    this.layer.replaceChildren(...layers.map(({ name }) => make("option", { value: name }, name)));
    this.layer.parentElement.hidden = layers.length < 2;
    this.#range(layers[0]?.units ?? 1);
  }

  #range(units) {
    this.unit.max = String(units - 1);
    this.count.textContent = `of 0 to ${units - 1}`;
  }

  #show(found) {
    const steps = found?.steps ?? [];
    reveal(this.card, steps.length > 0);
    this.key.hidden = !steps.length;
    this.lively.hidden = !steps.length || !found.liveliest.length;
    const most = Math.max(1e-6, ...(found?.cell ?? []).map(Math.abs));
    this.editor.paint(steps.map(({ start, end }, place) => {
      const cell = found.cell[place];
      return { start, end, kind: cell > 0 ? "for" : "against plainly", level: Math.abs(cell) / most, place };
    }));
    this.map.show(steps.length ? found : null);
    if (!steps.length) return;
    this.layer.value = found.layer;
    this.#range(found.layers.find(({ name }) => name === found.layer).units);
    if (document.activeElement !== this.unit) this.unit.value = String(found.unit);
    // From now on the same unit, whatever is typed: another one each time could not be followed.
    this.asked.unit ??= found.unit;
    this.#showLively(found);
  }

  #showLively({ liveliest, unit }) {
    const group = this.lively.querySelector(".chips");
    const held = group.contains(document.activeElement) ? document.activeElement.value : null;
    group.replaceChildren(...liveliest.slice(0, 12).map((each) => {
      const chip = make("button", { type: "button", value: each, "aria-pressed": each === unit }, String(each));
      chip.addEventListener("click", () => this.#ask({ unit: each }));
      return chip;
    }));
    if (held !== null) group.querySelector(`[value="${held}"]`)?.focus();
  }
}
