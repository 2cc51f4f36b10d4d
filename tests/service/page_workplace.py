"""What the tests of the page share: Chromium, and a page that fails the test on any error or CSP report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from service_workplace import Running

# A machine that does other work, too, takes its time.
expect.set_options(timeout=15_000)

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
    """Run Debian's Chromium, or skip the test where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1100, ready: bool = True, **how: Any
) -> Iterator[Page]:
    """Open the page; in the end no script may have failed, no rule of the CSP been broken, no dialog shown.

    Args:
        browser: the browser.
        url: the service's, and a view's #name.
        width: of the window, in CSS pixels.
        ready: wait until its models are there.
        **how: options of a browser context.
    """
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 800}, accept_downloads=True, **how)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    # What the network refuses is logged by Chromium itself; the page must cope with that.
    page.on("console", lambda said: said.text.startswith("Failed to load") or wrong.append(said.text))
    page.on("request", lambda sent: _is_own(sent.url, url) or wrong.append(f"elsewhere: {sent.url}"))
    try:
        page.goto(url)
        if ready:
            page.wait_for_selector("html[data-ready]")
        yield page
        wrong += page.evaluate("window.reports")
        assert wrong == []
    finally:
        context.close()


def view(page: Page, name: str) -> None:
    """Go to another view by its link."""
    page.get_by_role("link", name=name, exact=True).click()
    page.wait_for_selector(f"nav a[aria-current]:text-is('{name}')")


def answer(served: Running, verb: str, **asked: Any) -> Any:
    """Return the service's own answer to one text."""
    return served.post(f"/v1/{verb}", asked).json()["answers"][0]


def percent(found: dict[str, Any]) -> str:
    """Return a probability as the page shows it."""
    return f"{100 * found['probability']:.1f} %"


def until(page: Page, script: str, argument: Any = None) -> None:
    """Wait until a function of JavaScript gives true.

    Playwright's own way to wait compiles it anew inside the page, which the page's CSP forbids.
    """
    end = time.monotonic() + 15
    while not page.evaluate(script, argument):
        assert time.monotonic() < end, script
        page.wait_for_timeout(20)


def _is_own(sent: str, url: str) -> bool:
    return sent.startswith((url.partition("#")[0], "blob:"))
