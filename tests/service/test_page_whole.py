"""The page as a whole: for everybody, on a phone, in time, with a token, and without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_workplace import TEXT, answer, opened, percent, until, view
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running, running

TOKEN = b"a-token-of-some-length"

# Never answers a question for next words after one text.
HOLD = """(text) => {
  const fetched = window.fetch;
  window.held = window.dropped = 0;
  window.fetch = (path, how) => {
    if (!path.endsWith("/next") || JSON.parse(how.body).texts !== text) return fetched(path, how);
    window.held += 1;
    return new Promise((_, reject) => how.signal.addEventListener("abort", () => {
      window.dropped += 1;
      reject(how.signal.reason);
    }));
  };
}"""

# The least contrast of text on the strongest shades, as WCAG 2 defines it.
CONTRAST = """() => {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const colour = (css) => {
    const parts = css.match(/[\\d.]+/g).map(Number);
    return css.startsWith("rgb") ? [...parts.slice(0, 3).map((each) => each / 255), parts[3] ?? 1]
      : [...parts.slice(0, 3), parts[3] ?? 1];
  };
  const over = (top, below) => top.slice(0, 3).map((part, at) => part * top[3] + below[at] * (1 - top[3]));
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const card = colour(getComputedStyle(document.querySelector(".card")).backgroundColor);
  const contrast = (ink, shade) => {
    const [a, b] = [ink, over(shade, card)].map(luminance).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const ink = colour(getComputedStyle(document.querySelector("#words-text")).color);
  const parts = [
    ...["for", "against", "surprising unknown"].map((kind) => [".mirror", "mark", kind]),
    ...["for", "against"].map((kind) => [".map tbody tr", "td", kind]),
  ];
  return parts.map(([parent, tag, kind]) => {
    const element = document.createElement(tag);
    element.className = kind;
    element.style.setProperty("--level", "1");
    document.querySelector(parent).append(element);
    return contrast(ink, colour(getComputedStyle(element).backgroundColor));
  });
}"""


@pytest.fixture
def page(browser: Browser, served: Running) -> Iterator[Page]:
    with opened(browser, f"{served.url}/#words") as it:
        yield it


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Browser, served: Running, tmp_path: Path, scheme: Any) -> None:
    file = tmp_path / "texts.csv"
    file.write_text('text\nthe mind\n""\ngood way\n', encoding="utf-8")
    with opened(browser, served.url, color_scheme=scheme) as page:
        view(page, "Words")
        page.locator("#words-text").fill(TEXT)
        page.wait_for_selector(".surprise .found:visible")
        _check_with_axe(page)
        view(page, "Labels")
        _check_with_axe(page)
        page.locator("#labels-text").fill(TEXT)
        page.wait_for_selector(".effects tbody tr")
        page.get_by_text("Every word in numbers").click()
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 3 texts").click()
        page.wait_for_selector(".texts tbody tr")
        _check_with_axe(page)
        view(page, "How it works")
        page.wait_for_selector(".map")
        _check_with_axe(page)
        # Of the text over the shades behind it axe cannot tell.
        contrasts = page.evaluate(CONTRAST)
        assert len(contrasts) == 5
        assert min(contrasts) >= 4.5


def test_every_view_fits_360_pixels(browser: Browser, served: Running, tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text,other\n" + "the mind adapts " * 30 + ",x\n", encoding="utf-8")
    with opened(browser, served.url, width=360) as page:
        view(page, "Words")
        page.locator("#words-text").fill(f"{TEXT} {'endless' * 40}")
        page.wait_for_selector(".surprise .found:visible")
        assert _width(page) == 360
        view(page, "Labels")
        page.locator("#labels-text").fill(f"{TEXT} {'endless' * 40}")
        page.wait_for_selector(".effects tbody tr")
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 1 text").click()
        page.wait_for_selector(".texts tbody tr")
        assert _width(page) == 360
        view(page, "How it works")
        page.wait_for_selector(".map")
        assert _width(page) == 360


def test_a_stale_question_is_dropped(page: Page, served: Running) -> None:
    page.wait_for_selector(".choices button")
    page.evaluate(HOLD, "the mind ")
    page.locator("#words-text").fill("the mind ")
    until(page, "() => window.held === 1")
    page.locator("#words-text").fill("the way ")
    first = answer(served, "next", texts="the way ", k=6)["words"][0]
    expect(page.locator(".choices .number").first).to_have_text(percent(first))
    assert page.evaluate("[window.held, window.dropped]") == [1, 1]


def test_a_view_is_told_by_its_heading_its_title_and_its_link(page: Page) -> None:
    view(page, "Labels")
    page.reload()
    expect(page).to_have_title("Labels · foretell")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Words · foretell")
    expect(page.get_by_role("heading", name="What comes next?")).to_be_focused()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Words")
    page.go_back()
    expect(page.get_by_role("heading", name="Which label, and why?")).to_be_visible()


def test_a_screen_reader_hears_the_answer_once_typing_pauses(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    found = answer(served, "classify", texts=TEXT)
    expect(page.locator("#said")).to_have_text(f"{found['label']}, {percent(found)}")


def test_a_service_that_does_not_answer_is_told_of_in_one_line(page: Page) -> None:
    view(page, "Labels")
    problem = page.locator("#view-labels .editor .problem")
    page.route("**/v1/*", lambda route: route.abort())
    page.locator("#labels-text").fill("the mind")
    expect(problem).to_have_text("No answer from the service. Is it still running?")
    page.unroute("**/v1/*")
    page.locator("#labels-text").fill("the mind adapts")
    expect(page.locator(".answer")).to_be_visible()
    expect(problem).to_be_hidden()


def test_a_token_opens_the_page_and_is_kept_nowhere(browser: Browser, models: tuple[Path, Path]) -> None:
    with running(*models, token=TOKEN) as locked, opened(browser, locked.url, ready=False) as page:
        field, button = page.get_by_label("Token", exact=True), page.get_by_role("button", name="Unlock")
        expect(page.get_by_role("heading", name="This service asks for a token")).to_be_visible()
        _check_with_axe(page)
        field.fill("another-token-of-that-length")
        button.click()
        expect(page.locator("#problem")).to_contain_text("expected the service's token")
        field.fill(TOKEN.decode())
        button.click()
        page.locator("#labels-text").fill("the mind")
        expect(page.locator(".answer")).to_be_visible()
        expect(page.locator("#problem")).to_be_hidden()
        kept = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
        assert kept == '[{},{},""]'
        assert TOKEN.decode() not in page.url


def test_a_job_without_a_model_tells_how_to_get_one(browser: Browser, models: tuple[Path, Path]) -> None:
    with running(models[1]) as words_alone, opened(browser, words_alone.url) as page:
        expect(page).to_have_title("Words · foretell")
        view(page, "Labels")
        expect(page.locator("#view-labels .none")).to_contain_text("foretell train labels")
        expect(page.locator("#labels-text")).to_be_hidden()
        _check_with_axe(page)


def _check_with_axe(page: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # Colours that are on their way to others have no contrast yet.
    until(page, "() => !document.getAnimations().length && !document.querySelector('[aria-busy]')")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def _width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))
