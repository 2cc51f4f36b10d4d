"""The page in Chromium: each view shows the numbers of the service and works with the keyboard alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from page_workplace import TEXT, answer, opened, percent, until, view
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running


@pytest.fixture
def page(browser: Browser, served: Running) -> Iterator[Page]:
    with opened(browser, f"{served.url}/#words") as page:
        yield page


# ---- words


def test_the_next_words_are_those_of_the_service(page: Page, served: Running) -> None:
    page.locator("#words-text").fill("the mind ")
    expected = answer(served, "next", texts="the mind ", k=6)["words"]
    shown = [["end of line" if word["word"] == "<eos>" else word["word"], percent(word)] for word in expected]
    rows = page.locator(".choices button")
    expect(rows.locator(".number")).to_have_text([chance for _, chance in shown])
    expect(rows.locator("> :first-child")).to_have_text([word for word, _ in shown])


def test_tab_inserts_the_first_word_until_escape_is_pressed(page: Page) -> None:
    field, title = page.locator("#words-text"), page.locator("#next-title")
    field.press_sequentially("the obst")
    expect(title).to_have_text("Endings of obst")
    expect(page.locator("#view-words .ghost")).to_have_text("acle")
    field.press("Tab")
    expect(field).to_have_value("the obstacle ")
    expect(field).to_be_focused()
    expect(title).to_have_text("Next word")
    # Tab stays in the text until Esc, also when it is pressed before the next words arrive.
    for _ in range(3):
        field.press("Tab")
    expect(field).to_be_focused()
    until(page, "() => document.querySelector('#words-text').value.split(' ').length > 3")
    field.fill("the obstacle")
    expect(page.locator(".next:not([aria-busy]) .choices li")).to_have_count(6)
    field.press("Escape")
    field.press("Tab")
    expect(field).not_to_be_focused()
    expect(field).to_have_value("the obstacle")
    page.keyboard.press("Shift+Tab")
    expect(field).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(field).not_to_be_focused()


def test_three_suggestions_are_narrowed_by_letters_and_accepted_by_keys_and_taps(
    page: Page, served: Running
) -> None:
    field, strip = page.locator("#words-text"), page.locator("#view-words .suggestions")
    shown = strip.locator("button span")

    def expected(text: str, *, unfinished: bool) -> list[str]:
        words = answer(served, "next", texts=text, k=12, unfinished=unfinished, cache=500)["words"]
        found = [each["word"] for each in words]
        return [word for word in found if any(map(str.isalnum, word)) and word != "<eos>"][:3]

    field.press_sequentially("the mind the mind the mind ")
    second = expected("the mind the mind the mind ", unfinished=False)
    expect(shown).to_have_text(second)
    field.press("2")
    expect(field).to_have_value(f"the mind the mind the mind {second[1]} ")
    # The space that was written with a word is not left before a mark.
    field.press(",")
    expect(field).to_have_value(f"the mind the mind the mind {second[1]},")
    field.fill("the a")
    narrowed = expected("the a", unfinished=True)
    assert len(narrowed) > 1
    assert all(word.startswith("a") for word in narrowed)
    expect(shown).to_have_text(narrowed)
    strip.get_by_role("button").nth(1).click()
    expect(field).to_have_value(f"the {narrowed[1]} ")
    expect(field).to_be_focused()
    # A number is written as it is, and after Esc any digit.
    field.press_sequentially("71")
    expect(field).to_have_value(f"the {narrowed[1]} 71")
    field.fill("the ")
    expect(shown).to_have_count(3)
    field.press("Escape")
    expect(shown).to_have_count(0)
    field.press("1")
    expect(field).to_have_value("the 1")


def test_a_word_gets_the_same_white_space_as_from_the_service(page: Page) -> None:
    cases = [
        ("the mind", ".", "."),
        ("the mind", "way", " way"),
        ("the mind ", "way", "way"),
        ("(", "way", "way"),
        ("the", "-", "-"),
        ("the-", "way", "way"),
        ('say "', "way", "way"),
        ('say "way', '"', '"'),
        ('"way"', "is", " is"),
        ("way", "<eos>", "\n"),
        ("😀", "way", " way"),
        ("", "way", "way"),
        ("我很", "高", "高"),
        ("我用", "Python", "Python"),
        ("好", "，", "，"),
        ("，", "好", "好"),
        ("メー", "ル", "ル"),
        ("ภา", "ษา", "ษา"),
        ("ภาษา", "way", " way"),
        ("way", "ษา", " ษา"),
        ("한국", "어", " 어"),
    ]
    script = """async (cases) => {
      const { following } = await import("/page/spacing.js");
      return cases.map(([text, word]) => following(text, word));
    }"""
    assert page.evaluate(script, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_the_last_word_of_a_text(page: Page) -> None:
    cases = [
        ("the mi", "mi"), ("don'", "don'"), ("way.", ""), ("我很高", "高"), ("用Python", "Python"),
        ("Python好", "好"), ("メー", "ー"), ("กำลั", "ลั"), ("ปี๒๕", "๒๕"), ("हिन्दी", "हिन्दी"), ("好 ", ""),
    ]  # fmt: skip
    script = """async (texts) => {
      const { lastWord } = await import("/page/spacing.js");
      return texts.map((text) => lastWord(text));
    }"""
    assert page.evaluate(script, [case[0] for case in cases]) == [case[1] for case in cases]


def test_a_continuation_is_that_of_the_service_and_can_be_undone(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    field.fill("the mind ")
    expect(page.locator(".choices button")).to_have_count(6)
    page.locator("#temperature").fill("0")
    page.locator("#words-count").fill("7")
    field.press("Control+Enter")
    body = {"model": "notes", "prompt": "the mind ", "max_tokens": 7, "temperature": 0}
    added = served.post("/v1/completions", body).json()["choices"][0]["text"]
    expect(field).to_have_value("the mind " + added)
    expect(page.locator("#announcement")).to_contain_text(f"Added: {added} Next: ")
    page.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("the mind ")


def test_a_continuation_can_be_stopped(page: Page) -> None:
    field, button = page.locator("#words-text"), page.locator(".continue [type=submit]")
    page.locator("#words-count").evaluate("(field) => { field.max = field.value = 19000; }")
    field.fill("the mind ")
    expect(button).to_be_enabled()
    until(page, "() => !document.querySelector('#view-words [aria-busy]')")
    field.press("Control+Enter")
    expect(button).to_have_text("Stop")
    until(page, "() => document.querySelector('#words-text').value !== 'the mind '")
    field.press("Escape")
    expect(button).to_have_text("Continue")
    assert 2 < len(field.input_value().split()) < 19_000


def test_each_word_is_shaded_by_its_surprisal(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    field.fill(TEXT)
    words = [word for word in answer(served, "score", texts=TEXT, words=True)["each"] if word["text"]]
    marks = page.locator("#view-words .mirror mark")
    expect(marks).to_have_text([word["text"] for word in words])
    expect(page.locator("#view-words mark.unknown")).to_have_text(
        [word["text"] for word in words if not word["known"]]
    )
    levels = marks.evaluate_all("(all) => all.map((mark) => Number(mark.style.getPropertyValue('--level')))")
    bits = [-word["log_probability"] / math.log(2) for word in words]
    # No shade up to 1.5 bits, the darkest one from 12 bits on.
    assert levels == pytest.approx([min(1, max(0, (each - 1.5) / 10.5)) for each in bits], abs=0.0006)
    highest = min(words, key=lambda word: word["log_probability"])
    expect(page.locator(".surprisal tbody th").first).to_have_text(highest["text"])
    detail = page.locator(".surprisal [data-caret]")
    field.press("Control+Home")
    expect(detail).to_contain_text(f"the: probability {100 * math.exp(words[0]['log_probability']):.1f} %")
    expect(detail).to_contain_text(f"surprisal {bits[0]:.1f} bits.")


# ---- labels


def test_the_label_and_the_effects_are_those_of_the_service(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    explained = answer(served, "explain", texts=TEXT)
    expect(page.locator(".answer")).to_have_text(f"{explained['label']} {percent(explained)}")
    ranked = sorted(explained["probabilities"].items(), key=lambda each: -each[1])
    expect(page.locator(".bars li")).to_have_text([f"{label}{100 * p:.1f} %" for label, p in ranked])
    expect(page.locator("#view-labels .mirror mark")).to_have_text(
        [word["text"] for word in explained["words"]]
    )
    largest = max(explained["words"], key=lambda word: abs(word["effect"]))
    change = "raises" if largest["effect"] > 0 else "lowers"
    row = page.locator(".effects tbody tr").first
    expect(row).to_have_text(f"{largest['text']}{change}{100 * largest['without']:.1f} %")
    points = page.locator(".curve .line").get_attribute("points")
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert [(190 - 26 - y) / (190 - 26 - 12) for y in heights] == pytest.approx(
        explained["running"], abs=0.001
    )
    page.get_by_text("All words in a table").click()
    rows = page.locator("details tbody tr")
    expect(rows).to_have_count(len(explained["words"]))
    expect(rows.first).to_contain_text(f"{100 * explained['words'][0]['without']:.1f} %")


def test_the_word_at_the_caret_is_described(page: Page, served: Running) -> None:
    view(page, "Labels")
    field = page.locator("#labels-text")
    field.fill(TEXT)
    explained = answer(served, "explain", texts=TEXT)
    expect(page.locator("#view-labels .mirror mark")).to_have_count(len(explained["words"]))
    field.press("Control+Home")
    for _ in range(len("the mi")):
        field.press("ArrowRight")
    detail = page.locator(".along [data-caret]")
    expect(detail).to_contain_text(f"for the text up to mind: {100 * explained['running'][1]:.1f} %.")
    expect(detail).to_contain_text(f"without this word: {100 * explained['words'][1]['without']:.1f} %.")
    expect(page.locator(".marker circle")).to_have_count(1)


def test_an_empty_text_gets_no_label(page: Page) -> None:
    view(page, "Labels")
    page.get_by_role("button", name="Cold soup").click()
    expect(page.locator(".answer")).to_be_visible()
    page.locator("#labels-text").fill(" ")
    expect(page.locator(".answer")).to_be_hidden()
    expect(page.locator("#view-labels .mirror mark")).to_have_count(0)
    expect(page.get_by_role("button", name="Cold soup")).to_be_visible()


def test_every_number_is_explained(page: Page) -> None:
    page.locator("#words-text").fill(TEXT)
    page.get_by_text("What the numbers mean").click()
    expect(page.locator(".surprisal thead th").first).to_be_attached()
    expect(page.locator("#view-words .tiles dt").first).to_be_attached()
    until(page, "() => !document.querySelector('#view-words [aria-busy]')")
    terms = page.locator("#view-words .meanings dt:visible").all_inner_texts()
    columns = page.locator(".surprisal thead th").all_inner_texts()
    assert set(page.locator("#view-words .tiles dt").all_inner_texts()) | {columns[1], "Surprisal"} == set(
        terms
    )
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    page.get_by_text("All words in a table").click()
    # This model has no linear model, and so no column and no explanation of one.
    columns = ["Word", "Effect", "Without it", "Up to it"]
    expect(page.locator("#view-labels details thead th")).to_have_text(columns)
    assert page.locator("#view-labels .meanings dt:visible").all_inner_texts() == columns[1:]


# ---- how it works


def test_the_heat_map_shows_the_gates(page: Page, served: Running) -> None:
    page.locator("#words-text").fill(TEXT)
    view(page, "How it works")
    # The view takes the text and the model of the view before.
    expect(page.locator("#how-text")).to_have_value(TEXT)
    expect(page.locator("#view-how-it-works-model")).to_have_value("notes")
    _expect_states(page, _states(served, model="notes", text=TEXT))
    page.locator("#layer").select_option("lstm_2")
    states = _states(served, model="notes", text=TEXT, layer="lstm_2")
    _expect_states(page, states)
    unit = states["liveliest"][2]
    page.get_by_role("button", name=str(unit), exact=True).click()
    expect(page.locator("#unit")).to_have_value(str(unit))
    _expect_states(page, _states(served, model="notes", text=TEXT, layer="lstm_2", unit=unit))
    page.locator("#unit").fill("1")
    states = _states(served, model="notes", text=TEXT, layer="lstm_2", unit=1)
    _expect_states(page, states)
    page.locator(".map button").nth(4).click()
    expect(page.locator(".step h4")).to_have_text(f"At “{states['steps'][4]['text']}”")
    figures = page.locator(".sum").first.locator("b").all_inner_texts()
    cell, forget, previous, input_gate, candidate = (float(each.replace("−", "-")) for each in figures)
    assert cell == pytest.approx(states["cell"][4], abs=0.005)
    assert previous == pytest.approx(states["cell"][3], abs=0.005)
    assert forget * previous + input_gate * candidate == pytest.approx(cell, abs=0.02)


def test_a_text_that_is_deleted_and_typed_again_is_shown(page: Page, served: Running) -> None:
    view(page, "How it works")
    page.locator("#view-how-it-works-model").select_option("notes")
    for text in ("the mind adapts", "", "the way", "", TEXT):
        page.locator("#how-text").fill(text)
        expect(page.locator(".map thead button")).to_have_count(
            len(_states(served, model="notes", text=text)["steps"])
        )
    expect(page.locator(".step h4")).to_have_text("At “.”")


def _states(served: Running, **body: Any) -> Any:
    return served.post("/v1/states", body).json()


def _expect_states(page: Page, states: Any) -> None:
    rows = {
        "Forget gate": states["gates"]["forget"],
        "Input gate": states["gates"]["input"],
        "Candidate": states["gates"]["candidate"],
        "Cell state": states["cell"],
        "Output gate": states["gates"]["output"],
        "Hidden state": states["hidden"],
    }
    expect(page.locator(".map thead button")).to_have_text([step["text"] for step in states["steps"]])
    for name, values in rows.items():
        cells = page.locator(f".map tr:has(th:text-is('{name}')) td")
        # JavaScript and Python may round a 5 in different directions: the test compares numbers, not texts.
        expect(cells).to_have_count(len(values))
        until(
            page,
            """([name, values]) => {
              const rows = [...document.querySelectorAll(".map tbody tr")];
              const cells = rows.filter((row) => row.cells[0].textContent === name)
                .flatMap((row) => [...row.cells].slice(1));
              return cells.every((cell, at) =>
                Math.abs(Number(cell.textContent.replace("−", "-")) - values[at]) <= 0.00501);
            }""",
            [name, values],
        )


def test_the_cache_makes_words_of_the_text_more_probable(page: Page, served: Running) -> None:
    text = "the obstacle the obstacle the obstacle "
    page.locator("#words-text").fill(text)
    box, numbers = (
        page.get_by_label("Make words of this text more probable"),
        page.locator(".choices .number"),
    )
    tile = page.locator("#view-words .tiles dd").first
    perplexities = []
    for cache in (0, 500):
        box.set_checked(bool(cache))
        words = answer(served, "next", texts=text, k=6, cache=cache)["words"]
        expect(numbers).to_have_text([percent(word) for word in words])
        perplexities.append(answer(served, "score", texts=text, cache=cache)["perplexity"])
        expect(tile).to_have_text(f"{perplexities[-1]:.1f}")
    assert perplexities[0] != perplexities[1]
