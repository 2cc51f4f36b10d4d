"""The page with unusual services: slow, stopped, restarted, of one job only, with models of the article."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_workplace import answer, opened, percent, until, view
from playwright.sync_api import Browser, Page, Route, expect
from service_workplace import Running, running, write_labels, write_words

from foretell.config import with_changes
from foretell.presets import preset

NO_ANSWER = "The service does not answer. Check that “foretell serve” is running, then try again."
INCOMPLETE = "The service closed the connection before its answer was complete. Try again."
SMALL = {"embedding_size": 6, "units": 5, "length": 30}

# Delays all requests for next words until `release` is called.
HOLD = """() => {
  const originalFetch = window.fetch;
  const released = new Promise((resolve) => { window.release = resolve; });
  window.fetch = async (path, options) => {
    if (path.endsWith("/next")) await released;
    return originalFetch(path, options);
  };
}"""


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
    page.evaluate(HOLD)
    field = page.locator("#words-text")
    field.press_sequentially("the mind adapts")
    expect(field).to_have_value("the mind adapts")
    expect(page.locator(".next")).to_have_attribute("aria-busy", "true")
    # Answers to other requests are shown meanwhile.
    expect(page.locator("#view-words .mirror mark")).to_have_count(3)
    page.evaluate("window.release()")
    field.press_sequentially(" ")
    first = answer(served, "next", texts="the mind adapts ", k=6)["words"][0]
    expect(page.locator(".choices .number").first).to_have_text(percent(first))
    expect(page.locator(".next")).not_to_have_attribute("aria-busy", "true")


def test_a_connection_that_closes_during_a_continuation_gives_an_error(
    page: Page, served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, problem = page.locator("#words-text"), page.locator("#view-words .editor .problem")
    # So many words that the continuation does not end before the connection, however late the page is.
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
    page.route("**/v1/*", lambda route: route.abort())
    for name, field in (("words", "#words-text"), ("labels", "#labels-text"), ("how-it-works", "#how-text")):
        page.evaluate("(name) => { location.hash = name; }", name)
        page.locator(field).fill("the mind ")
        expect(page.locator(f"#view-{name} .editor .problem")).to_have_text(NO_ANSWER)
        # No old answer is shown for the new text.
        expect(page.locator(f"#view-{name} .mirror mark")).to_have_count(0)
    page.unroute("**/v1/*")
    for name, field in (("words", "#words-text"), ("labels", "#labels-text"), ("how-it-works", "#how-text")):
        page.evaluate("(name) => { location.hash = name; }", name)
        page.locator(field).fill("the mind adapts ")
        expect(page.locator(f"#view-{name} .mirror mark")).to_have_count(3)
        expect(page.locator(f"#view-{name} .editor .problem")).to_be_hidden()


def test_a_service_that_is_stopped_in_the_middle_of_a_file_is_one_line(
    browser: Browser, models: tuple[Path, Path]
) -> None:
    with running(models[0]) as stopped, opened(browser, f"{stopped.url}/#labels") as page:
        page.locator("[type=file]").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"good mind\n" * 30_000}
        )
        page.get_by_role("button", name="Classify 30,000 texts").click()
        stopped.server.stop()
        until(page, "() => document.querySelector('.file .problem').textContent !== ''")
        assert page.locator(".file .problem").inner_text() in (NO_ANSWER, INCOMPLETE)
        # What was answered stays, and the rest can be asked again.
        expect(page.get_by_role("button", name="Continue with")).to_be_visible()


def test_two_models_of_one_name_are_told_apart(browser: Browser, tmp_path: Path) -> None:
    """`foretell serve a/model b/model` is refused with a line that names NAME=DIRECTORY."""
    first = write_labels(tmp_path / "a" / "model")
    second = write_labels(tmp_path / "b" / "model", labels=("cold", "warm"), seed=8)
    with running(named={"a": first, "b": second}) as both, opened(browser, f"{both.url}/#labels") as page:
        page.locator("#labels-text").fill("good way")
        for name, labels in (("a", {"neg", "pos"}), ("b", {"cold", "warm"})):
            page.locator("#view-labels-model").select_option(name)
            until(
                page,
                "(labels) => labels.includes(document.querySelector('.answer bdi').textContent)",
                [*labels],
            )


def test_a_page_that_opens_while_the_service_fails_shows_the_error(browser: Browser, served: Running) -> None:
    def refuse(route: Route) -> None:
        error = {"message": "expected an answer within 30 seconds, found none", "type": "server_error"}
        route.fulfill(status=503, json={"error": error})

    with opened(browser, served.url, ready=False) as page:
        page.route("**/v1/models", refuse)
        page.reload()
        expect(page.locator("#problem")).to_have_text("expected an answer within 30 seconds, found none")
        expect(page.locator(".view:visible")).to_have_count(0)
        page.unroute("**/v1/models")
        page.reload()
        expect(page.locator(".view:visible")).to_have_count(1)


def test_a_labels_model_alone(browser: Browser, models: tuple[Path, Path]) -> None:
    with running(models[0]) as labels_only, opened(browser, labels_only.url) as page:
        expect(page).to_have_title("Labels · foretell")
        page.locator("#labels-text").fill("good way")
        expect(page.locator(".answer")).to_be_visible()
        view(page, "How it works")
        expect(page.locator(".map thead button")).to_have_text(["good", "way"])
        view(page, "Words")
        expect(page.locator("#view-words .no-model")).to_contain_text("foretell train words")
        expect(page.locator("#words-text")).to_be_hidden()


def test_the_words_model_of_the_article(browser: Browser, article: Running) -> None:
    with opened(browser, f"{article.url}/#words") as page:
        field, problem = page.locator("#words-text"), page.locator("#view-words .editor .problem")
        field.fill("the mind ")
        expect(problem).to_have_text(
            "expected a prompt of at least 3 words, found 2; give more words before the one to predict"
        )
        field.fill("the mind adapts and converts ")
        first = answer(article, "next", model="words", texts="the mind adapts and converts ", k=6)["words"][0]
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


@pytest.mark.parametrize("name", ["article", "cnn-lstm"])
def test_the_labels_models_of_the_article(browser: Browser, article: Running, name: str) -> None:
    with opened(browser, f"{article.url}/#labels") as page:
        page.locator("#view-labels-model").select_option(name)
        page.locator("#labels-text").fill("the mind adapts and converts")
        explained: Any = answer(article, "explain", model=name, texts="the mind adapts and converts")
        expect(page.locator(".answer")).to_have_text(f"{explained['label']} {percent(explained)}")
        expect(page.locator("#view-labels .mirror mark")).to_have_count(len(explained["words"]))
        view(page, "How it works")
        expect(page.locator("#view-how-it-works-model")).to_have_value(name)
        expect(page.locator(".map thead button").first).to_be_visible()
