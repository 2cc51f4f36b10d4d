"""The page as a whole: accessibility, narrow screens, stale requests, tokens, and jobs without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_workplace import TEXT, answer, opened, percent, until, view
from playwright.sync_api import Browser, Page, expect
from service_workplace import Running, running

TOKEN = b"a-token-of-some-length"

# Leaves requests for the next words of one text without an answer.
HOLD = """(text) => {
  const originalFetch = window.fetch;
  window.pending = window.cancelled = 0;
  window.fetch = (path, options) => {
    const { texts, k } = path.endsWith("/next") ? JSON.parse(options.body) : {};
    // The list of words; the suggestions ask too.
    if (texts !== text || k !== 6) return originalFetch(path, options);
    window.pending += 1;
    return new Promise((_, reject) => options.signal.addEventListener("abort", () => {
      window.cancelled += 1;
      reject(options.signal.reason);
    }));
  };
}"""

# The contrast of the text on each kind of shade at its darkest, as WCAG 2 defines contrast.
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
    with opened(browser, f"{served.url}/#words") as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
def test_axe_finds_no_violation(browser: Browser, served: Running, tmp_path: Path, scheme: Any) -> None:
    file = tmp_path / "texts.csv"
    file.write_text('text\nthe mind\n""\ngood way\n', encoding="utf-8")
    with opened(browser, served.url, color_scheme=scheme) as page:
        view(page, "Words")
        page.locator("#words-text").fill(TEXT)
        page.wait_for_selector(".surprisal .result:visible")
        _check_with_axe(page)
        view(page, "Labels")
        _check_with_axe(page)
        page.locator("#labels-text").fill(TEXT)
        page.wait_for_selector(".effects tbody tr")
        page.get_by_text("All words in a table").click()
        page.locator("[type=file]").set_input_files(file)
        page.get_by_role("button", name="Classify 3 texts").click()
        page.wait_for_selector(".texts tbody tr")
        _check_with_axe(page)
        view(page, "How it works")
        page.wait_for_selector(".map")
        _check_with_axe(page)
        # axe does not see that the shades of the mirror lie behind the text.
        contrasts = page.evaluate(CONTRAST)
        assert len(contrasts) == 5
        assert min(contrasts) >= 4.5


def test_every_view_fits_360_pixels(browser: Browser, served: Running, tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text,other\n" + "the mind adapts " * 30 + ",x\n", encoding="utf-8")
    with opened(browser, served.url, width=360) as page:
        view(page, "Words")
        page.locator("#words-text").fill(f"{TEXT} {'endless' * 40}")
        page.wait_for_selector(".surprisal .result:visible")
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


def test_a_stale_request_is_cancelled(page: Page, served: Running) -> None:
    page.wait_for_selector(".choices button")
    page.evaluate(HOLD, "the mind ")
    page.locator("#words-text").fill("the mind ")
    until(page, "() => window.pending === 1")
    page.locator("#words-text").fill("the way ")
    first = answer(served, "next", texts="the way ", k=6)["words"][0]
    expect(page.locator(".choices .number").first).to_have_text(percent(first))
    assert page.evaluate("[window.pending, window.cancelled]") == [1, 1]


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


def test_a_screen_reader_announces_the_label_after_a_pause_in_typing(page: Page, served: Running) -> None:
    view(page, "Labels")
    page.locator("#labels-text").fill(TEXT)
    classified = answer(served, "classify", texts=TEXT)
    expect(page.locator("#announcement")).to_have_text(f"{classified['label']}, {percent(classified)}")


def test_a_service_that_does_not_answer_gives_a_one_line_error(page: Page) -> None:
    view(page, "Labels")
    problem = page.locator("#view-labels .editor .problem")
    page.route("**/v1/*", lambda route: route.abort())
    page.locator("#labels-text").fill("the mind")
    expect(problem).to_have_text(
        "The service does not answer. Check that “foretell serve” is running, then try again."
    )
    page.unroute("**/v1/*")
    page.locator("#labels-text").fill("the mind adapts")
    expect(page.locator(".answer")).to_be_visible()
    expect(problem).to_be_hidden()


def test_a_token_unlocks_the_page_and_is_not_stored(browser: Browser, models: tuple[Path, Path]) -> None:
    with running(*models, token=TOKEN) as locked, opened(browser, locked.url, ready=False) as page:
        field, button = page.get_by_label("Token", exact=True), page.get_by_role("button", name="Unlock")
        expect(page.get_by_role("heading", name="This service requires a token")).to_be_visible()
        _check_with_axe(page)
        field.fill("another-token-of-that-length")
        button.click()
        expect(page.locator("#problem")).to_contain_text("expected the service's token")
        field.fill(TOKEN.decode())
        button.click()
        page.locator("#labels-text").fill("the mind")
        expect(page.locator(".answer")).to_be_visible()
        expect(page.locator("#problem")).to_be_hidden()
        stored = page.evaluate(
            "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
        )
        assert stored == '[{},{},""]'
        assert TOKEN.decode() not in page.url


def test_a_view_without_a_model_shows_how_to_train_one(browser: Browser, models: tuple[Path, Path]) -> None:
    with running(models[1]) as words_only, opened(browser, words_only.url) as page:
        expect(page).to_have_title("Words · foretell")
        view(page, "Labels")
        expect(page.locator("#view-labels .no-model")).to_contain_text("foretell train labels")
        expect(page.locator("#labels-text")).to_be_hidden()
        _check_with_axe(page)


def _check_with_axe(page: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # During a transition of colours, axe would measure a contrast that is not the final one.
    until(page, "() => !document.getAnimations().length && !document.querySelector('[aria-busy]')")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def _width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))
