// The page: its models, the token where one is wanted, and which view is on.

import { complain } from "./elements.js";
import { LabelsView } from "./labels.js";
import { models, onLocked, unlock } from "./service.js";
import { StatesView } from "./states.js";
import { WordsView } from "./words.js";

const NAMES = ["words", "labels", "how-it-works"];
const problem = document.getElementById("problem");
const lock = document.getElementById("lock");

let views = null;
let current = null;
let before = null;

async function open() {
  let found;
  try {
    found = await models();
  } catch (error) {
    // Who asks for a token says so by themselves.
    if (error.status !== 401) complain(problem, error.message);
    return;
  }
  lock.hidden = true;
  complain(problem, "");
  const part = (name) => document.getElementById(`view-${name}`);
  const words = new WordsView(part("words"), found);
  const labels = new LabelsView(part("labels"), found);
  const other = () => ({ text: before?.text ?? "", model: before?.choice.current?.id });
  views = { words, labels, "how-it-works": new StatesView(part("how-it-works"), found, other) };
  turn(chosen() ?? found[0]?.job ?? "words");
  document.documentElement.dataset.ready = "true";
}

function chosen() {
  const name = location.hash.slice(1);
  return NAMES.includes(name) ? name : null;
}

function turn(name) {
  if (current && current !== name && current !== "how-it-works") before = views[current];
  current = name;
  for (const each of NAMES) {
    document.getElementById(`view-${each}`).hidden = each !== name;
    const link = document.querySelector(`nav a[href="#${each}"]`);
    if (each === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (each === name) document.title = `${link.textContent} · foretell`;
  }
  views[name].enter();
}

window.addEventListener("hashchange", () => {
  const name = chosen();
  if (!views || !lock.hidden || !name || name === current) return;
  turn(name);
  scrollTo(0, 0);
  document.querySelector(`#view-${name} h2`).focus({ preventScroll: true });
});

onLocked((error) => {
  if (!lock.hidden) complain(problem, error.message);
  for (const name of NAMES) document.getElementById(`view-${name}`).hidden = true;
  lock.hidden = false;
  document.getElementById("lock-title").focus();
});

document.getElementById("lock-form").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock(document.getElementById("token").value.trim());
  if (!views) {
    open();
    return;
  }
  lock.hidden = true;
  turn(current);
});

await open();
