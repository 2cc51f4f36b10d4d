// Suggestions above a text field, by the language model of this folder.

import { LatestRequest } from "./latest_request.js";
import { Suggestions } from "./suggestions.js";

// Suggests words for a field in an element.
export function suggestFor(opened, field, element) {
  const suggestions = new Suggestions(element, field);
  const request = new LatestRequest({
    delay: 0,
    panel: element,
    send: async (text, signal) => {
      const found = await opened.suggest(text, { signal });
      return found.map((each) => ({ ...each, added: each.text.slice(text.length) }));
    },
    show: (found) => suggestions.show(found),
    fail: () => suggestions.show([]),
  });
  const update = () => {
    const { text } = suggestions;
    request.cancel();
    suggestions.wait(text);
    if (text === null) suggestions.show([]);
    else request.start(text);
  };
  field.addEventListener("input", update);
  update();
}
