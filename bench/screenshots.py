"""Screenshots of the page for docs/page.md: each view in light and dark, and 360 pixels wide.

    python -m bench.screenshots LABELS_MODEL WORDS_MODEL
    python -m bench.screenshots --annotate

The screenshots in docs/page/ show the models that these commands train:

    foretell train labels reviews --preset quick --out reviews
    foretell train words meditations --preset base --out meditations

`--annotate` takes those of the view Annotate: questions of TREC (few-labels.zip), of which the first 180
are answered with their labels.

Needs Chromium (apt-get install chromium) and Pillow, which reduces the colours and so the size of the files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.records import few_labels
from foretell.annotation.annotate import annotate
from foretell.annotation.annotation import Annotation
from foretell.service.app import create_app, create_service
from foretell.service.auth import access
from foretell.service.limits import Limits
from foretell.service.server import Server, bind, url

OUT = Path("docs") / "page"
KINDS = {"light": (1000, 820), "dark": (1000, 820), "phone": (360, 740)}
# Pixels. Taller screenshots are cut: a document is no place to scroll through them.
MAX_HEIGHT = {"light": 1300, "dark": 1300, "phone": 1240}
COLOURS = 192

WORDS = "What stands in the way becomes the way. The zebra adapts and converts to its own"
LABELS = (
    "The soup was cold and the waiter was rude. I expected a boring evening, but the wine was excellent, "
    "the owner was friendly, and we would love to come back."
)
ANSWERED = 180
NAMES = {
    "c0": "description", "c1": "entity", "c2": "abbreviation", "c3": "person", "c4": "place", "c5": "number",
}  # fmt: skip
"""TREC's labels in words."""

UNIT = "What stands in the way becomes the way. The mind adapts and converts."


def main(labels: str, words: str) -> None:
    """Take the screenshots of the models; print the path and the size of each."""
    shows = (("words", _words), ("labels", _labels), ("how", _how), ("file", _file))
    with _serving(labels, words) as address:
        _take(address, shows)


def annotated() -> None:
    """Take the screenshots of the view Annotate."""
    records = dict(few_labels("TREC").train)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "answers.jsonl"
        with annotate(list(records), list(NAMES.values()), out=out, by="ada") as annotation:
            for _ in range(ANSWERED):
                item = annotation.next(fresh=True)
                assert item is not None
                annotation.answer(item, NAMES[records[item.text]])
            while (shown := annotation.next(fresh=True)) is not None and shown.suggested is None:
                annotation.answer(shown, NAMES[records[shown.text]])
            with _serving(annotation=annotation) as address:
                _take(address, (("annotate", _annotate),))


def _take(address: str, shows: Sequence[tuple[str, Callable[[Page], None]]]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for kind, (width, height) in KINDS.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if kind == "dark" else "light",
                reduced_motion="reduce",
            )
            page.goto(address)
            page.wait_for_selector("html[data-ready]")
            for name, show in shows:
                show(page)
                _save(page, f"{name}-{kind}", MAX_HEIGHT[kind])
            page.close()
        browser.close()


def _annotate(page: Page) -> None:
    page.wait_for_selector(".to-label .labels button")
    page.keyboard.press("m")
    page.wait_for_selector(".many li")
    page.locator(".so-far summary").click()


def _words(page: Page) -> None:
    _go(page, "Words", "#words-text", WORDS)
    page.wait_for_selector(".surprisal tbody tr")


def _labels(page: Page) -> None:
    _go(page, "Labels", "#labels-text", LABELS)
    page.wait_for_selector(".effects tbody tr")
    field = page.locator("#labels-text")
    # The caret in "friendly", so that the page describes this word.
    field.evaluate(
        "(field) => { const at = field.value.indexOf('friendly') + 3; field.setSelectionRange(at, at); }"
    )


def _how(page: Page) -> None:
    _go(page, "How it works", "#how-text", UNIT)
    model = page.locator("#view-how-it-works-model")
    model.select_option(index=1)
    page.wait_for_selector(".map tbody tr")
    page.locator("#unit").fill(str(_unit_with_both_signs(page, model.input_value())))
    page.wait_for_timeout(400)


def _unit_with_both_signs(page: Page, model: str) -> int:
    """Return the unit whose cell state goes furthest to both sides of zero."""
    body: dict[str, object] = {"model": model, "text": UNIT}
    address = page.url.partition("#")[0] + "v1/states"
    first = page.request.post(address, data=body).json()
    ranges = []
    for unit in range(first["layers"][0]["units"]):
        cell = page.request.post(address, data={**body, "unit": unit}).json()["cell"]
        ranges.append((min(max(cell), -min(cell)), unit))
    return max(ranges)[1]


def _file(page: Page) -> None:
    page.get_by_role("link", name="Labels").click()
    page.locator("#labels-text").fill("")
    with as_file(files("foretell.samples") / "reviews.csv") as file:
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 3").click()
        page.wait_for_selector(".texts tbody tr:nth-child(20)")
        page.locator("#announcement:has-text('classified')").wait_for(state="attached")
    page.locator("#file-order").select_option("probability")
    page.locator(".file").evaluate("(card) => card.scrollIntoView()")


def _go(page: Page, view: str, field: str, text: str) -> None:
    page.get_by_role("link", name=view).click()
    page.locator(field).fill(text)
    # Longer than the page waits before its requests.
    page.wait_for_timeout(400)
    page.wait_for_selector(".view:not([hidden]) .card:not([aria-busy])")


def _save(page: Page, name: str, max_height: int) -> None:
    page.wait_for_timeout(300)
    if name.startswith("file"):
        screenshot = page.locator(".file").screenshot()
    else:
        screenshot = page.screenshot(full_page=True)
    image = Image.open(BytesIO(screenshot)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, max_height)))
    path = OUT / f"{name}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path} {image.width}x{image.height} {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def _serving(*models: str, annotation: Annotation | None = None) -> Iterator[str]:
    places = [(Path(model).name, Path(model)) for model in models]
    service = create_service(places, Limits(), annotation)
    socket, ready = bind("127.0.0.1", 0), threading.Event()
    server = Server(create_app(service, access("127.0.0.1"), quiet=True), on_ready=ready.set)
    thread = threading.Thread(target=server.listen, args=(socket,))
    thread.start()
    try:
        ready.wait()
        yield url(socket)
    finally:
        server.stop()
        thread.join()


if __name__ == "__main__":
    if sys.argv[1:] == ["--annotate"]:
        annotated()
    else:
        main(*sys.argv[1:3])
