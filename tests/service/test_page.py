"""The page in a real browser: each view shows the service's numbers, and is used by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from page_workplace import TEXT, answer, opened, percent, until, view
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running


@pytest.fixture
def page(browser: Browser, served: Running) -> Iterator[Page]:
    with opened(browser, f"{served.url}/#words") as it:
        yield it


# ---- words


def test_the_next_words_are_those_of_the_service(page: Page, served: Running) -> None:
    page.locator("#words-text").fill("the mind ")
    expected = answer(served, "next", texts="the mind ", k=6)["words"]
    shown = [["end of line" if word["word"] == "<eos>" else word["word"], percent(word)] for word in expected]
    rows = page.locator(".choices button")
    expect(rows.locator(".number")).to_have_text([chance for _, chance in shown])
    expect(rows.locator("> :first-child")).to_have_text([word for word, _ in shown])


def test_tab_takes_the_first_word_and_escape_gives_tab_back(page: Page) -> None:
    field, title = page.locator("#words-text"), page.locator("#next-title")
    field.press_sequentially("the obst")
    expect(title).to_have_text("Endings of obst")
    expect(page.locator("#view-words .ghost")).to_have_text("acle")
    field.press("Tab")
    expect(field).to_have_value("the obstacle")
    expect(field).to_be_focused()
    expect(title).to_have_text("Next word")
    # However fast it is pressed, Tab stays in the text until Esc.
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


def test_a_word_is_set_as_the_service_sets_it(page: Page) -> None:
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
    ]
    script = """async (cases) => {
      const { following } = await import("/page/spacing.js");
      return cases.map(([text, word]) => following(text, word));
    }"""
    assert page.evaluate(script, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_continuing_writes_what_the_service_writes_and_can_be_undone(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    field.fill("the mind ")
    expect(page.locator(".choices button")).to_have_count(6)
    page.locator("#temperature").fill("0")
    page.locator("#words-count").fill("7")
    field.press("Control+Enter")
    asked = {"model": "notes", "prompt": "the mind ", "max_tokens": 7, "temperature": 0}
    written = served.post("/v1/completions", asked).json()["choices"][0]["text"]
    expect(field).to_have_value("the mind " + written)
    expect(page.locator("#said")).to_contain_text(f"Written: {written} Next: ")
    page.get_by_role("button", name="Undo").click()
    expect(field).to_have_value("the mind ")


def test_continuing_can_be_stopped(page: Page) -> None:
    field, button = page.locator("#words-text"), page.locator(".continue [type=submit]")
    page.locator("#words-count").evaluate("(field) => { field.max = field.value = 20000; }")
    field.fill("the mind ")
    field.press("Control+Enter")
    expect(button).to_have_text("Stop")
    until(page, "() => document.querySelector('#words-text').value !== 'the mind '")
    field.press("Escape")
    expect(button).to_have_text("Continue")
    assert 2 < len(field.input_value().split()) < 15_000


def test_each_word_is_shaded_by_its_surprise(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    field.fill(TEXT)
    words = [word for word in answer(served, "score", texts=TEXT, words=True)["each"] if word["text"]]
    marks = page.locator("#view-words .mirror mark")
    expect(marks).to_have_text([word["text"] for word in words])
    expect(page.locator("#view-words mark.unknown")).to_have_text(
        [word["text"] for word in words if not word["known"]]
    )
    levels = marks.evaluate_all("(all) => all.map((mark) => Number(mark.style.getPropertyValue('--level')))")
    surprises = [-word["log_probability"] for word in words]
    assert sorted(range(len(words)), key=lambda at: (levels[at], surprises[at])) == sorted(
        range(len(words)), key=lambda at: surprises[at]
    )
    least = min(words, key=lambda word: word["log_probability"])
    expect(page.locator(".surprise tbody th").first).to_have_text(least["text"])
    field.press("Control+Home")
    expect(page.locator(".surprise [data-caret]")).to_contain_text("the had a chance of")


# ---- labels


def test_the_verdict_and_its_reasons_are_those_of_the_service(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    found = answer(served, "explain", texts=TEXT)
    expect(page.locator(".answer")).to_have_text(f"{found['label']} {percent(found)}")
    ranked = sorted(found["probabilities"].items(), key=lambda each: -each[1])
    expect(page.locator(".bars li")).to_have_text([f"{label}{100 * p:.1f} %" for label, p in ranked])
    expect(page.locator("#view-labels .mirror mark")).to_have_text([word["text"] for word in found["words"]])
    strongest = max(found["words"], key=lambda word: abs(word["effect"]))
    side = "for" if strongest["effect"] > 0 else "against"
    row = page.locator(".effects tbody tr").first
    expect(row).to_have_text(f"{strongest['text']}{side}{100 * strongest['without']:.1f} %")
    points = page.locator(".curve .line").get_attribute("points")
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points.split()]
    assert [(190 - 26 - y) / (190 - 26 - 12) for y in heights] == pytest.approx(found["running"], abs=0.001)
    page.get_by_text("Every word in numbers").click()
    numbers = page.locator("details tbody tr")
    expect(numbers).to_have_count(len(found["words"]))
    expect(numbers.first).to_contain_text(f"{100 * found['words'][0]['without']:.1f} %")


def test_the_caret_tells_of_its_word(page: Page, served: Running) -> None:
    view(page, "Labels")
    field = page.locator("#labels-text")
    field.fill(TEXT)
    found = answer(served, "explain", texts=TEXT)
    expect(page.locator("#view-labels .mirror mark")).to_have_count(len(found["words"]))
    field.press("Control+Home")
    for _ in range(len("the mi")):
        field.press("ArrowRight")
    told = page.locator(".along [data-caret]")
    expect(told).to_contain_text(f"Up to mind: {100 * found['running'][1]:.1f} %")
    expect(page.locator(".marker circle")).to_have_count(1)


def test_an_empty_text_has_no_verdict(page: Page) -> None:
    view(page, "Labels")
    page.get_by_role("button", name="Cold soup").click()
    expect(page.locator(".answer")).to_be_visible()
    page.locator("#labels-text").fill(" ")
    expect(page.locator(".answer")).to_be_hidden()
    expect(page.locator("#view-labels .mirror mark")).to_have_count(0)
    expect(page.get_by_role("button", name="Cold soup")).to_be_visible()


# ---- how it works


def test_the_heat_map_shows_the_gates(page: Page, served: Running) -> None:
    page.locator("#words-text").fill(TEXT)
    view(page, "How it works")
    # The text and its model come along.
    expect(page.locator("#how-text")).to_have_value(TEXT)
    expect(page.locator("#view-how-it-works-model")).to_have_value("notes")
    _expect_states(page, _states(served, model="notes", text=TEXT))
    page.locator("#layer").select_option("lstm_2")
    found = _states(served, model="notes", text=TEXT, layer="lstm_2")
    _expect_states(page, found)
    unit = found["liveliest"][2]
    page.get_by_role("button", name=str(unit), exact=True).click()
    expect(page.locator("#unit")).to_have_value(str(unit))
    _expect_states(page, _states(served, model="notes", text=TEXT, layer="lstm_2", unit=unit))
    page.locator("#unit").fill("1")
    found = _states(served, model="notes", text=TEXT, layer="lstm_2", unit=1)
    _expect_states(page, found)
    page.locator(".map button").nth(4).click()
    expect(page.locator(".step h4")).to_have_text(f"At “{found['steps'][4]['text']}”")
    figures = page.locator(".sum").first.locator("b").all_inner_texts()
    cell, forget, before, entered, candidate = (float(each.replace("−", "-")) for each in figures)
    assert cell == pytest.approx(found["cell"][4], abs=0.005)
    assert before == pytest.approx(found["cell"][3], abs=0.005)
    assert forget * before + entered * candidate == pytest.approx(cell, abs=0.02)


def test_a_text_that_is_taken_away_and_written_anew_is_shown(page: Page, served: Running) -> None:
    view(page, "How it works")
    page.locator("#view-how-it-works-model").select_option("notes")
    for text in ("the mind adapts", "", "the way", "", TEXT):
        page.locator("#how-text").fill(text)
        expect(page.locator(".map thead button")).to_have_count(
            len(_states(served, model="notes", text=text)["steps"])
        )
    expect(page.locator(".step h4")).to_have_text("At “.”")


def _states(served: Running, **asked: Any) -> Any:
    return served.post("/v1/states", asked).json()


def _expect_states(page: Page, found: Any) -> None:
    rows = {
        "Forget gate": found["gates"]["forget"],
        "Input gate": found["gates"]["input"],
        "Candidate": found["gates"]["candidate"],
        "Cell state": found["cell"],
        "Output gate": found["gates"]["output"],
        "Output": found["hidden"],
    }
    expect(page.locator(".map thead button")).to_have_text([step["text"] for step in found["steps"]])
    for name, values in rows.items():
        cells = page.locator(f".map tr:has(th:text-is('{name}')) td")
        # Rounded by JavaScript, which may go the other way where a digit more would be a five.
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
