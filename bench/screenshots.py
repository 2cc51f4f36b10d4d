"""Pictures of the page for docs/page.md: each view in light and dark, and on a phone.

    python -m bench.screenshots LABELS_MODEL WORDS_MODEL

The pictures there are of the models that these make:

    foretell train labels reviews --preset quick --out reviews
    foretell train words meditations --preset base --out meditations

Needs Chromium (apt-get install chromium), and Pillow to make the pictures small.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from foretell.service.app import create_app, create_service
from foretell.service.guard import access
from foretell.service.limits import Limits
from foretell.service.server import Server, bind, url

OUT = Path("docs") / "page"
KINDS = {"light": (1000, 820), "dark": (1000, 820), "phone": (360, 740)}
# As tall as a reader wants to scroll in a document; a phone shows less of a page.
MOST_HEIGHT = {"light": 1300, "dark": 1300, "phone": 1240}
COLOURS = 192

WORDS = "What stands in the way becomes the way. The zebra adapts and converts to its own"
LABELS = (
    "The soup was cold and the waiter was rude. I expected a boring evening, but the wine was excellent, "
    "the owner was friendly, and we would love to come back."
)
UNIT = "What stands in the way becomes the way. The mind adapts and converts."


def main(labels: str, words: str) -> None:
    """Take every picture, and print where each is and how large."""
    OUT.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    with _serving(labels, words) as where, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for kind, (width, height) in KINDS.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if kind == "dark" else "light",
                reduced_motion="reduce",
            )
            page.goto(where)
            page.wait_for_selector("html[data-ready]")
            for name, show in (("words", _words), ("labels", _labels), ("how", _how), ("file", _file)):
                show(page)
                _save(page, f"{name}-{kind}", MOST_HEIGHT[kind])
            page.close()
        browser.close()


def _words(page: Page) -> None:
    _go(page, "Words", "#words-text", WORDS)
    page.wait_for_selector(".surprise tbody tr")


def _labels(page: Page) -> None:
    _go(page, "Labels", "#labels-text", LABELS)
    page.wait_for_selector(".effects tbody tr")
    field = page.locator("#labels-text")
    # The caret in "friendly", so that its place is told.
    field.evaluate(
        "(field) => { const at = field.value.indexOf('friendly') + 3; field.setSelectionRange(at, at); }"
    )


def _how(page: Page) -> None:
    _go(page, "How it works", "#how-text", UNIT)
    model = page.locator("#view-how-it-works-model")
    model.select_option(index=1)
    page.wait_for_selector(".map tbody tr")
    page.locator("#unit").fill(str(_swinging(page, model.input_value())))
    page.wait_for_timeout(400)


def _swinging(page: Page, model: str) -> int:
    """Return the unit whose cell state goes furthest to both sides of zero."""
    asked: dict[str, object] = {"model": model, "text": UNIT}
    where = page.url.partition("#")[0] + "v1/states"
    first = page.request.post(where, data=asked).json()
    swings = []
    for unit in range(first["layers"][0]["units"]):
        cell = page.request.post(where, data={**asked, "unit": unit}).json()["cell"]
        swings.append((min(max(cell), -min(cell)), unit))
    return max(swings)[1]


def _file(page: Page) -> None:
    page.get_by_role("link", name="Labels").click()
    page.locator("#labels-text").fill("")
    with as_file(files("foretell.samples") / "reviews.csv") as file:
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 3").click()
        page.wait_for_selector(".texts tbody tr:nth-child(20)")
        page.locator("#said:has-text('answered')").wait_for(state="attached")
    page.locator("#file-order").select_option("unsure")
    page.locator(".file").evaluate("(card) => card.scrollIntoView()")


def _go(page: Page, view: str, field: str, text: str) -> None:
    page.get_by_role("link", name=view).click()
    page.locator(field).fill(text)
    # Longer than the page waits before it asks.
    page.wait_for_timeout(400)
    page.wait_for_selector(".view:not([hidden]) .card:not([aria-busy])")


def _save(page: Page, name: str, most: int) -> None:
    page.wait_for_timeout(300)
    if name.startswith("file"):
        picture = page.locator(".file").screenshot()
    else:
        picture = page.screenshot(full_page=True)
    image = Image.open(BytesIO(picture)).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, most)))
    path = OUT / f"{name}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path} {image.width}x{image.height} {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def _serving(*models: str) -> Iterator[str]:
    service = create_service([(Path(model).name, Path(model)) for model in models], Limits())
    listening, ready = bind("127.0.0.1", 0), threading.Event()
    server = Server(create_app(service, access("127.0.0.1"), quiet=True), ready=ready.set)
    thread = threading.Thread(target=server.listen, args=(listening,))
    thread.start()
    try:
        ready.wait()
        yield url(listening)
    finally:
        server.stop()
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:3])
