"""The exported folder in Chromium, without any other server: it gives the numbers of foretell in
Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_workplace import files_of_folder
from nasty import nasty_texts
from page_workplace import check_with_axe, expect_idle, opened
from playwright.sync_api import expect

from foretell.data.examples import Examples
from foretell.export.formats import read_back
from foretell.export.model_export import export_model
from foretell.export.readme import example
from foretell.export.source import ExportSource
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.explanation import Explanation, Word, to_html
from foretell.runtime.words.predictor import WordsRuntime
from foretell.surveying.result import to_page
from foretell.surveying.survey import survey
from foretell.training.report import report_of
from tests.text.texts import ALL

TEXTS = [*nasty_texts()[::40], "the mind adapts " * 20, "what stands in the way becomes the way ?"]

CLASSIFY = """async () => {
  const texts = await (await fetch("./texts.json")).json();
  const { openHere } = await import("./runtime.js");
  const model = await openHere();
  const rows = [];
  for (const text of texts) rows.push(await model.probabilities(text));
  return rows;
}"""
NEXT_TOKENS = """async (text) => {
  const { openHere } = await import("./runtime.js");
  const model = await openHere();
  let written = "";
  for await (const piece of model.complete(text, { words: 12, temperature: 0 })) written += piece;
  return { next: await model.next(text, 10), written };
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all exported folders."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    """Where the files of this folder are served."""
    with files_of_folder(root) as it:
        yield it


@pytest.fixture(scope="module")
def site(models: dict[str, Path], ort_web: Path, root: Path, address: str) -> Callable[..., str]:
    """A function from the name of a model to the address of its exported folder."""

    def export(name: str, **options: Any) -> str:
        if not (root / name).exists():
            export_model(models[name], root / name, "web", runtime=ort_web, **options)
            readme = (root / name / "README.md").read_text()
            (root / name / "example.js").write_text(
                readme.partition("```js\n")[2].partition("```")[0]
            )
            (root / name / "texts.json").write_text(json.dumps(TEXTS))
        return f"{address}{name}/"

    return export


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page that reaches only these files; the test fails on script errors and on other
    requests.
    """
    with opened(browser, address, ready=False) as it:
        it.set_default_timeout(60_000)
        yield it


@pytest.mark.parametrize(
    "name", ["labels-tfidf", pytest.param("labels-article", marks=pytest.mark.soak)]
)
def test_the_same_probabilities(site: Any, page: Any, models: dict[str, Path], name: str) -> None:
    page.goto(site(name))
    rows = page.evaluate(CLASSIFY)
    expected = LabelsRuntime(models[name]).predict_proba(TEXTS)
    for text, row, ours in zip(TEXTS, rows, expected.tolist(), strict=True):
        assert row == pytest.approx(ours, abs=1e-4), text


def test_next_words_and_continuations_are_the_same_and_shown(
    site: Any, page: Any, models: dict[str, Path]
) -> None:
    page.goto(site("words"))
    runtime = WordsRuntime(models["words"])
    text = "the mind adapts\nwhat stands in"
    assert_next_tokens(page, runtime, text, words=12)
    with page.expect_console_message(timeout=120_000) as printed:
        page.evaluate('import("./example.js").then(() => null)')
    ours = runtime.next(example(ExportSource(models["words"])), k=5)
    assert [each["word"] for each in json.loads(printed.value.text)] == [each.word for each in ours]
    page.wait_for_selector("html[data-ready]")
    page.context.set_offline(True)
    page.fill("#text", "the mind")
    page.click("#continue")
    page.wait_for_function(
        "() => document.querySelector('#text').value.length > 20 && "
        "!document.querySelector('#continue').disabled"
    )
    assert page.input_value("#text").startswith("the mind")
    expect(page.locator("#answers li")).to_have_count(8)


def assert_next_tokens(page: Any, runtime: WordsRuntime, text: str, **length: int) -> None:
    """Compare the next words and the likeliest continuation of a text with those in Python."""
    found = page.evaluate(NEXT_TOKENS, text)
    for theirs, ours in zip(found["next"], runtime.next(text, k=10), strict=True):
        assert theirs["word"] == ours.word, text
        assert theirs["probability"] == pytest.approx(ours.probability, abs=1e-4)
    assert found["written"] == "".join(runtime.complete(text, temperature=0, **length)), text


TOP_THREE = """async (texts) => {
  const { openHere } = await import("./runtime.js");
  const model = await openHere();
  const answers = [];
  for (const text of texts) {
    const started = performance.now();
    const next = await model.next(text, 3, { cache: 20 });
    const milliseconds = performance.now() - started;
    answers.push({ next, milliseconds, suggested: await model.suggest(text, { cache: 20 }) });
  }
  return answers;
}"""


def test_the_whole_language_model_has_the_same_top_three(
    site: Any, page: Any, models: dict[str, Path]
) -> None:
    page.goto(site("words-counted"))
    runtime = WordsRuntime(models["words-counted"])
    words = (
        np.random.default_rng(1)
        .choice(["the", "mind", "way", "to", "action", "xyzzy", ","], 40)
        .tolist()
    )
    # Forwards as somebody writes, then from the middle: states are kept, and fit the text.
    texts = [" ".join(words[:count]) + " " for count in (*range(1, 41), 17, 23)]
    for text, answer in zip(texts, page.evaluate(TOP_THREE, texts), strict=True):
        ours = runtime.next(text, k=3, cache=20)
        assert [each["word"] for each in answer["next"]] == [each.word for each in ours], text
        for theirs, each in zip(answer["next"], ours, strict=True):
            assert theirs["probability"] == pytest.approx(each.probability, abs=1e-5)
        every = runtime.next(text, k=100, cache=20)
        spoken = [
            each.word for each in every if each.word != "<eos>" and any(map(str.isalnum, each.word))
        ]
        assert [each["word"] for each in answer["suggested"]] == spoken[:3]
        assert answer["suggested"][0]["text"] == f"{text}{spoken[0]} "


def test_suggestions_are_accepted_on_the_page_without_a_network(
    site: Any, page: Any, models: dict[str, Path]
) -> None:
    page.goto(site("words-counted"))
    page.wait_for_selector("html[data-ready]")
    page.context.set_offline(True)
    shown = page.locator("#suggestions bdi")
    field = page.locator("#text")
    field.press_sequentially("the mind a")
    runtime = WordsRuntime(models["words-counted"])
    begun = [each.word for each in runtime.next("the mind a", k=3, unfinished=True, cache=500)]
    expect(shown).to_have_text(begun)
    field.press("Alt+2")
    expect(field).to_have_value(f"the mind {begun[1]} ")
    field.press(".")
    expect(field).to_have_value(f"the mind {begun[1]}.")
    # As if the word had been typed: it can be undone.
    field.press("Control+z")
    field.press("Control+z")
    expect(field).to_have_value("the mind a")
    # Digits are text, and a capital letter finds the word in lower case.
    field.fill("")
    field.press_sequentially("25 The M")
    expect(shown.first).to_have_text("mind")
    field.press("Tab")
    expect(field).to_have_value("25 The Mind ")
    field.fill("the w")
    expect_idle(page)
    first = shown.first.text_content()
    assert first.startswith("w")
    field.press("Tab")
    expect(field).to_have_value(f"the {first} ")
    expect_idle(page)
    third = shown.nth(2).text_content()
    page.locator("#suggestions button").nth(2).click()
    expect(field).to_have_value(f"the {first} {third} ")
    field.press("Escape")
    expect(shown).to_have_count(0)
    field.press("Tab")
    assert page.evaluate("document.activeElement.id") != "text"


def test_subwords_in_every_script(site: Any, page: Any, models: dict[str, Path]) -> None:
    page.goto(site("words-subword"))
    runtime = WordsRuntime(models["words-subword"])
    for text in ("the mind ", "the obsta", *ALL[::3]):
        assert_next_tokens(page, runtime, text, words=100, max_tokens=12)
    page.wait_for_selector("html[data-ready]")
    page.fill("#text", "the mind ")
    expect(page.locator("#answers span").first).to_have_text(re.compile("^␣"))
    assert page.locator("#answers-title").text_content() == "Next token"


def test_8_bits_in_the_browser(site: Any, page: Any, models: dict[str, Path], root: Path) -> None:
    data = Examples(["the mind", "the obstacle"], ["bad", "good"])
    page.goto(site("labels", int8=True, data=data, max_loss=1))
    source = ExportSource(models["labels"])
    answer = read_back(root / "labels", source)
    for text, row in zip(TEXTS, page.evaluate(CLASSIFY), strict=True):
        assert row == pytest.approx(answer(source.ids(text), None)[0].tolist(), abs=1e-3), text


def test_the_page_answers_with_the_network_off_and_the_program_of_the_readme(
    site: Any, page: Any, models: dict[str, Path]
) -> None:
    page.goto(site("labels-3"))
    runtime = LabelsRuntime(models["labels-3"])
    with page.expect_console_message(timeout=120_000) as printed:
        page.evaluate('import("./example.js").then(() => null)')
    (verdict,) = runtime.classify(["Well worth the money."])
    assert json.loads(printed.value.text) == pytest.approx(verdict.probabilities, abs=1e-4)
    page.wait_for_selector("html[data-ready]")
    page.context.set_offline(True)
    page.fill("#text", "the mind adapts <img src=x onerror=alert(1)>")
    (verdict,) = runtime.classify(["the mind adapts <img src=x onerror=alert(1)>"])
    first = page.locator("#answers li").first
    page.wait_for_function(
        f"() => Math.abs(document.querySelector('#answers li')?.dataset.probability - "
        f"{verdict.probability}) < 1e-4"
    )
    assert first.locator("span").first.text_content() == verdict.label
    assert page.locator("#answers li").count() == 3
    # A label with markup is shown as text.
    assert page.locator("#answers b").count() == 0
    assert "<b>bad</b>" in page.locator("#answers").text_content()
    assert page.locator("#answers-title").text_content() == "Probability of each label"


HOSTILE = (
    '</script><script>alert(1)</script><img src="http://x" onerror=alert(1)><svg/onload=alert(1)>'
)


def explanation_page() -> str:
    word = Word(HOSTILE, 0, len(HOSTILE), effect=1.5, without=0.5, is_read=True)
    return to_html(Explanation(HOSTILE, HOSTILE, 0.9, (word,), (0.9,), 1))


def report_page() -> str:
    confusion = {"names": [HOSTILE, "b"], "counts": [[1, 0], [0, 1]]}
    return report_of(Path("model"), {"confusion": confusion}).html


def survey_page() -> str:
    texts = [f"{HOSTILE} {number}" for number in range(6)]
    return to_page(survey(texts, ["good", HOSTILE] * 3))


@pytest.mark.parametrize("write", [explanation_page, report_page, survey_page])
def test_reports_and_explanations_do_not_run_their_content(
    page: Any, root: Path, address: str, write: Callable[[], str]
) -> None:
    (root / "page.html").write_text(write(), encoding="utf-8")
    # The browser logs what the CSP blocks. The page must contain nothing to block.
    page.goto(f"{address}page.html")
    # The report cuts names of labels.
    assert HOSTILE[:34] in page.locator("body").text_content()
    assert page.locator("script, img, iframe, [onload], [onerror]").count() == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        check_with_axe(page)


METRICS = {"precision": 0.5, "recall": 0.25, "f1": 0.333, "support": 12345}
MANY = {f"a label with a long name {number:02}": METRICS for number in range(77)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_metrics_of_77_labels_are_in_sight_at_375_pixels(
    browser: Any, root: Path, address: str, scheme: Any
) -> None:
    counts = [[3 if i == j else int(j == i + 1) for j in range(77)] for i in range(77)]
    confusion = {"names": list(MANY), "counts": counts}
    metrics = {"accuracy": 0.5, "labels": MANY, "confusion": confusion}
    (root / "many.html").write_text(report_of(Path("model"), metrics).html, encoding="utf-8")
    with opened(browser, f"{address}many.html", ready=False, width=375, color_scheme=scheme) as it:
        check_with_axe(it, 375)
        cells = it.locator("tr", has_text="a label with").locator("td:last-child")
        expect(cells).to_have_count(77 + 16)
        right = "(all) => Math.max(...all.map((cell) => cell.getBoundingClientRect().right))"
        assert cells.evaluate_all(right) <= 375


def test_of_several_labels_those_that_apply_are_named(
    site: Any, page: Any, models: dict[str, Path]
) -> None:
    page.goto(site("labels-multi"))
    runtime = LabelsRuntime(models["labels-multi"])
    found = {text: next(iter(runtime.classify([text]))).labels for text in TEXTS if text.strip()}
    assert len(set(found.values())) > 1
    for text in {labels: text for text, labels in found.items()}.values():
        page.fill("#text", text)
        expected = ", ".join(found[text]) or "none"
        expect(page.locator("#status")).to_have_text(f"Labels that apply: {expected}")
        expect(page.locator("#answers b")).to_have_count(len(found[text]))


def test_an_article_model_shows_which_words_it_needs(site: Any, page: Any) -> None:
    page.goto(site("words-article"))
    page.wait_for_selector("html[data-ready]")
    page.fill("#text", "the mind adapts and")
    page.wait_for_selector("#answers li")
    page.fill("#text", "xyzzy the mind")
    expect(page.locator("#status")).to_contain_text("expected 3 words")
    expect(page.locator("#answers li")).to_have_count(0)
