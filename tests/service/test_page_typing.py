"""Typing on the page: answers arrive before the next key, and only new words are scored.

`--log-cli-level=INFO` shows the milliseconds.
"""

from __future__ import annotations

import json
import logging
import math
import random
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_workplace import answer, opened, percent, until
from playwright.sync_api import Browser, Page, Request, expect
from service_workplace import TEXT, Running, running, write_labels, write_words

log = logging.getLogger(__name__)

VOCABULARY = 20_000
LIMIT = 100
"""Milliseconds from a key to its answer on the screen."""

KEYS = "w17 w4 the way and w1 w2"
CONTROL = 30
"""Milliseconds that a request without a model and a frame take at most on a machine without other work."""

PAUSE = 160
"""Milliseconds between an answer and the next key: longer than the delay of the other requests."""

# Types one key after another. For each key: the milliseconds until its answer is on the screen, the text of
# the panel after that, and the milliseconds of a request that needs no model, followed by a frame.
MEASURE = """async ([view, panel, keys, pause]) => {
  const field = document.querySelector(`${view} textarea`);
  const element = document.querySelector(panel);
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const results = [];
  for (const key of keys) {
    let started = performance.now();
    await (await fetch("v1/models")).json();
    await frame();
    const control = performance.now() - started;
    // The last change of the panel counts: an answer to an older text may come first.
    let shownAt = null;
    const observer = new MutationObserver(async () => {
      if (element.hasAttribute("aria-busy")) return;
      await frame();
      shownAt = performance.now();
    });
    observer.observe(element, { childList: true, subtree: true, characterData: true });
    started = performance.now();
    field.value += key;
    field.dispatchEvent(new Event("input"));
    while (shownAt === null && performance.now() - started < 5000) await sleep(5);
    await sleep(pause);
    observer.disconnect();
    results.push({ milliseconds: (shownAt ?? Infinity) - started, control, shown: element.innerText });
  }
  return results;
}"""
TILES = "() => [...document.querySelectorAll('#view-words .tiles dd')].map((each) => each.textContent)"
IDLE = "() => !document.querySelector('#view-words [aria-busy]')"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Models of the size that `base` for words and `quick` for labels have with a large corpus."""
    folder, text = tmp_path_factory.mktemp("large"), _vocabulary_text()
    options = {"text": text, "vocabulary": VOCABULARY}
    words = write_words(folder / "notes", layers=1, embedding_size=256, units=256, **options)
    labels = write_labels(folder / "reviews", embedding_size=64, units=32, length=200, **options)
    with running(words, labels) as running_service:
        yield running_service


@pytest.mark.soak
@pytest.mark.parametrize("written", [0, 89, 2000])
def test_next_words_appear_within_100_ms_of_a_key(browser: Browser, large: Running, written: int) -> None:
    with opened(browser, f"{large.url}/#words") as page:
        text = _random_words(written)
        _set_text(page, text)
        until(page, IDLE)
        expect(page.locator("#view-words .mirror mark")).to_have_count(written)
        _expect_within_limit(
            page, text, "#view-words", ".next", lambda typed, shown: _expect_choices(large, typed, shown)
        )
        # All words have been scored in between, too.
        text = page.locator("#words-text").input_value() + " "
        _set_text(page, text)
        expect(page.locator("#view-words .mirror mark")).to_have_count(len(text.split()))


@pytest.mark.soak
@pytest.mark.parametrize("written", [2, 200])
def test_the_label_appears_within_100_ms_of_a_key(browser: Browser, large: Running, written: int) -> None:
    with opened(browser, f"{large.url}/#labels") as page:
        text = _random_words(written)
        page.locator("#labels-text").fill(text)
        expect(page.locator(".effects tbody tr").first).to_be_visible()

        def check(typed: str, shown: str) -> None:
            classified = answer(large, "classify", texts=typed)
            assert _lines(shown)[:3] == ["Label", classified["label"], percent(classified)], typed

        _expect_within_limit(page, text, "#view-labels", ".prediction", check)


def _vocabulary_text() -> str:
    return "".join(f"w{number} " for number in range(VOCABULARY))


def _random_words(count: int) -> str:
    return "".join(f"w{number} " for number in random.Random(7).choices(range(VOCABULARY), k=count))


def _expect_within_limit(
    page: Page, text: str, view: str, panel: str, check: Callable[[str, str], None]
) -> None:
    """Assert that the median key is answered within LIMIT, and each key with the numbers of the service.

    On a machine that is busy with other work, even a request without a model takes long. The limit then
    grows in proportion, at most to twice its value.
    """
    # The first keys are not counted: the service and the browser are still warming up.
    page.evaluate(MEASURE, [view, panel, list("w1 "), PAUSE])
    text += "w1 "
    results = page.evaluate(MEASURE, [view, panel, list(KEYS), PAUSE])
    times = [each["milliseconds"] for each in results]
    control = statistics.median(each["control"] for each in results)
    log.info(
        "%s: median %.0f ms, slowest %.0f ms, control %.0f ms",
        panel, statistics.median(times), max(times), control,
    )  # fmt: skip
    for number, each in enumerate(results, 1):
        check(text + KEYS[:number], each["shown"])
    assert statistics.median(times) <= LIMIT * min(2, max(1, control / CONTROL)), sorted(times)


def _expect_choices(served: Running, text: str, shown: str) -> None:
    title, *choices = _lines(shown)
    beginning = "" if text.endswith(" ") else text.split()[-1]
    is_ending = title == f"Endings of {beginning}"
    assert is_ending or title == "Next word"
    words = answer(served, "next", texts=text, k=6, unfinished=is_ending)["words"]
    expected = [
        [each["word"].replace("<eos>", "end of line"), percent(each)]
        for each in words
        if not is_ending or each["word"] != beginning
    ]
    assert choices == [part for choice in expected for part in choice], text


def _lines(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line]


def test_only_new_words_are_scored(page: Page) -> None:
    text = "the mind adapts and converts to its own purposes. 😀 " * 60
    requests = _score_requests(page)
    field = page.locator("#words-text")
    field.fill(text)
    until(page, IDLE)
    # A long text is scored in pieces. Each begins where the one before ended.
    assert len(requests) > 2
    assert [each["start"] for each in requests] == [0, *(len(each["texts"]) for each in requests[:-1])]
    assert all(len(each["texts"]) - each["start"] < 1300 for each in requests)
    assert requests[-1]["texts"] == text
    requests.clear()
    field.press_sequentially("the way", delay=200)
    until(page, IDLE)
    assert requests
    assert min(each["start"] for each in requests) >= len(text) - len(" 😀 ")
    # After an insertion in the middle, the text is scored from there on.
    requests.clear()
    _set_text(page, text[:900] + "obstacle " + text[900:])
    until(page, IDLE)
    assert 880 <= requests[0]["start"] <= 900


@pytest.mark.soak
def test_a_text_that_is_scored_in_pieces_has_the_numbers_of_the_whole_text(
    page: Page, served: Running
) -> None:
    """After random edits: typed, inserted, deleted and replaced text."""
    draw, text = random.Random(7), ""
    words = [*TEXT.split(), "nosuchword", "e\u0301", "don't", "\n", "\n\n", " ", "😀"]
    for _ in range(12):
        cut = draw.randrange(len(text) + 1)
        more = " ".join(draw.choices(words, k=draw.choice([1, 3, 300])))
        text = draw.choice([text[:cut], text + more, text[:cut] + more + text[cut:], text[cut:], more])
        _set_text(page, text)
        if text.strip():
            _expect_scored(page, served, text)


def test_a_text_that_changes_while_it_is_scored_gets_all_its_scores(page: Page, served: Running) -> None:
    text = "the mind adapts and converts to its own purposes. " * 100
    for end in (4000, 4700, 2000, 5000):
        _set_text(page, text[:end])
        page.wait_for_timeout(150)
    _expect_scored(page, served, text[:5000])


def test_another_model_gives_other_scores(
    browser: Browser, models: tuple[Path, Path], tmp_path: Path
) -> None:
    other = write_words(tmp_path / "other", seed=8)
    with running(models[1], other) as both, opened(browser, both.url) as page:
        for name in ("notes", "other", "notes"):
            page.locator("#view-words-model").select_option(name)
            _set_text(page, "the mind adapts and converts")
            _expect_scored(page, both, "the mind adapts and converts", model=name)


def _score_requests(page: Page) -> list[Any]:
    """Return a list to which the body of each later request for scores is added."""
    requests: list[Any] = []

    def note(sent: Request) -> None:
        if sent.url.endswith("/v1/score"):
            requests.append(json.loads(sent.post_data or ""))

    page.on("request", note)
    return requests


def _set_text(page: Page, text: str) -> None:
    page.locator("#words-text").evaluate(
        "(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text
    )


def _expect_scored(page: Page, served: Running, text: str, model: str = "notes") -> None:
    """Assert that marks, shades and tiles agree with the answer of the service for the whole text."""
    # The title and the marks follow the last answer one after the other.
    for _ in range(20):
        until(page, IDLE)
        shown = text
        if page.locator("#next-title").inner_text() != "Next word":
            shown = text.rstrip("abcdefghijklmnopqrstuvwxyz'\u0301")
        if not shown.strip():
            return
        scored = answer(served, "score", model=model, texts=shown, words=True)
        words = [each for each in scored["each"] if each["text"]]
        marks = page.locator("#view-words .mirror mark").evaluate_all(
            "(all) => all.map((mark) => [mark.textContent, Number(mark.style.getPropertyValue('--level'))])"
        )
        if [mark[0] for mark in marks] == [word["text"] for word in words]:
            break
        page.wait_for_timeout(100)
    assert [mark[0] for mark in marks] == [word["text"] for word in words]
    bits = [-word["log_probability"] / math.log(2) for word in words]
    levels = [min(1, max(0, (each - 1.5) / 10.5)) for each in bits]
    assert [mark[1] for mark in marks] == pytest.approx(levels, abs=0.0006)
    perplexity, per_character, per_byte, unknown = page.evaluate(TILES)
    digits = 0.051 if scored["perplexity"] < 100 else 0.51
    assert float(perplexity.replace(",", "")) == pytest.approx(scored["perplexity"], abs=digits)
    assert float(per_character) == pytest.approx(scored["bits_per_character"], abs=0.0051)
    assert float(per_byte) == pytest.approx(scored["bits_per_byte"], abs=0.0051)
    assert unknown == str(scored["unknown"])
