"""Texts, labels, names and answers with markup and scripts: the page shows them and never runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_workplace import opened, until, view
from playwright.sync_api import Browser, Page, Route, expect
from service_workplace import Running, running, write_labels

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)</script>"
TEXT = f"""mind {IMAGE} {SCRIPT} "'><svg onload=alert(3)> javascript:alert(4) {{{{7}}}} ${{alert(5)}} 😀"""
# A right-to-left override, an isolate, NUL, a control character, a combining and a zero-width mark.
ODD = "good \u202egnp.exe \u2066 way \x00 \x1b[31m e\u0301 \u200f mind"
LABELS = tuple(sorted((IMAGE, SCRIPT, "=cmd|' /C calc'!A0", "\u202etxet")))
SVG = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def hostile(models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hostile")
    labels = write_labels(folder / f"{IMAGE} labels", labels=LABELS)
    again = shutil.copytree(labels, folder / "\"'&amp;")
    words = shutil.copytree(models[1], folder / f"{IMAGE} words")
    with running(labels, again, words) as running_service:
        yield running_service


@pytest.fixture
def page(browser: Browser, hostile: Running) -> Iterator[Page]:
    with opened(browser, f"{hostile.url}/#labels") as page:
        yield page
        assert page.locator("img, iframe, script:not([src='page/page.js']), [onerror], [onload]").count() == 0


@pytest.mark.parametrize(
    "text",
    [TEXT, ODD, "\u202e" * 50 + "way", "\ud800 mind", IMAGE * 50, "a" * 9_000 + "!"],
    ids=["markup", "controls", "overrides", "surrogate", "many tags", "long word"],
)
def test_a_hostile_text_is_shown_in_every_view(page: Page, text: str) -> None:
    _type(page, "#labels-text", text)
    page.wait_for_selector(".effects table, .effects p")
    page.get_by_text("All words in a table").click()
    view(page, "How it works")
    page.wait_for_selector(".map")
    expect(page.locator("#how-text")).to_have_value(page.locator("#labels-text").input_value())
    view(page, "Words")
    _type(page, "#words-text", text)
    page.wait_for_selector(".surprisal .result:visible")
    # The mirror contains the text of the field.
    until(
        page,
        """() => [...document.querySelectorAll(".editor")].every((editor) =>
          editor.querySelector(".mirror").textContent.startsWith(editor.querySelector("textarea").value))""",
    )


def test_hostile_labels_and_names_are_shown(page: Page) -> None:
    expect(page.locator("#view-labels-model option")).to_have_text([f"{IMAGE} labels", "\"'&amp;"])
    page.locator("#labels-text").fill("mind way")
    shown = page.locator(".bars bdi")
    expect(shown).to_have_count(len(LABELS))
    visible = {label.replace("\u202e", "\ufffd") for label in LABELS}
    assert set(shown.all_inner_texts()) == visible
    page.locator("#view-labels-model").select_option(index=1)
    expect(shown).to_have_count(len(LABELS))
    view(page, "Words")
    expect(page.locator("#view-words .model")).to_contain_text(f"{IMAGE} words")


def test_a_hostile_file_is_shown_and_its_answers_are_harmless(page: Page, tmp_path: Path) -> None:
    name = f"{IMAGE}.csv"
    columns = [IMAGE, SCRIPT, "__proto__", "constructor"]
    cells = [TEXT.replace('"', '""'), "=HYPERLINK(1)", "\u202e", ODD.replace("\0", "")]
    quoted = [",".join(f'"{cell}"' for cell in row) for row in (columns, cells)]
    (tmp_path / name).write_text("\n".join(quoted), encoding="utf-8")
    page.locator("[type=file]").set_input_files(tmp_path / name)
    expect(page.locator(".filename bdi")).to_have_text(name)
    expect(page.locator("#file-column option")).to_have_text(columns)
    page.get_by_role("button", name="Classify 1 text").click()
    row = page.locator(".texts tbody tr")
    expect(row).to_contain_text("<svg onload=alert(3)>")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSONL").click()
    (record,) = [json.loads(line) for line in Path(download.value.path()).read_text("utf-8").splitlines()]
    assert list(record)[:4] == columns
    assert record["__proto__"] == "\u202e"
    assert record["label"] in LABELS
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert "'=HYPERLINK(1)" in Path(download.value.path()).read_text("utf-8-sig")


def test_hostile_answers_are_shown(page: Page) -> None:
    words = [{"word": word, "probability": 0.2} for word in (IMAGE, SCRIPT, "\u202ea", "<eos>")]
    error = {"message": f"expected {IMAGE}", "type": "invalid_request_error", "param": None, "code": None}

    def answer(route: Route) -> None:
        route.fulfill(json={"model": "m", "answers": [{"words": words}]})

    page.route("**/v1/next", answer)
    page.route("**/v1/classify", lambda route: route.fulfill(status=422, json={"error": error}))
    page.locator("#labels-text").fill("mind")
    expect(page.locator("#view-labels .editor .problem")).to_have_text(f"expected {IMAGE}")
    view(page, "Words")
    page.locator("#words-text").fill("mind ")
    expect(page.locator(".choices button > :first-child")).to_have_text(
        [IMAGE.replace(" ", "␣"), SCRIPT, "\ufffda", "end of line"]
    )
    page.locator(".choices button").first.click()
    expect(page.locator("#words-text")).to_have_value(f"mind {IMAGE}")


def test_the_csp_forbids_markup_and_scripts_from_strings(browser: Browser, hostile: Running) -> None:
    page = browser.new_page()
    page.goto(hostile.url)
    refused = page.evaluate(
        """async (markup) => {
          const attempts = [
            () => { document.body.innerHTML = markup; },
            () => { document.write(markup); },
            () => { document.createElement("script").text = "alert(6)"; },
            () => eval("1"),
          ];
          // In a new task: the browser exempts the code that Playwright evaluates from the CSP.
          await new Promise((resolve) => setTimeout(resolve));
          return attempts.map((attempt) => { try { attempt(); return false; } catch { return true; } });
        }""",
        IMAGE,
    )
    page.close()
    assert refused == [True] * 4


def test_every_file_of_the_page_is_served_from_here(hostile: Running) -> None:
    folder = Path(__file__).parents[2] / "foretell" / "service" / "page"
    for file in folder.iterdir():
        answer = hostile.http.get(f"/page/{file.name}")
        assert answer.status_code == 200
        assert answer.content == file.read_bytes()
        # The only address in the files is the namespace of SVG.
        content = answer.text.replace(SVG, "")
        for forbidden in ("://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert forbidden not in content
    icon = hostile.http.get("/page/icon.svg")
    assert icon.headers["content-type"].startswith("image/svg+xml")


def _type(page: Page, field: str, text: str) -> None:
    """Set the text of a field. Playwright's `fill` refuses unpaired surrogates."""
    page.locator(field).evaluate(
        """(field, units) => {
          field.value = String.fromCharCode(...units);
          field.dispatchEvent(new Event("input"));
        }""",
        _units(text),
    )


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "little") for at in range(0, len(raw), 2)]
