// Suggestions above a text field of any page, by the language model of this folder.

import { announcing, make } from "./elements.js";
import { LatestRequest } from "./latest_request.js";
import { Memory } from "./memory.js";
import { openHere } from "./runtime.js";
import { lastWord } from "./spacing.js";
import { Suggestions } from "./suggestions.js";

// Milliseconds without a key before the text is kept.
const PAUSE = 500;
// The colours and the font are those of the page around it.
const STYLE = `:host { display: block; margin: .5rem 0; }
[role=group] { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .5rem; min-height: 2.75rem; }
button { min-height: 2.75rem; padding: .25rem .5rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  border: 1px solid color-mix(in srgb, currentColor 55%, transparent); border-radius: .5rem;
  background: color-mix(in srgb, currentColor 6%, transparent); color: inherit; font: inherit; cursor: pointer; }
button:focus-visible { outline: 2px solid; outline-offset: 1px; }
kbd { margin-inline-end: .5rem; font: .75em system-ui, sans-serif; }
.memory { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin-top: .25rem; font-size: .875em; }
.memory button { min-height: 2rem; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none; }`;

let model;

// Shows suggestions above a text field: accepted by Tab, by Alt and 1 to 3, or by a tap.
//   remember  whether to offer that what is written is kept in this browser
//   lang      the language of the words, for screen readers
// Returns a promise of a function that takes the suggestions away.
export async function attach(field, { remember = false, lang = null } = {}) {
  model ??= openHere();
  const opened = await model;
  if (!opened.states || opened.tokens.isOpen) {
    throw new Error("expected a language model of whole words, found another model; train one: foretell train words");
  }
  const group = make("div", { role: "group", "aria-label": "Suggestions", lang });
  const spoken = make("span", { role: "status", class: "spoken" });
  const host = make("div");
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  const memory = new Memory(new URL(".", import.meta.url).pathname, () => update());
  root.append(group, spoken, ...(remember ? [memory.controls] : []));
  field.before(host);
  const say = announcing(spoken);
  const { update, stop } = suggestFor(opened, field, group, memory, (words) => say(words.join(", ")));
  return () => {
    stop();
    host.remove();
  };
}

// Suggests words for a field in an element; returns {update, stop}. `onShow` gets the suggested words.
export function suggestFor(opened, field, element, memory, onShow) {
  const suggestions = new Suggestions(element, field);
  const request = new LatestRequest({
    delay: 0,
    panel: element,
    send: async (text, signal) => {
      const found = await opened.suggest(text, { earlier: memory.earlier, signal });
      const added = found.map((each) => ({ ...each, added: each.text.slice(text.length) }));
      return memory.extend(added, lastWord(text));
    },
    show: (found) => {
      suggestions.show(found);
      onShow(found.slice(0, 3).map(({ word }) => word));
    },
    fail: () => suggestions.show([]),
  });
  let pause;
  const update = () => {
    const { text } = suggestions;
    request.cancel();
    suggestions.wait(text);
    if (text === null) suggestions.show([]);
    else request.start(text);
    clearTimeout(pause);
    pause = setTimeout(() => memory.keep(field.value, opened.unknownWords(field.value)), PAUSE);
  };
  const end = new AbortController();
  field.addEventListener("input", update, { signal: end.signal });
  update();
  return {
    update,
    stop: () => {
      end.abort();
      request.cancel();
      suggestions.stop();
    },
  };
}
