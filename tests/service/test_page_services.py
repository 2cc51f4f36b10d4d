"""The page with unusual services: slow, stopped, of one job, other tokens, hostile texts and
names.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_workplace import (
    TILES,
    answer,
    check_with_axe,
    expect_idle,
    holding,
    opened,
    percent,
    until,
    view,
    visited,
)
from playwright.sync_api import Browser, Page, expect
from service_workplace import TEXT, Running, running, write_labels, write_several, write_words

from foretell.config import with_changes
from foretell.presets import preset
from tests.text.texts import ALL, TEXTS

NO_ANSWER = "The service does not answer. Check that “foretell serve” is running, then try again."
INCOMPLETE = "The service closed the connection before its answer was complete. Try again."
SMALL = {"embedding_size": 6, "units": 5, "length": 30}

LEARNED = "\n".join([TEXT, TEXT, *ALL[::2]])
IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)</script>"
MARKUP = f"""mind {IMAGE} {SCRIPT} "'><svg onload=alert(3)> javascript:alert(4) {{{{7}}}} ${{alert(5)}} 😀"""
# A right-to-left override, an isolate, NUL, a control character, a combining and a zero-width mark.
ODD = "good \u202egnp.exe \u2066 way \x00 \x1b[31m e\u0301 \u200f mind"
LABELS = tuple(sorted((IMAGE, SCRIPT, "=cmd|' /C calc'!A0", "\u202etxet")))


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The two models of the article, and the CNN-LSTM that it recommends."""
    folder = tmp_path_factory.mktemp("article")
    words = {**vars(preset("words", "article")), "units": 8}
    labels = [
        write_labels(folder / name, **vars(with_changes(preset("labels", name), SMALL)))
        for name in ("article", "cnn-lstm")
    ]
    with running(write_words(folder / "words", **words), *labels) as running_service:
        yield running_service


def test_typing_does_not_wait_for_a_slow_service(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    with holding(page):
        field.press_sequentially("the mind adapts")
        expect(field).to_have_value("the mind adapts")
        expect(page.locator(".next")).to_have_attribute("aria-busy", "true")
        # Answers to other requests are shown meanwhile.
        expect(page.locator("#view-words .mirror mark")).to_have_count(3)
    field.press_sequentially(" ")
    first = answer(served, "next", texts="the mind adapts ", k=6)["words"][0]
    expect(page.locator(".choices .number").first).to_have_text(percent(first))
    expect(page.locator(".next")).not_to_have_attribute("aria-busy", "true")


def test_a_connection_that_closes_during_a_continuation_gives_an_error(
    page: Page, served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = page.locator("#words-text")
    problem = page.locator("#view-words .editor .problem")
    # So many words that the continuation does not end before the connection, however late the page
    # is.
    monkeypatch.setattr(served.service, "limits", replace(served.service.limits, tokens=200_000))
    page.locator("#words-count").evaluate("(field) => { field.max = field.value = 199000; }")
    field.fill("the mind ")
    field.press("Control+Enter")
    until(page, "() => document.querySelector('#words-text').value.length > 100")
    for connection in list(served.server.server_state.connections):
        connection.loop.call_soon_threadsafe(connection.transport.abort)
    expect(problem).to_have_text(INCOMPLETE)
    # The words received so far stay. They can be undone or continued.
    assert len(field.input_value()) > 100
    expect(field).to_be_editable()
    expect(page.locator(".continue [type=submit]")).to_have_text("Continue")
    page.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("the mind ")
    expect(problem).to_be_hidden()
    expect(page.locator(".choices li")).to_have_count(6)


def test_every_view_shows_an_error_while_the_service_is_down_and_works_after_it(page: Page) -> None:
    for name, field in (
        ("Words", "#words-text"),
        ("Labels", "#labels-text"),
        ("How it works", "#how-text"),
    ):
        view(page, name)
        problem = page.locator(".editor .problem:visible")
        marks = page.locator(".mirror:visible mark")
        page.route("**/v1/*", lambda route: route.abort())
        page.locator(field).fill("the mind ")
        expect(problem).to_have_text(NO_ANSWER)
        # No old answer is shown for the new text.
        expect(marks).to_have_count(0)
        page.unroute("**/v1/*")
        page.locator(field).fill("the mind adapts ")
        expect(marks).to_have_count(3)
        expect(problem).to_have_count(0)


def test_a_page_that_opens_while_the_service_fails_shows_the_error(
    tab: Page, served: Running
) -> None:
    error = {"message": "expected an answer within 30 seconds, found none", "type": "server_error"}
    tab.route("**/v1/models", lambda route: route.fulfill(status=503, json={"error": error}))
    with visited(tab, served.url, ready=False) as page:
        expect(page.locator("#problem")).to_have_text(error["message"])
        expect(page.locator(".view:visible")).to_have_count(0)
        page.unroute("**/v1/models")
        page.reload()
        expect(page.locator(".view:visible")).to_have_count(1)


def test_a_labels_model_alone(tab: Page, models: tuple[Path, Path]) -> None:
    with running(models[0]) as labels_only, visited(tab, labels_only.url) as page:
        expect(page).to_have_title("Labels · foretell")
        page.locator("#labels-text").fill("good way")
        expect(page.locator(".answer")).to_be_visible()
        view(page, "How it works")
        expect(page.locator(".map thead button")).to_have_text(["good", "way"])
        view(page, "Words")
        expect(page.locator("#view-words .no-model")).to_contain_text("foretell train words")
        expect(page.locator("#words-text")).to_be_hidden()
        check_with_axe(page)


def test_the_words_model_of_the_article(tab: Page, article: Running) -> None:
    with visited(tab, f"{article.url}/#words") as page:
        field = page.locator("#words-text")
        problem = page.locator("#view-words .editor .problem")
        field.fill("the mind ")
        expect(problem).to_have_text(
            "expected a prompt of at least 3 words, found 2; give more words before the one "
            "to predict"
        )
        field.fill("the mind adapts and converts ")
        first = answer(
            article, "next", model="words", texts="the mind adapts and converts ", k=6, cache=0
        )["words"][0]
        expect(page.locator(".choices .number").first).to_have_text(percent(first))
        # The model predicts from windows of three words: the first three words have no probability.
        expect(page.locator("#view-words .mirror mark")).to_have_text(["and", "converts"])
        expect(problem).to_be_hidden()
        field.press("Control+Enter")
        until(page, "() => document.querySelector('#words-text').value.split(' ').length > 20")
        expect(problem).to_be_hidden()
        field.fill("the mind adapts zebra ")
        expect(problem).to_contain_text("found 'zebra'")
        field.fill("the mind adapts ")
        view(page, "How it works")
        expect(page.locator(".map thead button").first).to_be_visible()


def test_the_labels_models_of_the_article(tab: Page, article: Running) -> None:
    for name in ("article", "cnn-lstm"):
        with visited(tab, f"{article.url}/#labels") as page:
            page.locator("#view-labels-model").select_option(name)
            page.locator("#labels-text").fill("the mind adapts and converts")
            explained: Any = answer(
                article, "explain", model=name, texts="the mind adapts and converts"
            )
            expect(page.locator(".answer")).to_have_text(
                f"{explained['label']} {percent(explained)}"
            )
            expect(page.locator("#view-labels .mirror mark")).to_have_count(len(explained["words"]))
            view(page, "How it works")
            expect(page.locator("#view-how-it-works-model")).to_have_value(name)
            expect(page.locator(".map thead button").first).to_be_visible()


# ---- other tokens, several labels


MARKED = """(text) => text === [...document.querySelectorAll("#view-words .mirror mark")]
  .map((mark) => mark.textContent).join("")"""


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("open")
    models = [
        write_words(folder / style, text=LEARNED, tokens=style) for style in ("subword", "char")
    ]
    models.append(write_words(folder / "white-space", tokens="white-space"))
    with running(
        *models, write_labels(folder / "labels", text=LEARNED, tokens="subword")
    ) as service:
        yield service


@pytest.fixture
def words(tab: Page, tokens: Running) -> Iterator[Page]:
    with visited(tab, f"{tokens.url}/#words") as page:
        page.wait_for_selector(".choices button")
        yield page


@pytest.mark.parametrize("model", ["subword", "char"])
def test_the_next_tokens_are_those_of_the_service(words: Page, tokens: Running, model: str) -> None:
    words.locator("#view-words select").select_option(model)
    for text in ("the mind", "the mind "):
        words.locator("#words-text").fill(text)
        found = answer(tokens, "next", model=model, texts=text, k=6)["words"]
        shown = [each["word"].replace(" ", "␣").replace("<eos>", "end of line") for each in found]
        expect(words.locator(".choices .number").first).to_have_text(percent(found[0]))
        expect(words.locator(".choices button > span:first-child")).to_have_text(shown)
        expect(words.locator("#next-title")).to_have_text("Next token")
    words.locator(".choices button").first.click()
    added = "\n" if found[0]["word"] == "<eos>" else found[0]["word"]
    is_joined = model == "subword" and added != " "
    expect(words.locator("#words-text")).to_have_value(
        "the mind " + (added.removeprefix(" ") if is_joined else added)
    )
    expect(words.locator("label[for=words-count]")).to_have_text("Number of tokens")


def test_a_word_that_is_not_finished_is_no_error(words: Page) -> None:
    """Words on white space have no unknown word: such a model reads its own words alone."""
    field = words.locator("#words-text")
    problem = words.locator("#view-words .editor .problem")
    words.locator("#view-words select").select_option("white-space")
    field.fill("the mi")
    expect(words.locator("#view-words .suggestions button").first).to_have_text("1mind")
    expect(words.locator("#view-words .next:not([aria-busy])")).to_be_visible()
    expect(problem).to_be_hidden()
    field.fill("the mi ")
    expect(problem).to_contain_text("found 'mi'")


def test_a_token_that_cannot_be_seen_has_a_name(words: Page) -> None:
    view(words, "How it works")
    words.locator("#view-how-it-works-model").select_option("char")
    words.locator("#how-text").fill("a\tb\u200b\u200dc\u00ad 😀\ufe0f")
    expect_idle(words)
    names = words.locator(".map thead button").all_inner_texts()
    assert len(names) > 5
    assert all(name.strip() and name.isprintable() for name in names), names


def test_texts_in_every_script_are_scored(words: Page, tokens: Running) -> None:
    for text in (TEXTS["Thai"], TEXTS["emoji"], " ".join(ALL * 9)):
        words.locator("#words-text").fill(text)
        score = answer(tokens, "score", model="subword", texts=text)
        assert score["unknown"] == 0
        numbers = ",".join(f"{score[name]:.2f}" for name in ("bits_per_character", "bits_per_byte"))
        until(words, f"(expected) => ({TILES})().slice(1).join() === expected", numbers)
        names = words.locator("#view-words .tiles dt").all_text_contents()
        assert names == ["Perplexity per token", "Bits per character", "Bits per byte"]
        # A long text is scored in pieces.
        until(words, MARKED, text)


def test_the_page_shows_the_labels_that_apply(tab: Page, tmp_path: Path) -> None:
    with (
        running(write_several(tmp_path / "tickets")) as it,
        visited(tab, f"{it.url}/#labels") as page,
    ):
        page.locator("#labels-text").fill("the good way")
        answer = page.locator("#view-labels .prediction")
        expect(answer.locator(".answer > :first-child")).to_have_text("ux, bug")
        expect(answer.locator(".bars li")).to_have_count(3)
        # The most probable one first; those that apply are bold.
        expect(answer.locator(".bars li b")).to_have_count(2)
        expect(answer.locator(".bars li").nth(2)).to_contain_text("billing")
        # A label is explained when it is chosen, by the keyboard too.
        answer.get_by_role("button", name="billing").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#view-labels .word-effects")).to_contain_text("billing")
        # Each label has a threshold of its own.
        page.locator("#view-labels .file [type=file]").set_input_files(
            {"name": "a.csv", "mimeType": "text/csv", "buffer": b"text\ngood way\nbad mind\n"}
        )
        button = page.get_by_role("button", name="Classify 2 texts")
        expect(button).to_be_visible()
        expect(page.locator("#file-below")).to_be_hidden()
        button.click()
        expect(page.locator(".texts tbody th")).to_have_text(["ux;bug", "ux;bug"])


def test_each_of_many_long_labels_is_explained_by_a_click_at_360_pixels(
    browser: Browser, tmp_path: Path
) -> None:
    labels = tuple(f"{n:02} is a label of an unusually long name" for n in range(12))
    model = write_labels(tmp_path / "many", labels=labels)
    with running(model) as it, opened(browser, f"{it.url}/#labels", width=360) as page:
        page.locator("#labels-text").fill("the good way")
        page.get_by_role("button", name="Show 4 more labels").click()
        bars = page.locator(".bars li")
        expect(bars).to_have_count(12)
        last = bars.last.locator("bdi").inner_text()
        bars.last.get_by_role("button").click()
        expect(page.locator(".effects caption")).to_contain_text(f"The probability of {last} is")
        page.locator("#labels-text").fill("the bad way")
        expect_idle(page)
        expect(bars).to_have_count(12)
        page.locator("#view-labels .file [type=file]").set_input_files(
            {"name": "a.csv", "mimeType": "text/csv", "buffer": b"text\ngood way\nbad mind\n"}
        )
        page.get_by_role("button", name="Classify 2 texts").click()
        expect(page.locator(".texts tbody tr")).to_have_count(2)
        check_with_axe(page, 360)


# ---- hostile texts, labels, names and answers: shown, never run


@pytest.fixture(scope="module")
def hostile(
    models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("hostile")
    labels = write_labels(folder / f"{IMAGE} labels", labels=LABELS)
    again = shutil.copytree(labels, folder / "\"'&amp;")
    words = shutil.copytree(models[1], folder / f"{IMAGE} words")
    with running(labels, again, words) as running_service:
        yield running_service


@pytest.fixture
def shown(tab: Page, hostile: Running) -> Iterator[Page]:
    with visited(tab, f"{hostile.url}/#labels") as page:
        yield page
        assert (
            page.locator(
                "img, iframe, script:not([src='page/page.js']), [onerror], [onload]"
            ).count()
            == 0
        )


HOSTILE = [f"{MARKUP} {ODD} \ud800 mind" + "\u202e" * 50, IMAGE * 50 + "a" * 9_000 + "!"]


def test_a_hostile_text_is_shown_in_every_view(shown: Page) -> None:
    page = shown
    for text in HOSTILE:
        # The view "How it works" takes a text only once.
        view(page, "Labels")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        _type(page, "#labels-text", text)
        page.wait_for_selector(".effects table, .effects p")
        expect_idle(page)
        page.locator("#view-labels details").last.evaluate("(details) => { details.open = true; }")
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


def test_hostile_labels_and_names_are_shown(shown: Page) -> None:
    expect(shown.locator("#view-labels-model option")).to_have_text([f"{IMAGE} labels", "\"'&amp;"])
    shown.locator("#labels-text").fill("mind way")
    bars = shown.locator(".bars bdi")
    expect(bars).to_have_count(len(LABELS))
    visible = {label.replace("\u202e", "\ufffd") for label in LABELS}
    assert set(bars.all_inner_texts()) == visible
    shown.locator("#view-labels-model").select_option(index=1)
    expect(bars).to_have_count(len(LABELS))
    view(shown, "Words")
    expect(shown.locator("#view-words .model")).to_contain_text(f"{IMAGE} words")


def test_a_hostile_file_is_shown_and_its_answers_are_harmless(shown: Page, tmp_path: Path) -> None:
    name = f"{IMAGE}.csv"
    columns = [IMAGE, SCRIPT, "__proto__", "constructor"]
    cells = [MARKUP.replace('"', '""'), "=HYPERLINK(1)", "\u202e", ODD.replace("\0", "")]
    quoted = [",".join(f'"{cell}"' for cell in row) for row in (columns, cells)]
    (tmp_path / name).write_text("\n".join(quoted), encoding="utf-8")
    shown.locator("[type=file]").set_input_files(tmp_path / name)
    expect(shown.locator(".filename bdi")).to_have_text(name)
    expect(shown.locator("#file-column option")).to_have_text(columns)
    shown.get_by_role("button", name="Classify 1 text").click()
    row = shown.locator(".texts tbody tr")
    expect(row).to_contain_text("<svg onload=alert(3)>")
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Download JSONL").click()
    (record,) = [
        json.loads(line) for line in Path(download.value.path()).read_text("utf-8").splitlines()
    ]
    assert list(record)[:4] == columns
    assert record["__proto__"] == "\u202e"
    assert record["label"] in LABELS
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Download CSV").click()
    assert "'=HYPERLINK(1)" in Path(download.value.path()).read_text("utf-8-sig")


def test_hostile_answers_are_shown(shown: Page) -> None:
    words = [{"word": word, "probability": 0.2} for word in (IMAGE, SCRIPT, "\u202ea", "<eos>")]
    error = {
        "message": f"expected {IMAGE}",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }

    answer = {"model": "m", "answers": [{"words": words}]}
    shown.route("**/v1/next", lambda route: route.fulfill(json=answer))
    shown.route("**/v1/classify", lambda route: route.fulfill(status=422, json={"error": error}))
    shown.locator("#labels-text").fill("mind")
    expect(shown.locator("#view-labels .editor .problem")).to_have_text(f"expected {IMAGE}")
    view(shown, "Words")
    shown.locator("#words-text").fill("mind ")
    expect(shown.locator(".choices button > :first-child")).to_have_text(
        [IMAGE.replace(" ", "␣"), SCRIPT, "\ufffda", "end of line"]
    )
    shown.locator(".choices button").first.click()
    expect(shown.locator("#words-text")).to_have_value(f"mind {IMAGE}")


def test_the_csp_forbids_markup_and_scripts_from_strings(
    browser: Browser, hostile: Running
) -> None:
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


def _type(page: Page, field: str, text: str) -> None:
    """Set the text of a field. Playwright's `fill` refuses unpaired surrogates."""
    page.locator(field).evaluate(
        """(field, units) => {
          field.value = String.fromCharCode(...units);
          field.dispatchEvent(new Event("input"));
        }""",
        memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H").tolist(),
    )
