// The start of the page: loads the list of models, asks for a token if the service requires one, switches the views.

import { showError } from "./elements.js";
import { AnnotateView } from "./annotate_view.js";
import { LabelsView } from "./labels_view.js";
import { fetchModels, onLocked, setToken } from "./service.js";
import { StatesView } from "./states_view.js";
import { WordsView } from "./words_view.js";

const NAMES = ["words", "labels", "annotate", "how-it-works"];
const [problem, lock, lockTitle, lockForm, token] = ["problem", "lock", "lock-title", "lock-form", "token"].map(byId);

let views = null;
let current = null;
// The last view with a text and a model: both are used in "how-it-works".
let lastPredictionView = null;

async function open() {
  let models, hasTexts;
  try {
    ({ data: models, annotation: hasTexts } = await fetchModels());
  } catch (error) {
    // For 401 the listener of `onLocked` shows the form for the token.
    if (error.status !== 401) showError(problem, error.message);
    return;
  }
  lock.hidden = true;
  showError(problem, "");
  const source = () => ({ text: lastPredictionView?.text ?? "", model: lastPredictionView?.choice.current?.id });
  views = {
    words: new WordsView(section("words"), models),
    labels: new LabelsView(section("labels"), models),
    "how-it-works": new StatesView(section("how-it-works"), models, source),
    ...(hasTexts ? { annotate: new AnnotateView(section("annotate")) } : {}),
  };
  linkTo("annotate").hidden = !hasTexts;
  showView(nameInAddress() ?? models[0]?.job ?? (hasTexts ? "annotate" : "words"));
  document.documentElement.dataset.ready = "true";
}

/** @returns {any} */
function byId(id) {
  return document.getElementById(id);
}

/** @returns {any} */
function linkTo(name) {
  return document.querySelector(`nav a[href="#${name}"]`);
}

function section(name) {
  return byId(`view-${name}`);
}

function nameInAddress() {
  const name = location.hash.slice(1);
  return Object.hasOwn(views, name) ? name : null;
}

function showView(name) {
  if (current !== name && ["words", "labels"].includes(current)) lastPredictionView = views[current];
  current = name;
  for (const each of NAMES) {
    section(each).hidden = each !== name;
    const link = linkTo(each);
    if (each === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (each === name) document.title = `${link.textContent} · foretell`;
  }
  views[name].enter();
}

window.addEventListener("hashchange", () => {
  const name = views && nameInAddress();
  if (!lock.hidden || !name || name === current) return;
  showView(name);
  scrollTo(0, 0);
  byId(`view-${name}`).querySelector("h2").focus({ preventScroll: true });
});

onLocked((error) => {
  // The form is already there: the token that was sent is wrong.
  if (!lock.hidden) showError(problem, error.message);
  for (const name of NAMES) section(name).hidden = true;
  lock.hidden = false;
  lockTitle.focus();
});

lockForm.addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(token.value.trim());
  if (!views) {
    open();
    return;
  }
  lock.hidden = true;
  showView(current);
});

await open();
