"""Helpers for the tests of the page: Chromium, and a page that fails its test on any script
error.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from service_workplace import Running

# Milliseconds; much more than needed, for a machine that is busy with other work.
expect.set_options(timeout=15_000)

TILES = (
    "() => [...document.querySelectorAll('#view-words .tiles dd')].map((each) => each.textContent)"
)
"""Returns the numbers of the view for words."""

TEXT = "the mind adapts 😀 and nosuchword converts e\u0301 to the obstacle."

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WATCH = """
window.reports = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.reports.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, or skip the test if it is not installed."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(
    browser: Browser, *, width: int = 1100, intercepts: bool = True, **options: Any
) -> Iterator[Page]:
    """Return an empty page.

    Args:
        browser: the browser.
        width: width of the window in CSS pixels.
        intercepts: whether `page.route` works from the next request on; a service worker needs
            False to answer without a network.
        **options: options of the browser context.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 800}, accept_downloads=True, **options
    )
    context.set_default_timeout(15_000)
    context.add_init_script(_WATCH)
    # Where `page.route` is what makes Chromium intercept requests, one that follows at once can
    # still get through.
    if intercepts:
        context.route("**/never-requested", lambda route: route.abort())
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def visited(page: Page, url: str, *, ready: bool = True) -> Iterator[Page]:
    """Load a page; afterwards assert that no script failed, no CSP rule was violated, no dialog
    appeared.

    Args:
        page: the page; its routes end with the block.
        url: the address of the service, with the #name of a view.
        ready: wait until the page has loaded the list of models.
    """
    problems: list[str] = []
    watchers: dict[Any, Any] = {
        "pageerror": lambda error: problems.append(f"error: {error}"),
        "dialog": lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()),
        "console": lambda m: _is_fine(m.type, m.text) or problems.append(m.text),
        "request": lambda r: _is_own(r.url, url) or problems.append(f"other host: {r.url}"),
    }
    page.goto("about:blank")
    for name, watcher in watchers.items():
        page.on(name, watcher)
    try:
        page.goto(url)
        if ready:
            page.wait_for_selector("html[data-ready]")
        yield page
        problems += page.evaluate("window.reports")
        assert problems == []
    finally:
        for name, watcher in watchers.items():
            page.remove_listener(name, watcher)
        page.unroute_all(behavior="ignoreErrors")


@contextmanager
def opened(browser: Browser, url: str, *, ready: bool = True, **options: Any) -> Iterator[Page]:
    """Load a page of its own; see `visited`, and for the options `new_page`."""
    with new_page(browser, **options) as page, visited(page, url, ready=ready):
        yield page


@contextmanager
def holding(page: Page, which: Callable[[Any], bool] = lambda _: True) -> Iterator[list[Route]]:
    """Hold requests for next words whose body is one of these; yield them. They go on when the
    block ends.
    """
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if which(route.request.post_data_json) else route.continue_()

    page.route("**/v1/next", hold)
    yield held
    page.unroute("**/v1/next")


def check_with_axe(page: Page, width: int = 0) -> None:
    """Assert that axe-core finds no violation, and that the content needs no more than a width in
    pixels.
    """
    from axe_playwright_python.sync_playwright import Axe

    expect_idle(page)
    # During a transition of colours, axe would measure a contrast that is not the final one.
    until(page, "() => !document.getAnimations().length")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert not width or page.evaluate("document.documentElement.scrollWidth") == width


def expect_idle(page: Page) -> None:
    """Wait until no part of the page waits for an answer. What a key, a click or a new text
    requests is waited for from the event itself on.
    """
    expect(page.locator("[aria-busy]")).to_have_count(0)


def view(page: Page, name: str) -> None:
    """Go to another view by its link."""
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(f"nav a[aria-current]:text-is('{name}')")


def answer(served: Running, path: str, **body: Any) -> Any:
    """Return the answer of the service for one text, by default with the cache of the page."""
    if path in ("next", "score"):
        body = {"cache": 500, **body}
    return served.post(f"/v1/{path}", body).json()["answers"][0]


def percent(entry: dict[str, Any]) -> str:
    """Return the probability of an entry of an answer as the page shows it."""
    return f"{100 * entry['probability']:.1f} %"


def until(page: Page, script: str, argument: Any = None) -> None:
    """Wait until a JavaScript function returns true.

    Playwright's `wait_for_function` compiles the function inside the page, which the CSP of the
    page forbids.
    """
    end = time.monotonic() + 15
    while not page.evaluate(script, argument):
        assert time.monotonic() < end, script
        page.wait_for_timeout(20)


def _is_fine(kind: str, text: str) -> bool:
    """Chromium logs each failed request. Tests let requests fail on purpose."""
    return kind == "log" or text.startswith("Failed to load")


def _is_own(requested: str, url: str) -> bool:
    return requested.startswith((url.partition("#")[0], "blob:"))
