"""The page in Chromium: each view shows the service's numbers, in time, by the keyboard, for
everybody.

`--log-cli-level=INFO` shows the milliseconds from a key to its answer.
"""

from __future__ import annotations

import ast
import json
import logging
import math
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firefox import firefox
from page_workplace import (
    TEXT,
    TILES,
    answer,
    check_with_axe,
    expect_idle,
    holding,
    opened,
    percent,
    until,
    view,
)
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running, running, write_labels, write_words

log = logging.getLogger(__name__)

TOKEN = b"a-token-of-some-length"
VOCABULARY = 20_000
LIMIT = 100
"""Milliseconds from a key to its answer on the screen."""

KEYS = "w17 w4 the way and w1 w2 "

# Types keys one after another, and returns the milliseconds until each has its answer on the
# screen.
MEASURE = """async ([view, panel, keys]) => {
  const field = document.querySelector(`${view} textarea`), element = document.querySelector(panel);
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const times = [];
  for (const key of keys) {
    // The last change of the panel counts: an answer to an older text may come first.
    let shownAt = Infinity;
    const observer = new MutationObserver(() => requestAnimationFrame(() => {
      if (!element.hasAttribute("aria-busy")) shownAt = performance.now();
    }));
    observer.observe(element, { childList: true, subtree: true, characterData: true });
    const started = performance.now();
    field.value += key;
    field.dispatchEvent(new Event("input"));
    while (shownAt === Infinity && performance.now() - started < 5000) await sleep(5);
    // Longer than the delay of the other requests.
    await sleep(160);
    observer.disconnect();
    times.push(shownAt - started);
  }
  return times;
}"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Models of the size that `base` for words and `quick` for labels have with a large corpus."""
    folder = tmp_path_factory.mktemp("large")
    text = "".join(f"w{number} " for number in range(VOCABULARY))
    options = {"text": text, "vocabulary": VOCABULARY}
    words = write_words(folder / "notes", layers=1, embedding_size=256, units=256, **options)
    labels = write_labels(folder / "reviews", embedding_size=64, units=32, length=200, **options)
    with running(words, labels) as running_service:
        yield running_service


# Shows text on each kind of shade at its darkest, where axe looks for it.
SHADES = """() => {
  const shades = document.createElement("div");
  document.querySelector(".view:not([hidden]) .card").append(shades);
  shades.className = "mirror";
  shades.style.cssText = "position: static; color: var(--ink)";
  for (const kind of ["for", "against", "surprising unknown"]) {
    const mark = shades.appendChild(document.createElement("mark"));
    [mark.className, mark.textContent] = [kind, "word"];
  }
  const cells = document.querySelectorAll(".map tbody td");
  ["for", "against"].forEach((kind, at) => { cells[at].className = kind; });
  for (const element of [...shades.children, ...cells]) element.style.setProperty("--level", "1");
}"""


# ---- words


def test_tab_inserts_the_first_word_until_escape_is_pressed(page: Page) -> None:
    field = page.locator("#words-text")
    title = page.locator("#next-title")
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


def test_an_accepted_word_is_undone_alone(page: Page) -> None:
    field = page.locator("#words-text")
    field.focus()
    # Not `field.press`: it gives the focus again, after which typing is undone apart.
    for key in "the ob":
        page.keyboard.press(key)
    expect(page.locator("#view-words .ghost")).to_have_text("stacle")
    with holding(page):
        with page.expect_request("**/v1/next"):
            page.keyboard.press("s")
        page.keyboard.press("Tab")
    # The held request goes on.
    expect(field).to_have_value("the obstacle ")
    page.keyboard.press("ControlOrMeta+z")
    expect(field).to_have_value("the obs")


def test_a_suggestion_that_comes_late_leaves_selected_text_alone(page: Page) -> None:
    field = page.locator("#words-text")
    with holding(page):
        with page.expect_request("**/v1/next"):
            field.fill("the obstacle ")
        field.press("Tab")
        field.press("ControlOrMeta+a")
    expect_idle(page)
    expect(page.locator("#view-words .suggestions button")).to_have_count(3)
    expect(field).to_have_value("the obstacle ")
    field.press("x")
    expect(field).to_have_value("x")


def test_three_suggestions_are_narrowed_by_letters_and_accepted_by_keys_and_taps(
    page: Page, served: Running
) -> None:
    field = page.locator("#words-text")
    strip = page.locator("#view-words .suggestions")
    shown = strip.locator("button span")

    def expected(text: str, *, unfinished: bool) -> list[str]:
        words = answer(served, "next", texts=text, k=12, unfinished=unfinished, cache=500)["words"]
        found = [each["word"] for each in words]
        return [word for word in found if any(map(str.isalnum, word)) and word != "<eos>"][:3]

    field.press_sequentially("the mind the mind the mind ")
    second = expected("the mind the mind the mind ", unfinished=False)
    expect(shown).to_have_text(second)
    field.press("Alt+2")
    expect(field).to_have_value(f"the mind the mind the mind {second[1]} ")
    # The space that was written with a word is not left before a mark.
    field.press(",")
    expect(field).to_have_value(f"the mind the mind the mind {second[1]},")
    for _ in range(2):
        field.press("Control+z")
    expect(field).to_have_value("the mind the mind the mind ")
    field.fill("the a")
    narrowed = expected("the a", unfinished=True)
    assert len(narrowed) > 1
    assert all(word.startswith("a") for word in narrowed)
    expect(shown).to_have_text(narrowed)
    strip.get_by_role("button").nth(1).click()
    expect(field).to_have_value(f"the {narrowed[1]} ")
    expect(field).to_be_focused()
    field.fill("Convert")
    expect(shown).to_have_text(["converts"])
    field.press("Tab")
    expect(field).to_have_value("Converts ")
    field.press("Escape")
    expect(shown).to_have_count(0)


def test_a_click_on_a_word_for_an_older_text_writes_that_word(page: Page) -> None:
    field = page.locator("#words-text")
    for shown, written in ((".suggestions button", "the mind "), (".choices button", "the mind")):
        field.fill("the m")
        expect_idle(page)
        with holding(page):
            field.press("i")
            page.locator(f"#view-words {shown}").first.click()
        expect(field).to_have_value(written)


def test_digits_are_text_where_suggestions_are_shown(page: Page) -> None:
    field = page.locator("#words-text")
    text = "the mind rose by 25 % in 1988 123"
    for character in text:
        field.press(character)
        expect(page.locator(".next:not([aria-busy])")).to_be_visible()
    expect(field).to_have_value(text)


def test_the_suggestions_stay_in_sight_while_a_long_text_is_written(page: Page) -> None:
    field = page.locator("#words-text")
    field.fill("the mind\n" * 40)
    field.press_sequentially("the ")
    expect(page.locator("#view-words .suggestions button").first).to_be_in_viewport()


def test_white_space_before_a_word_and_the_last_word_of_a_text_are_those_of_the_service(
    page: Page,
) -> None:
    following = [
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
    last = [
        ("the mi", "mi"),
        ("don'", "don'"),
        ("way.", ""),
        ("我很高", "高"),
        ("用Python", "Python"),
        ("Python好", "好"),
        ("メー", "ー"),
        ("กำลั", "ลั"),
        ("ปี๒๕", "๒๕"),
        ("हिन्दी", "हिन्दी"),
        ("好 ", ""),
    ]
    script = """async ([cases, texts]) => {
      const { following, lastWord } = await import("/page/spacing.js");
      return [cases.map(([text, word]) => following(text, word)), texts.map((text) => lastWord(text))];
    }"""
    found = page.evaluate(script, [[case[:2] for case in following], [case[0] for case in last]])
    assert found == [[case[2] for case in following], [case[1] for case in last]]


def test_a_continuation_is_that_of_the_service_and_can_be_undone(
    page: Page, served: Running
) -> None:
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
    field = page.locator("#words-text")
    button = page.locator(".continue [type=submit]")
    page.locator("#words-count").evaluate("(field) => { field.max = field.value = 19000; }")
    field.fill("the mind ")
    expect(button).to_be_enabled()
    expect_idle(page)
    field.press("Control+Enter")
    expect(button).to_have_text("Stop")
    until(page, "() => document.querySelector('#words-text').value !== 'the mind '")
    field.press("Escape")
    expect(button).to_have_text("Continue")
    assert 2 < len(field.input_value().split()) < 19_000


def test_each_word_is_shaded_by_its_surprisal(page: Page, served: Running) -> None:
    field = page.locator("#words-text")
    field.fill(TEXT)
    words = _expect_shades(page, answer(served, "score", texts=TEXT, words=True))
    expect(page.locator("#view-words mark.unknown")).to_have_text(
        [word["text"] for word in words if not word["known"]]
    )
    highest = min(words, key=lambda word: word["log_probability"])
    expect(page.locator(".surprisal tbody th").first).to_have_text(highest["text"])
    detail = page.locator(".surprisal [data-caret]")
    field.press("Control+Home")
    expect(detail).to_contain_text(
        f"the: probability {100 * math.exp(words[0]['log_probability']):.1f} %"
    )
    expect(detail).to_contain_text(
        f"surprisal {-words[0]['log_probability'] / math.log(2):.1f} bits."
    )


def _expect_shades(page: Page, scored: Any) -> list[Any]:
    """Expect a shade for each word: none up to 1.5 bits, the darkest from 12 bits on; return the
    words.
    """
    words = [word for word in scored["each"] if word["text"]]
    # A mark keeps its shade until the new score is there.
    expect_idle(page)
    marks = page.locator("#view-words .mirror mark")
    expect(marks).to_have_text([word["text"] for word in words])
    levels = marks.evaluate_all(
        "(all) => all.map((mark) => Number(mark.style.getPropertyValue('--level')))"
    )
    bits = [-word["log_probability"] / math.log(2) for word in words]
    assert levels == pytest.approx(
        [min(1, max(0, (each - 1.5) / 10.5)) for each in bits], abs=0.0006
    )
    return words


# ---- labels


def test_the_label_and_the_effects_are_those_of_the_service(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    explained = answer(served, "explain", texts=TEXT)
    expect(page.locator(".answer")).to_have_text(f"{explained['label']} {percent(explained)}")
    # After a pause in typing a screen reader announces it.
    expect(page.locator("#announcement")).to_have_text(
        f"{explained['label']}, {percent(explained)}"
    )
    ranked = sorted(explained["probabilities"].items(), key=lambda each: -each[1])
    expect(page.locator(".bars li")).to_have_text(
        [f"{label}: explain it{100 * p:.1f} %" for label, p in ranked]
    )
    expect(page.locator("#view-labels .mirror mark")).to_have_text(
        [word["text"] for word in explained["words"]]
    )
    largest = max(explained["words"], key=lambda word: abs(word["effect"]))
    change = "raises" if largest["effect"] > 0 else "lowers"
    row = page.locator(".effects tbody tr").first
    expect(row).to_have_text(f"{largest['text']}{change}{100 * largest['without']:.1f} %")
    points = page.locator(".curve .line").get_attribute("points") or ""
    heights = [
        (190 - 26 - float(point.split(",")[1])) / (190 - 26 - 12) for point in points.split()
    ]
    assert heights == pytest.approx(explained["running"], abs=0.001)
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
    expect(detail).to_contain_text(
        f"for the text up to mind: {100 * explained['running'][1]:.1f} %."
    )
    expect(detail).to_contain_text(
        f"without this word: {100 * explained['words'][1]['without']:.1f} %."
    )
    expect(page.locator(".marker circle")).to_have_count(1)


# ---- how it works


def test_the_heat_map_shows_the_gates(page: Page, served: Running) -> None:
    page.locator("#words-text").fill(TEXT)
    view(page, "How it works")
    # The view takes the text and the model of the view before.
    expect(page.locator("#how-text")).to_have_value(TEXT)
    expect(page.locator("#view-how-it-works-model")).to_have_value("notes")
    _expect_states(page, _states(served, model="notes", text=TEXT))
    page.locator("#layer").select_option("lstm_2")
    unit = _states(served, model="notes", text=TEXT, layer="lstm_2")["liveliest"][2]
    page.get_by_role("button", name=str(unit), exact=True).click()
    expect(page.locator("#unit")).to_have_value(str(unit))
    _expect_states(page, _states(served, model="notes", text=TEXT, layer="lstm_2", unit=unit))
    page.locator("#unit").fill("1")
    states = _states(served, model="notes", text=TEXT, layer="lstm_2", unit=1)
    _expect_states(page, states)
    page.locator(".map button").nth(4).click()
    expect(page.locator(".step h4")).to_have_text(f"At “{states['steps'][4]['text']}”")
    figures = page.locator(".sum").first.locator("b").all_inner_texts()
    cell, forget, previous, input_gate, candidate = (
        float(each.replace("−", "-")) for each in figures
    )
    assert cell == pytest.approx(states["cell"][4], abs=0.005)
    assert previous == pytest.approx(states["cell"][3], abs=0.005)
    assert forget * previous + input_gate * candidate == pytest.approx(cell, abs=0.02)


def _states(served: Running, **body: Any) -> Any:
    return served.post("/v1/states", body).json()


def _expect_states(page: Page, states: Any) -> None:
    gates = states["gates"]
    rows = {
        "Forget gate": gates["forget"],
        "Input gate": gates["input"],
        "Candidate": gates["candidate"],
        "Cell state": states["cell"],
        "Output gate": gates["output"],
        "Hidden state": states["hidden"],
    }
    expect(page.locator(".map thead button")).to_have_text(
        [step["text"] for step in states["steps"]]
    )
    # JavaScript and Python may round a 5 in different directions: the test compares numbers, not
    # texts.
    script = """(rows) => Object.entries(rows).every(([name, values]) => {
      const shown = [...document.querySelectorAll(".map tbody tr")]
        .filter((row) => row.cells[0].textContent === name).flatMap((row) => [...row.cells].slice(1));
      return shown.length === values.length && shown.every((cell, at) =>
        Math.abs(Number(cell.textContent.replace("−", "-")) - values[at]) <= 0.00501);
    })"""
    until(page, script, rows)


def test_the_next_words_are_those_of_the_service_with_a_cache_too(
    page: Page, served: Running
) -> None:
    text = "the obstacle the obstacle the obstacle "
    page.locator("#words-text").fill(text)
    box = page.get_by_label("Make words of this text more probable")
    rows = page.locator(".choices button")
    tile = page.locator("#view-words .tiles dd").first
    perplexities = []
    for cache in (0, 500):
        box.set_checked(bool(cache))
        words = answer(served, "next", texts=text, k=6, cache=cache)["words"]
        expect(rows.locator(".number")).to_have_text([percent(word) for word in words])
        shown = [word["word"].replace("<eos>", "end of line") for word in words]
        expect(rows.locator("> :first-child")).to_have_text(shown)
        perplexities.append(answer(served, "score", texts=text, cache=cache)["perplexity"])
        expect(tile).to_have_text(f"{perplexities[-1]:.1f}")
    assert perplexities[0] != perplexities[1]


def test_one_request_answers_the_suggestions_and_the_next_words(page: Page) -> None:
    sent: list[Any] = []
    page.on("request", lambda each: sent.append(each) if each.url.endswith("/v1/next") else None)
    page.locator("#words-text").fill("the mind ")
    expect(page.locator("#view-words .suggestions button")).to_have_count(3)
    expect_idle(page)
    assert len(sent) == 1


def test_what_is_written_is_remembered_on_request(page: Page) -> None:
    field = page.locator("#words-text")
    page.get_by_label("Remember what I write").check()
    field.fill("the zebrafish the zebrafish ")
    until(page, "() => localStorage.getItem('foretell notes')?.includes('zebrafish')")
    page.reload()
    field.fill("a Zebr")
    expect(page.locator("#view-words .suggestions button").first).to_have_text("1zebrafish")
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#view-words .suggestions button")).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize(
    ("view_name", "field"), [("Words", "#words-text"), ("Labels", "#labels-text")]
)
def test_the_programs_ask_for_the_text_that_is_shown(
    page: Page, served: Running, view_name: str, field: str
) -> None:
    view(page, view_name)
    text = """it's "the" mind $HOME \\ 😀"""
    page.locator(field).fill(text)
    card = page.locator(f"#view-{view_name.lower()} .code")
    card.locator("summary").click()
    expect(card.locator("code")).to_have_count(3)
    shell, python, _ = card.locator("code").all_text_contents()
    path, body = ("next", {"k": 6, "cache": 500}) if view_name == "Words" else ("classify", {})
    expected = served.post(f"/v1/{path}", {"model": None, "texts": text, **body}).json()["answers"]
    commands = [["bash", "-c", shell], [sys.executable, "-c", python]]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = (
            ast.literal_eval(done.stdout) if "import" in command[-1] else json.loads(done.stdout)
        )
        assert str(found["answers"])[:60] == str(expected)[:60]
    page.evaluate(f"async () => {{ {card.locator('code').nth(2).text_content()} }}")


def test_any_label_is_explained_by_a_click(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    found = answer(served, "classify", texts=TEXT)
    other = min(found["probabilities"], key=found["probabilities"].get)
    page.locator(".bars button", has_text=other).click()
    share = 100 * found["probabilities"][other]
    expect(page.locator(".effects caption")).to_contain_text(f"{other} is {share:.1f} %")


def test_no_old_label_stays_where_a_request_fails(page: Page) -> None:
    view(page, "Labels")
    field = page.locator("#labels-text")
    field.fill("good")
    expect(page.locator(".answer")).to_be_visible()
    page.route("**/v1/classify", lambda route: route.abort())
    field.fill("bad")
    expect(page.locator("#view-labels .editor .problem")).to_contain_text("does not answer")
    expect(page.locator(".answer")).to_be_hidden()
    page.unroute("**/v1/classify")


def test_the_page_in_firefox(served: Running) -> None:
    with firefox() as page:
        page.open(f"{served.url}/#words")
        page.until("return document.documentElement.dataset.ready === 'true'")
        value = "return document.querySelector('#words-text').value"
        ready = "return !document.querySelector('.next[aria-busy]')"
        page.type("#words-text", "the mind 25 the ")
        page.until(f"{ready} && document.querySelectorAll('.suggestions button').length === 3")
        second = page.run("return document.querySelectorAll('.suggestions bdi')[1].textContent")
        page.type("#words-text", page.ALT + "2" + page.RELEASED)
        assert page.run(value) == f"the mind 25 the {second} "
        page.type("#words-text", page.CONTROL + "z" + page.RELEASED)
        assert page.run(value) == "the mind 25 the "
        page.run("location.hash = '#labels'")
        page.until("return !document.querySelector('#view-labels').hidden")
        page.type("#labels-text", TEXT)
        found = answer(served, "classify", texts=TEXT)
        shown = "document.querySelector('.answer').textContent"
        page.until(f"return {shown} === '{found['label']} {percent(found)}'")
        page.until("return document.querySelectorAll('.effects tbody tr').length > 1")


# ---- the page as a whole


def test_marks_of_a_text_from_right_to_left_lie_behind_its_words(page: Page) -> None:
    # One line begins from the left and one from the right; a suggested word is shown after it.
    page.locator("#words-text").fill("the mind ٢٥ עלה 1988\nהטלפון עלה 25 % ב־1988 the mind")
    expect_idle(page)
    script = """() => {
      const mirror = document.querySelector("#view-words .mirror");
      const plain = mirror.cloneNode(false);
      plain.textContent = document.querySelector("#words-text").value;
      mirror.after(plain);
      const marks = [...mirror.querySelectorAll("mark")].map((mark) => {
        const before = document.createRange(), same = document.createRange();
        before.setStart(mirror, 0);
        before.setEndBefore(mark);
        const start = before.toString().length;
        same.setStart(plain.firstChild, start);
        same.setEnd(plain.firstChild, start + mark.textContent.length);
        return [mark, same].map((each) => each.getBoundingClientRect()).map(({ x, width }) => [x, width]);
      });
      plain.remove();
      return marks;
    }"""
    marks = page.evaluate(script)
    assert len(marks) > 5
    for mark, word in marks:
        assert mark == pytest.approx(word, abs=0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        pytest.param({"color_scheme": "dark"}, marks=pytest.mark.soak),
        {"color_scheme": "dark", "forced_colors": "active"},
    ],
)
def test_axe_finds_no_violation_and_every_view_fits_360_pixels(
    browser: Browser, served: Running, tmp_path: Path, options: Any
) -> None:
    file = tmp_path / "texts.csv"
    file.write_text(
        "text,other\n" + "the mind adapts " * 30 + ',x\n"",y\ngood way,z\n', encoding="utf-8"
    )
    with opened(browser, served.url, width=360, **options) as page:
        view(page, "Words")
        page.locator("#words-text").fill(f"{TEXT} {'endless' * 40}")
        page.wait_for_selector(".surprisal .result:visible")
        check_with_axe(page, 360)
        view(page, "Labels")
        page.locator("#labels-text").fill(f"{TEXT} {'endless' * 40}")
        page.wait_for_selector(".effects tbody tr")
        page.get_by_text("All words in a table").click()
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 3 texts").click()
        page.wait_for_selector(".texts tbody tr")
        check_with_axe(page, 360)
        view(page, "How it works")
        page.wait_for_selector(".map")
        check_with_axe(page, 360)
        # axe does not see that the shades of the mirror lie behind the text.
        page.evaluate(SHADES)
        check_with_axe(page)


def test_a_stale_request_is_cancelled(page: Page, served: Running) -> None:
    # Next words and suggestions come from one request.
    with holding(page, lambda asked: (asked["texts"], asked["k"]) == ("the mind ", 12)) as held:
        with page.expect_request("**/v1/next") as asked:
            page.locator("#words-text").fill("the mind ")
        # The request for the scores of the text may be cancelled, too.
        with page.expect_event("requestfailed", lambda failed: failed == asked.value):
            page.locator("#words-text").fill("the way ")
        first = answer(served, "next", texts="the way ", k=12, cache=500)["words"][0]
        expect(page.locator(".choices .number").first).to_have_text(percent(first))
        assert len(held) == 1


def test_the_title_the_heading_and_the_link_name_the_view(page: Page) -> None:
    view(page, "Labels")
    page.reload()
    expect(page).to_have_title("Labels · foretell")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Words · foretell")
    expect(page.get_by_role("heading", name="Predict the next word")).to_be_focused()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Words")
    page.go_back()
    expect(page.get_by_role("heading", name="Classify a text")).to_be_visible()


def test_a_token_unlocks_the_page_and_is_not_stored(
    browser: Browser, models: tuple[Path, Path]
) -> None:
    with running(*models, token=TOKEN) as locked, opened(browser, locked.url, ready=False) as page:
        field = page.get_by_label("Token", exact=True)
        button = page.get_by_role("button", name="Unlock")
        expect(page.get_by_role("heading", name="This service requires a token")).to_be_visible()
        check_with_axe(page)
        field.fill("another-token-of-that-length")
        button.click()
        expect(page.locator("#problem")).to_contain_text("expected the service's token")
        field.fill(TOKEN.decode())
        button.click()
        page.locator("#labels-text").fill("the mind")
        expect(page.locator(".answer")).to_be_visible()
        expect(page.locator("#problem")).to_be_hidden()
        stored = page.evaluate("[{ ...localStorage }, { ...sessionStorage }, document.cookie]")
        assert stored == [{}, {}, ""]
        assert TOKEN.decode() not in page.url


# ---- typing


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "panel", "written"),
    [
        *(("words", ".next", n) for n in (0, 89, 2000)),
        *(("labels", ".prediction", n) for n in (2, 200)),
    ],
)
def test_an_answer_appears_within_100_ms_of_a_key(
    browser: Browser, large: Running, name: str, panel: str, written: int
) -> None:
    """The median of the keys, on a machine with nothing else to do."""
    with opened(browser, f"{large.url}/#{name}") as page:
        text = "".join(f"w{n} " for n in random.Random(7).choices(range(VOCABULARY), k=written))
        page.locator(f"#{name}-text").fill(text)
        expect_idle(page)
        # The first keys are not counted: the service and the browser are still warming up.
        times = page.evaluate(MEASURE, [f"#view-{name}", panel, list("w1 " + KEYS)])[3:]
        log.info("%s: median %.0f ms, slowest %.0f ms", name, statistics.median(times), max(times))
        assert statistics.median(times) <= LIMIT, times


def test_only_new_words_are_scored(page: Page) -> None:
    text = "the mind adapts and converts to its own purposes. 😀 " * 60
    requests: list[Any] = []
    page.on("request", lambda r: r.url.endswith("/v1/score") and requests.append(r.post_data_json))
    field = page.locator("#words-text")
    field.fill(text)
    expect_idle(page)
    # A long text is scored in pieces. Each begins where the one before ended.
    assert len(requests) > 2
    assert [each["start"] for each in requests] == [
        0,
        *(len(each["texts"]) for each in requests[:-1]),
    ]
    assert all(len(each["texts"]) - each["start"] < 1300 for each in requests)
    assert requests[-1]["texts"] == text
    requests.clear()
    field.press_sequentially("the way", delay=200)
    expect_idle(page)
    assert requests
    assert min(each["start"] for each in requests) >= len(text) - len(" 😀 ")
    # After an insertion in the middle, the text is scored from there on.
    requests.clear()
    _set_text(page, text[:900] + "obstacle " + text[900:])
    expect_idle(page)
    assert 880 <= requests[0]["start"] <= 900


def test_a_text_that_changes_while_it_is_scored_gets_all_its_scores(
    page: Page, served: Running
) -> None:
    text = "the mind adapts and converts to its own purposes. " * 100
    for end in (4000, 4700, 2000, 5000):
        _set_text(page, text[:end])
        page.wait_for_timeout(150)
    scored = answer(served, "score", texts=text[:5000], words=True)
    _expect_shades(page, scored)
    perplexity, per_character, per_byte, unknown = page.evaluate(TILES)
    digits = 0.051 if scored["perplexity"] < 100 else 0.51
    assert float(perplexity.replace(",", "")) == pytest.approx(scored["perplexity"], abs=digits)
    assert float(per_character) == pytest.approx(scored["bits_per_character"], abs=0.0051)
    assert float(per_byte) == pytest.approx(scored["bits_per_byte"], abs=0.0051)
    assert unknown == str(scored["unknown"])


def _set_text(page: Page, text: str) -> None:
    page.locator("#words-text").evaluate(
        "(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text
    )
