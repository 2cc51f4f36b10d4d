"""The page with models of other tokens: parts of words in many scripts, and words on white space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from page_workplace import answer, opened, percent, until
from playwright.sync_api import Browser, Page, expect
from service_workplace import TEXT, Running, running, write_labels, write_words

from tests.text.texts import ALL, TEXTS

LEARNED = "\n".join([TEXT, TEXT, *ALL[::2]])
TILES = "() => [...document.querySelectorAll('#view-words .tiles dd')].map((each) => each.textContent)"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("open")
    models = [write_words(folder / style, text=LEARNED, tokens=style) for style in ("subword", "char")]
    models.append(write_words(folder / "white-space", tokens="white-space"))
    with running(*models, write_labels(folder / "labels", text=LEARNED, tokens="subword")) as service:
        yield service


@pytest.mark.parametrize("model", ["subword", "char"])
def test_the_next_tokens_are_those_of_the_service(page: Page, served: Running, model: str) -> None:
    page.locator("#view-words select").select_option(model)
    for text in ("the mind", "the mind "):
        page.locator("#words-text").fill(text)
        words = answer(served, "next", model=model, texts=text, k=6)["words"]
        shown = [
            "end of line" if each["word"] == "<eos>" else each["word"].replace(" ", "␣") for each in words
        ]
        expect(page.locator(".choices .number").first).to_have_text(percent(words[0]))
        expect(page.locator(".choices button > span:first-child")).to_have_text(shown)
        expect(page.locator("#next-title")).to_have_text("Next token")
    page.locator(".choices button").first.click()
    added = "\n" if words[0]["word"] == "<eos>" else words[0]["word"]
    is_joined = model == "subword" and added != " "
    expect(page.locator("#words-text")).to_have_value(
        "the mind " + (added.removeprefix(" ") if is_joined else added)
    )


def test_a_word_that_is_not_finished_is_no_error(page: Page) -> None:
    """Words on white space have no unknown word: such a model reads its own words alone."""
    field, problem = page.locator("#words-text"), page.locator("#view-words .editor .problem")
    page.locator("#view-words select").select_option("white-space")
    field.fill("the mi")
    expect(page.locator("#view-words .suggestions button").first).to_have_text("1mind")
    expect(page.locator("#view-words .next:not([aria-busy])")).to_be_visible()
    expect(problem).to_be_hidden()
    field.fill("the mi ")
    expect(problem).to_contain_text("found 'mi'")


@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_every_script_are_scored(page: Page, served: Running, name: str) -> None:
    text = TEXTS[name]
    page.locator("#words-text").fill(text)
    score = answer(served, "score", model="subword", texts=text)
    numbers = ["bits_per_character", "bits_per_byte"]
    until(
        page, "(expected) => (" + TILES + ")().slice(1).join() === expected",
        ",".join(f"{score[number]:.2f}" for number in numbers),
    )  # fmt: skip
    names = page.locator("#view-words .tiles dt").all_text_contents()
    assert names == ["Perplexity per token", "Bits per character", "Bits per byte"]
    marks = page.locator("#view-words .mirror mark").all_text_contents()
    assert "".join(marks) == text
    assert score["unknown"] == 0


def test_a_long_text_is_scored_in_pieces_as_a_whole(page: Page, served: Running) -> None:
    text = " ".join(ALL * 9)
    page.locator("#words-text").fill(text)
    score: dict[str, Any] = answer(served, "score", model="subword", texts=text)
    until(page, "(expected) => (" + TILES + ")()[2] === expected", f"{score['bits_per_byte']:.2f}")


def test_a_continuation_adds_tokens(page: Page) -> None:
    page.locator("#words-text").fill("the mind")
    expect(page.locator("label[for=words-count]")).to_have_text("Number of tokens")
    page.locator("#words-count").fill("9")
    page.locator("#words-text").press("Control+Enter")
    until(page, "() => document.querySelector('#words-text').value.length > 8")


def test_effects_are_shown_for_each_token(browser: Browser, served: Running) -> None:
    with opened(browser, f"{served.url}/#labels") as page:
        page.locator("#labels-text").fill(ALL[5] + " good way")
        expect(page.locator(".answer")).to_be_visible()
        until(page, "() => document.querySelectorAll('#view-labels .mirror mark').length > 5")
