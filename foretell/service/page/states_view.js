// The view "How it works": the gates and the cell state of one LSTM unit, word by word.

import { Editor } from "./editor.js";
import { find, make, showError, showResult } from "./elements.js";
import { HeatMap } from "./heatmap.js";
import { LatestRequest, LONG_DELAY } from "./latest_request.js";
import { ModelChoice } from "./model_choice.js";
import { post } from "./service.js";

const MAX_SUGGESTED = 12;

export class StatesView {
  problem; card; layer; unit; range; suggested; example; key;
  // `source()` gives {text, model} of the view that was shown before this one.
  constructor(view, models, source) {
    this.source = source;
    this.choice = new ModelChoice(view, models, () => this.#modelChanged());
    [this.problem, this.card, this.layer, this.unit, this.range, this.suggested, this.example, this.key] = find(view,
      ".editor .problem", ".states", "#layer", "#unit", "#unit-range", ".suggested", "[data-example]", "[data-key]");
    this.map = new HeatMap(this.card.querySelector(".result"));
    this.editor = new Editor(view.querySelector(".editor"), {
      onChange: () => this.#request({}),
      onCaret: (mark) => {
        if (mark) this.map.select(mark.index);
      },
    });
    this.layer.addEventListener("change", () => this.#request({ layer: this.layer.value, unit: null }));
    this.unit.addEventListener("input", () => {
      if (this.unit.value !== "" && this.unit.checkValidity()) this.#request({ unit: Number(this.unit.value) });
    });
    view.querySelector(".unit").addEventListener("submit", (event) => event.preventDefault());
    this.example.querySelector("button").addEventListener("click", ({ currentTarget }) => {
      this.editor.text = currentTarget.textContent;
      this.editor.field.focus();
    });
    this.#makeRequest();
    this.#resetUnit();
  }

  get text() {
    return this.editor.text;
  }

  // Called when the view is shown. Without a text of its own, it takes the text and the model of the view before.
  enter() {
    const { text, model } = this.source();
    if (this.text.trim() || !text.trim()) return;
    this.choice.choose(model);
    this.#resetUnit();
    this.editor.text = text;
  }

  #makeRequest() {
    this.statesRequest = new LatestRequest({
      delay: LONG_DELAY,
      panel: this.card,
      send: (body, signal) => post("states", { model: this.choice.current.id, ...body }, signal),
      show: (states) => this.#show(states),
      fail: (error) => {
        this.#show(null);
        showError(this.problem, error.message);
      },
    });
  }

  #modelChanged() {
    this.#resetUnit();
    this.#request({});
  }

  // Requests the states of the present text, with another layer or unit if `change` has one.
  #request(change) {
    Object.assign(this.selection, change);
    showError(this.problem, "");
    const text = this.text;
    this.example.hidden = Boolean(text.trim());
    if (this.choice.current && text.trim()) this.statesRequest.start({ text, ...this.selection });
    else {
      this.statesRequest.cancel();
      this.#show(null);
    }
  }

  // Lists the layers of the model. Until a unit is chosen, the service chooses the one that changes most.
  #resetUnit() {
    this.selection = { layer: null, unit: null };
    const layers = this.choice.current?.layers ?? [];
    this.layer.replaceChildren(...layers.map(({ name }) => make("option", { value: name }, name)));
    this.layer.parentElement.hidden = layers.length < 2;
    this.#setRange(layers[0]?.units ?? 1);
  }

  #setRange(units) {
    this.unit.max = String(units - 1);
    this.range.textContent = `0 to ${units - 1}`;
  }

  #show(states) {
    const steps = states?.steps ?? [];
    showResult(this.card, steps.length > 0);
    this.key.hidden = !steps.length;
    this.suggested.hidden = !steps.length || !states.liveliest.length;
    const largest = Math.max(1e-6, ...(states?.cell ?? []).map(Math.abs));
    this.editor.setMarks(steps.map(({ start, end }, index) => {
      const cell = states.cell[index];
      return { start, end, kind: cell > 0 ? "for" : "against plainly", level: Math.abs(cell) / largest, index };
    }));
    this.map.show(steps.length ? states : null);
    if (!steps.length) return;
    this.layer.value = states.layer;
    this.#setRange(states.layers.find(({ name }) => name === states.layer).units);
    if (document.activeElement !== this.unit) this.unit.value = String(states.unit);
    // Keep this unit while the user types. Another unit after each key would be confusing.
    this.selection.unit ??= states.unit;
    this.#showSuggested(states);
  }

  #showSuggested({ liveliest, unit }) {
    const group = this.suggested.querySelector(".chips");
    const focused = group.querySelector(":focus")?.value ?? null;
    group.replaceChildren(...liveliest.slice(0, MAX_SUGGESTED).map((each) => {
      const chip = make("button", { type: "button", value: each, "aria-pressed": each === unit }, String(each));
      chip.addEventListener("click", () => this.#request({ unit: each }));
      return chip;
    }));
    if (focused !== null) group.querySelector(`[value="${focused}"]`)?.focus();
  }
}
