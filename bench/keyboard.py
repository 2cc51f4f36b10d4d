"""Language models as keyboards use them: accuracy of the next word, keystrokes saved, and the
browser.

The Penn Treebank and IMDB's reviews, 10,000 words, `--minutes 10`; `--model DIR`: the model of the
former is there, and IMDB is left out. The browser table is of `export --int8` in Chromium.
`--person OLD EARLY LATE`: only a general model of the text OLD, and the same continued with a
person's EARLY text for `--minutes`, both on the LATE text; `--model DIR`: the general one is there.
Where Presage is installed, it learns from the same texts, and all are compared on the first lines.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from pathlib import Path
from typing import Any

from bench.data import imdb, texts_of
from bench.harness import OUT, Results, evaluate, parser_of, train
from bench.penn_treebank import trained, written
from bench.presage import Presage, keystrokes_saved

TEXTS = 20
POSITIONS = 100
TYPED_LINES = 50
"""Lines that Presage is asked about, key by key."""

NAMES = {
    "kneser_ney": "Kneser-Ney model",
    "network": "network",
    "both": "both",
    "cache": "both, cache",
}
MEASURE = """async (texts) => {
  const { openHere } = await import("./runtime.js");
  const model = await openHere();
  const answers = [];
  for (const words of texts) {
    for (let count = 1; count <= words.length; count++) {
      const started = performance.now();
      const next = await model.next(words.slice(0, count).join(" "), 3);
      answers.push([next.map(({ word }) => word), performance.now() - started]);
    }
  }
  return answers;
}"""


def main() -> None:
    """Train, or take a model, and show the tables."""
    parser = parser_of(__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="time limit (default: 10)")
    parser.add_argument("--model", type=Path, help="a model of the Penn Treebank that is there")
    texts = ("OLD", "EARLY", "LATE")
    parser.add_argument("--person", type=Path, nargs=3, metavar=texts, help="files of text")
    options = parser.parse_args()
    if options.person:
        old, early, late = options.person
        _show_person(old, early, late, options.minutes, options.model)
        return
    paths, model = written(folder := OUT / "keyboard"), options.model or folder / "penn_treebank"
    sets: dict[str, tuple[Path, Path]] = {"penn_treebank": (model, paths["test"])}
    if options.model is None:
        trained(paths, model, options.minutes)
        train("words", "imdb", folder / "imdb", vocabulary=10_000, minutes=options.minutes)
        reviews = folder / "reviews.txt"
        reviews.write_text("\n".join(texts_of(imdb("test"))[::60]), encoding="utf-8")
        sets["imdb"] = (folder / "imdb", reviews)
    for name, (path, data) in sets.items():
        _show_suggestions(name, path, data)
    _show_browser(model, paths, folder / "web")


def _show_person(old: Path, early: Path, late: Path, minutes: float, general: Path | None) -> None:
    """Continue a general model with a person's text, and show both on the person's later text."""
    if general is None:
        general = OUT / "keyboard" / "general"
        train("words", old, general, minutes=minutes)
    person = OUT / "keyboard" / "person"
    train("words", early, person, "--continue", general, "--old", old, minutes=minutes)
    _show_suggestions("general", general, late)
    _show_suggestions("person", person, late)
    if shutil.which("presage_demo_text"):
        _show_presage({"general": general, "person": person}, old, early, late)


def _show_presage(models: dict[str, Path], old: Path, early: Path, late: Path) -> None:
    """Show the keystrokes that Presage and the models save on the first lines of a text."""
    folder = OUT / "keyboard" / "presage"
    folder.mkdir(parents=True, exist_ok=True)
    lines = late.read_text(encoding="utf-8").splitlines()[:TYPED_LINES]
    first = folder / "first_lines.txt"
    first.write_text("\n".join(lines), encoding="utf-8")
    results = Results("keyboard_presage", ["model", "keystrokes saved"])
    for name, texts in {"general": [old], "person": [old, early]}.items():
        with Presage(texts, folder) as presage:
            saved = keystrokes_saved(presage, lines)
        results.add(f"Presage, {name}", f"{100 * saved:.1f}")
        found = evaluate(models[name], first)["suggestions"]["models"]
        for key in ("both", "cache"):
            saved = found[key]["keystrokes_saved"]
            results.add(f"foretell, {name}, {NAMES[key]}", f"{100 * saved:.1f}")


def _show_suggestions(name: str, model: Path, data: Path) -> None:
    columns = ["model", "top-1", "95 % interval", "top-3", "keystrokes saved"]
    results = Results(f"keyboard_{name}", columns)
    models = evaluate(model, data)["suggestions"]["models"]
    for key, what in NAMES.items():
        values = models[key]
        low, high = (f"{100 * end:.1f}" for end in values["intervals"]["top1_accuracy"])
        cells = (f"{100 * values[each]:.1f}" for each in ("top3_accuracy", "keystrokes_saved"))
        results.add(what, f"{100 * values['top1_accuracy']:.1f}", f"{low}–{high}", *cells)


def _show_browser(model: Path, paths: dict[str, Path], web: Path) -> None:
    """Export in 8 bits, and compare each answer in Chromium with foretell's."""
    import numpy as np

    from foretell.export.model_export import export_model
    from foretell.runtime.words.predictor import WordsRuntime

    lines = paths["valid"].read_text(encoding="utf-8").split("\n")
    export_model(model, web, "web", int8=True, data=lines)
    words = paths["test"].read_text(encoding="utf-8").split()
    texts = [words[start : start + POSITIONS] for start in range(0, TEXTS * POSITIONS, POSITIONS)]
    answers = _in_chromium(web, texts)
    runtime = WordsRuntime(model)
    same = []
    for place, (found, _) in enumerate(answers):
        text = texts[place // POSITIONS]
        count = place % POSITIONS + 1
        ours = [each.word for each in runtime.next(" ".join(text[:count]), k=3)]
        same.append((set(found) == set(ours), found == ours))
    median, most = np.quantile([milliseconds for _, milliseconds in answers], [0.5, 0.99])
    size = sum(path.stat().st_size for path in web.iterdir() if path.is_file())
    results = Results(
        "keyboard_browser", ["MB", "ms a word", "99 % within", "same three", "same order"]
    )
    shares = (f"{100 * share:.1f} %" for share in np.mean(same, axis=0))
    results.add(f"{size / 1e6:.1f}", f"{median:.1f}", f"{most:.1f}", *shares)


def _in_chromium(web: Path, texts: list[list[str]]) -> list[Any]:
    from playwright.sync_api import sync_playwright

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012
            **http.server.SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
        }

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(web))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        answers: list[Any] = page.evaluate(MEASURE, texts)
        browser.close()
    server.shutdown()
    return answers


if __name__ == "__main__":
    main()
