"""Downloads from a real server on this machine that does what it should not."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from foretell.data import download as downloads
from foretell.data.download import DownloadLimits, download

# Only the limit that a test is of is near.
LIMITS = DownloadLimits(max_bytes=200_000, seconds=60, silent_seconds=60, redirects=3)
SHORT = replace(LIMITS, seconds=0.8)
SILENT = replace(LIMITS, silent_seconds=0.4)
MAX_SECONDS = 30


class Hostile(http.server.BaseHTTPRequestHandler):
    """Answers by the name of the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with_name: dict[str, Callable[[], None]] = {
            "/good": lambda: self.answer(b"x" * 1000, length=1000),
            "/chunked": lambda: self.answer(b"x" * 1000),
            "/endless": lambda: self.forever(b"x" * 10_000),
            "/drips": lambda: self.forever(b"x", wait=0.1),
            "/silent": lambda: time.sleep(1),
            "/too-large": lambda: self.answer(b"x", length=10**12),
            "/too-few": lambda: self.answer(b"x" * 1000, length=2000),
            "/too-many": lambda: self.answer(b"x" * 1000, length=500),
            "/no-http": lambda: self.head_drips(b"no HTTP at all\r\n" * 10, wait=0),
            "/head-drips": lambda: self.head_drips(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 99),
            "/circle": lambda: self.redirect("/circle-2"),
            "/circle-2": lambda: self.redirect("/circle"),
            "/to-a-file": lambda: self.redirect("file:///etc/hostname"),
            "/to-ftp": lambda: self.redirect("ftp://127.0.0.1/x"),
        }
        if self.path.startswith("/chain"):
            left = int(self.path.removeprefix("/chain-"))
            self.redirect(f"/chain-{left - 1}" if left else "/good")
        else:
            # The client closes the connection.
            with contextlib.suppress(OSError):
                with_name[self.path]()
        self.close_connection = True

    def answer(self, body: bytes, length: int | None = None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def forever(self, part: bytes, wait: float = 0) -> None:
        self.answer(part)
        while True:
            self.wfile.write(part)
            time.sleep(wait)

    def head_drips(self, head: bytes, wait: float = 0.05) -> None:
        for byte in head[:100]:
            self.wfile.write(bytes([byte]))
            time.sleep(wait)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["good", "chunked", "chain-2"])
def test_what_is_complete_and_within_the_limits_is_returned(address: str, path: str) -> None:
    assert download(f"{address}/{path}", LIMITS) == b"x" * 1000


def test_no_more_is_read_than_was_announced(address: str) -> None:
    assert download(f"{address}/too-many", LIMITS) == b"x" * 500


@pytest.mark.parametrize(
    ("path", "limits", "message"),
    [
        ("endless", LIMITS, "more than 200,000 bytes"),
        ("drips", SHORT, "no complete answer after 0.8 seconds"),
        ("head-drips", SHORT, "no complete answer after 0.8 seconds"),
        ("silent", SILENT, "timed out"),
        ("too-large", LIMITS, "1,000,000,000,000 bytes, more than 200,000"),
        ("too-few", LIMITS, "1,000 of 2,000 bytes"),
        ("no-http", LIMITS, "no HTTP answer that can be read"),
        ("circle", LIMITS, "infinite loop"),
        ("chain-9", LIMITS, "infinite loop"),
        ("to-a-file", LIMITS, "not allowed|a redirect from http to file"),
        ("to-ftp", LIMITS, "a redirect from http to ftp"),
    ],
)
def test_what_is_not_ends_in_an_error_of_the_system(
    address: str, path: str, limits: DownloadLimits, message: str
) -> None:
    begin = time.monotonic()
    with pytest.raises(OSError, match=message):
        download(f"{address}/{path}", limits)
    assert time.monotonic() - begin < MAX_SECONDS


def test_every_download_has_limits() -> None:
    """The limits of the package are finite, and only `download` opens addresses."""
    limits = downloads.LIMITS
    assert limits.max_bytes < 1 << 30
    assert limits.seconds <= 3600
