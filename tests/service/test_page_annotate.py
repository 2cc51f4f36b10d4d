"""The view Annotate in Chromium: by the keyboard alone, many at once, accessible, narrow, dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotation.tickets import label_of, tickets
from annotation.tickets import opened as opened_annotation
from page_workplace import check_with_axe, expect_idle, opened, until, visited
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running, running

from foretell.annotation.annotation import Annotation

pytestmark = pytest.mark.usefixtures("from_the_start")

KEYS = {"hardware": "1", "billing": "2"}
HOSTILE = "\x1b[31mprinter \u202e<b>bold</b> <script>alert(1)</script> 😀"


@pytest.fixture(scope="module")
def annotation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annotation]:
    texts = [*tickets(), f"{HOSTILE} {'endless' * 60}"]
    with opened_annotation(tmp_path_factory.mktemp("annotation"), texts=texts) as annotation:
        yield annotation


@pytest.fixture
def page(tab: Page, labelling: Running) -> Iterator[Page]:
    with visited(tab, labelling.url) as it:
        it.wait_for_selector(".to-label .labels button")
        yield it


def shown(page: Page) -> str:
    return page.locator(".to-label blockquote").inner_text()


def press(page: Page, annotation: Annotation, key: str, answers: int) -> None:
    """Press a key, and wait until so many answers are shown and on disk."""
    page.keyboard.press(key)
    expect(page.locator("[data-answers]")).to_have_text(str(answers))
    expect_idle(page)
    assert len(annotation.answers) == answers


def test_labels_by_one_key_each_undo_and_other_answers(page: Page, annotation: Annotation) -> None:
    expect(page).to_have_title("Annotate · foretell")
    last = page.locator(".last")
    page.keyboard.press("z")
    expect(last).to_have_text("There is nothing to undo.")
    expect_idle(page)
    for number in range(1, 7):
        text = shown(page)
        press(page, annotation, KEYS[label_of(text)], number)
        assert (annotation.answers[-1].text, annotation.answers[-1].label) == (text, label_of(text))
    expect(last).to_have_text(f"Last answer: {label_of(text)}.")
    expect(last.locator("bdi")).to_have_text(label_of(text))
    text = shown(page)
    press(page, annotation, "s", 7)
    expect(last).to_have_text("Last answer: skipped.")
    press(page, annotation, "z", 6)
    expect(last).to_have_text("The last answer was undone.")
    assert shown(page) == text
    for key, kind, number in (("n", "none", 7), ("u", "unclear", 8)):
        press(page, annotation, key, number)
        assert annotation.answers[-1].kind == kind
    assert shown(page) != text


def test_a_second_tab_goes_on_with_the_next_text_and_keeps_the_first_answer(
    page: Page, browser: Browser, labelling: Running, annotation: Annotation
) -> None:
    with opened(browser, labelling.url) as other:
        other.wait_for_selector(".to-label .labels button")
        text = shown(page)
        assert shown(other) == text
        press(page, annotation, "1", 1)
        other.keyboard.press("2")
        expect(other.locator(".to-label .problem")).to_contain_text("That answer stays")
        assert shown(other) != text
        assert [each.label for each in annotation.answers] == [annotation.answers[0].label]
        other.keyboard.press("2")
        expect(other.locator("[data-answers]")).to_have_text("2")


def test_the_next_text_is_shown_from_its_top(page: Page) -> None:
    page.evaluate("document.querySelector('.to-label').style.paddingTop = '1500px'")
    page.evaluate("scrollTo(0, 1400)")
    page.keyboard.press("1")
    until(page, "() => scrollY < 700")


def test_enter_accepts_the_suggestion(page: Page, annotation: Annotation) -> None:
    suggestion = page.locator(".to-label .suggestion")
    for number in range(1, 30):
        # The text after this one is suggested a label by what was learned from all answers.
        annotation.metrics(fresh=True)
        if suggestion.is_visible():
            label = suggestion.locator("b").inner_text()
            expect(page.locator(".labels .proposed")).to_contain_text(label)
            press(page, annotation, "Enter", number)
            assert (annotation.answers[-1].label, annotation.answers[-1].suggested) == (
                label,
                label,
            )
            break
        press(page, annotation, KEYS[label_of(shown(page))], number)
    else:
        pytest.fail("no label was suggested")


def test_search_and_label_many_with_the_keyboard(page: Page, annotation: Annotation) -> None:
    page.keyboard.press("/")
    expect(page.locator("#annotate-query")).to_be_focused()
    # In a field a key is a letter.
    page.keyboard.type("1 printer")
    assert annotation.answers == []
    page.locator("#annotate-query").fill("printer")
    page.keyboard.press("Enter")
    boxes = page.locator(".many li input")
    expect(boxes.first).to_be_visible()
    count = boxes.count()
    button = page.locator("[data-label-all]")
    # Nothing is selected beforehand.
    expect(button).to_have_text("Label 0 texts")
    expect(button).to_be_disabled()
    page.locator(".many [data-all]").focus()
    page.keyboard.press("Space")
    expect(button).to_have_text(f"Label {count} texts")
    boxes.first.focus()
    page.keyboard.press("Space")
    expect(button).to_have_text(f"Label {count - 1} texts")
    page.locator("#annotate-many-label").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".many [role=status]")).to_contain_text(f"{count - 1} texts answered")
    assert {each.label for each in annotation.answers} == {"hardware"}
    expect(boxes).to_have_count(1)
    page.locator("#view-annotate [data-undo]").click()
    expect(page.locator("[data-answers]")).to_have_text("0")
    assert annotation.answers == []


def test_similar_texts_are_found(page: Page) -> None:
    page.keyboard.press("m")
    expect(page.locator(".many li")).to_have_count(20)


def test_metrics_are_of_random_texts_and_become_current(page: Page, annotation: Annotation) -> None:
    for number in range(1, 6):
        press(page, annotation, KEYS[label_of(shown(page))], number)
    expect(page.locator("[data-random]")).to_have_text("1")
    accuracy = annotation.metrics(fresh=True).accuracy
    assert accuracy is not None
    first = page.locator(".measured div").first
    expect(first).to_contain_text(f"{100 * accuracy.value:.1f} %")
    expect(first).to_contain_text(
        re.compile(f"{100 * accuracy.low:.1f} % to {100 * accuracy.high:.1f} %, 1 random text$")
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "labels.csv"
    assert Path(download.value.path()).read_bytes().decode() == annotation.to_csv()


def test_shortcuts_can_be_turned_off_and_the_name_is_recorded(
    page: Page, annotation: Annotation
) -> None:
    page.get_by_label("Your name").fill("grace")
    page.keyboard.press("Tab")
    # While the page asks for a text for that name, keys and buttons do nothing.
    expect_idle(page)
    page.keyboard.press("Space")
    page.keyboard.press("1")
    page.get_by_role("button", name="billing").press("Enter")
    expect(page.locator("[data-answers]")).to_have_text("1")
    assert [(each.label, each.by) for each in annotation.answers] == [("billing", "grace")]


def test_an_error_is_one_line_and_the_text_stays(page: Page, annotation: Annotation) -> None:
    text = shown(page)
    page.route("**/v1/annotation/answers", lambda route: route.abort())
    page.keyboard.press("1")
    expect(page.locator(".to-label .problem")).to_contain_text("The service does not answer.")
    assert shown(page) == text
    page.unroute("**/v1/annotation/answers")
    press(page, annotation, "1", 1)
    expect(page.locator(".to-label .problem")).to_be_hidden()


def test_hostile_texts_are_text(page: Page) -> None:
    page.locator("#annotate-query").fill("<script>")
    page.keyboard.press("Enter")
    expect(page.locator(".many li bdi")).to_contain_text(
        "�[31mprinter �<b>bold</b> <script>alert(1)</script> 😀"
    )


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
def test_axe_finds_no_violation_and_it_fits_360_pixels(
    browser: Browser, labelling: Running, annotation: Annotation, scheme: Any
) -> None:
    with opened(browser, labelling.url, color_scheme=scheme, width=360) as page:
        page.wait_for_selector(".to-label .labels button")
        press(page, annotation, "1", 1)
        page.locator("#annotate-query").fill("endless")
        page.get_by_role("button", name="Search").click()
        page.wait_for_selector(".many li")
        page.locator(".so-far summary").click()
        check_with_axe(page, 360)


def test_without_texts_there_is_no_view(tab: Page, models: tuple[Path, Path]) -> None:
    with running(*models) as plain, visited(tab, f"{plain.url}/#annotate") as page:
        expect(page).to_have_title("Labels · foretell")
        expect(page.get_by_role("link", name="Annotate")).to_be_hidden()
