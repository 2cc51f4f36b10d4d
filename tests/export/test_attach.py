"""An export on any server and in any page: a real nginx with its own media types, without a network,
from a file, in Firefox, and above the text field of another page.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from firefox import firefox
from page_workplace import check_with_axe, new_page, opened, until
from playwright.sync_api import expect

from foretell.export.model_export import export_model
from foretell.runtime.words.predictor import WordsRuntime

NGINX = """daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
events {{}}
http {{
  include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}/site;
    location /model/ {{ add_header Access-Control-Allow-Origin http://localhost:{port}; }}
    location = /strict.html {{ add_header Content-Security-Policy "default-src 'none'; {policy}"; }} }}
}}"""
OWN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Notes</title>
<style>body { background: #123; color: #fed; font-family: serif }</style>
<main><h1>Notes</h1><label for="note">Note</label> <textarea id="note" rows="4"></textarea></main>
<script src="model/attach.js"></script>
<script>foretell.attach(document.querySelector("textarea"), { remember: true });</script></html>"""
STRICT_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Notes</title>
<label for="note">Note</label> <textarea id="note"></textarea>
<script src="http://127.0.0.1:{port}/model/attach.js"></script><script src="strict.js"></script></html>"""
SUGGESTED = """() => {
  const host = document.querySelector("#note").previousElementSibling;
  return [...host.shadowRoot?.querySelectorAll("bdi") ?? []].map((each) => each.textContent);
}"""


@pytest.fixture(scope="module")
def site(models: dict[str, Path], ort_web: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nginx") / "site"
    export_model(models["words-counted"], folder / "model", "web", runtime=ort_web)
    (folder / "notes.html").write_text(OWN_PAGE)
    return folder


@pytest.fixture(scope="module")
def nginx(site: Path) -> Iterator[str]:
    """The address of a real nginx with the media types that it comes with."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        pytest.skip("needs nginx: apt-get install nginx-light")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = site.parent / "nginx.conf"
    policy = (site / "model" / "README.md").read_text().partition("Content-Security-Policy: ")[2]
    policy = policy.splitlines()[0].replace("'self'", f"'self' http://127.0.0.1:{port}")
    config.write_text(NGINX.format(root=site.parent, port=port, policy=policy))
    (site / "strict.html").write_text(STRICT_PAGE.format(port=port))
    (site / "strict.js").write_text('foretell.attach(document.querySelector("textarea"));')
    site.parent.chmod(0o755)
    with subprocess.Popen([program, "-c", config, "-e", site.parent / "error.log"]) as server:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def test_it_opens_from_nginx_and_again_without_a_network(
    nginx: str, browser: Any, models: dict[str, Path]
) -> None:
    expected = WordsRuntime(models["words-counted"]).next("the mind", k=1)[0].word
    with opened(browser, f"{nginx}model/", intercepts=False) as page:
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page.context.set_offline(True)
        for _ in range(2):
            page.goto(f"{nginx}model/")
            page.wait_for_selector("html[data-ready]")
            page.fill("#text", "the mind")
            until(
                page,
                "(word) => document.querySelector('#answers bdi')?.textContent === word",
                expected,
            )


def test_it_says_what_is_wrong_where_modules_cannot_be_loaded(
    nginx: str, site: Path, browser: Any
) -> None:
    with new_page(browser) as page:
        page.goto((site / "model" / "index.html").as_uri())
        until(
            page,
            "() => document.querySelector('#status').textContent.includes('python -m http.server')",
        )
        page.route(
            "**/keyboard.js", lambda route: route.fulfill(body="", content_type="text/plain")
        )
        page.goto(f"{nginx}model/")
        until(
            page, "() => document.querySelector('#status').textContent.includes('text/javascript')"
        )


def test_one_line_gives_a_text_field_suggestions(nginx: str, browser: Any) -> None:
    with opened(browser, nginx, ready=False) as page:
        page.goto(f"{nginx}notes.html")
        field = page.locator("#note")
        until(page, f"() => ({SUGGESTED})().length === 3")
        field.press_sequentially("25 The m")
        until(page, f"() => ({SUGGESTED})()[0] === 'mind'")
        check_with_axe(page)
        field.press("Alt+1")
        expect(field).to_have_value("25 The mind ")
        field.press("Control+z")
        expect(field).to_have_value("25 The m")
        field.press("Tab")
        expect(field).to_have_value("25 The mind ")
        # The theme is that of the page.
        color = (
            "() => getComputedStyle(document.querySelector('#note').previousElementSibling"
            ".shadowRoot.querySelector('button')).color"
        )
        until(page, f"() => ({color})() === 'rgb(255, 238, 221)'")
        spoken = "() => document.querySelector('#note').previousElementSibling.shadowRoot.querySelector('[role=status]').textContent"
        until(page, f"() => ({spoken})().split(', ').length === 3")


def test_the_policy_and_the_header_of_the_readme_are_enough_on_another_origin(
    nginx: str, browser: Any
) -> None:
    with new_page(browser) as page:
        page.goto(f"{nginx.replace('127.0.0.1', 'localhost')}strict.html")
        until(page, f"() => ({SUGGESTED})().length === 3")
        assert page.evaluate("window.reports") == []


def test_what_is_written_is_remembered_on_request_and_forgotten(nginx: str, browser: Any) -> None:
    with opened(browser, nginx, ready=False) as page:
        page.goto(f"{nginx}notes.html")
        field = page.locator("#note")
        until(page, f"() => ({SUGGESTED})().length === 3")
        page.get_by_label("Remember what I write").check()
        field.fill("the zebrafish and the zebrafish ")
        until(
            page,
            "() => localStorage.length && localStorage.getItem(localStorage.key(0)).includes('zebrafish')",
        )
        page.reload()
        until(page, f"() => ({SUGGESTED})().length === 3")
        field.press_sequentially("a Zebr")
        until(page, f"() => ({SUGGESTED})()[0] === 'zebrafish'")
        field.press("Tab")
        expect(field).to_have_value("a Zebrafish ")
        page.get_by_role("button", name="Forget").click()
        assert page.evaluate("localStorage.length") == 0
        # A storage that is full is one line.
        page.evaluate(
            "() => { localStorage.setItem('x', ''); Storage.prototype.setItem = () => { throw new Error('full'); }; }"
        )
        page.get_by_label("Remember what I write").check()
        page.get_by_text("This browser stores nothing for this page").wait_for()


def test_the_export_in_firefox(nginx: str, models: dict[str, Path]) -> None:
    expected = (
        WordsRuntime(models["words-counted"])
        .next("the mind a", k=1, unfinished=True, cache=500)[0]
        .word
    )
    with firefox() as page:
        page.open(f"{nginx}model/")
        page.until("return document.documentElement.dataset.ready === 'true'")
        page.type("#text", "the mind a")
        page.until(
            f"return document.querySelector('#suggestions bdi')?.textContent === '{expected}'"
        )
        page.type("#text", page.TAB)
        page.until(f"return document.querySelector('#text').value === 'the mind {expected} '")
