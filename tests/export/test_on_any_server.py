"""An export on any server: a real nginx with its own media types, without a network, from a file,
and in Firefox.
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
from page_workplace import new_page, opened, until

from foretell.export.model_export import export_model
from foretell.runtime.words.predictor import WordsRuntime

NGINX = """daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
events {{}}
http {{
  include /etc/nginx/mime.types; default_type application/octet-stream; access_log off;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}/site; }}
}}"""


@pytest.fixture(scope="module")
def site(models: dict[str, Path], ort_web: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nginx") / "site"
    export_model(models["words-counted"], folder / "model", "web", runtime=ort_web)
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
    config.write_text(NGINX.format(root=site.parent, port=port))
    site.parent.chmod(0o755)
    with subprocess.Popen([program, "-c", config, "-e", site.parent / "error.log"]) as server:
        try:
            for _ in range(100):
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
    with opened(browser, f"{nginx}model/") as page:
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
        assert page.run("return document.querySelector('#text').value") == f"the mind {expected} "
