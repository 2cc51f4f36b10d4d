// The metrics of the view "Annotate": all of them of random texts, each with its interval.

import { count, isolated, make, percent } from "./elements.js";

// Shows the state of the service's annotation in the card.
export function showMetrics(card, { counts, metrics, labels }) {
  const put = (selector, ...children) => card.querySelector(selector).replaceChildren(...children);
  put("[data-answers]", counts.answers.toLocaleString("en"));
  put("[data-random]", counts.test.toLocaleString("en"));
  put("[data-left]", counts.left.toLocaleString("en"));
  put(".measured", ...metricRows(metrics));
  put(".counted", ...labels.map(({ name, count: number }) => labelRow(name, number, metrics.shares[name])));
  card.querySelector(".enough").hidden = !metrics.changes_little;
  if (metrics.changes_little) {
    put(".enough", "50 more labels would change little: the last 50 changed at most ",
      `${percent(metrics.changed.high)} of the predictions.`);
  }
}

function metricRows({ accuracy, macro_f1: macroF1, none, changed }) {
  return [
    row("Accuracy of the suggestions", accuracy),
    ...(macroF1 ? [row("Macro F1 of the suggestions", macroF1)] : []),
    row("None of the labels", none),
    ...(changed ? [row("Predictions changed by the last 50 answers", changed)] : []),
  ];
}

function row(name, metric) {
  if (!metric) return make("div", {}, make("dt", {}, name), make("dd", { class: "soft" }, "no random text yet"));
  return make("div", {}, make("dt", {}, name),
    make("dd", {}, make("b", {}, percent(metric.value))),
    make("dd", { class: "soft" }, range(metric), ` ${percent(metric.low)} to ${percent(metric.high)}, `,
      count(metric.texts, "random text")));
}

// A line from 0 to 1 with the interval filled. Screen readers skip it: the numbers stand below it.
function range({ low, high }) {
  const filling = make("i");
  filling.style.setProperty("--from", String(low));
  filling.style.setProperty("--part", String(Math.max(high - low, 0.01)));
  return make("span", { class: "range", "aria-hidden": "true" }, filling);
}

function labelRow(name, number, share) {
  const parts = share ? [make("b", {}, percent(share.value)), make("span", { class: "soft" },
    `${(100 * share.low).toFixed(1)} to ${percent(share.high)}`)] : ["–"];
  return make("tr", {}, make("th", { scope: "row" }, isolated(name)),
    make("td", { class: "number" }, number.toLocaleString("en")), make("td", { class: "share-of" }, ...parts));
}
