"""Forged hosts and origins are refused on every route and with every method, before anything else is."""

from __future__ import annotations

import http.client
import json
import random
from pathlib import Path
from typing import Any

import pytest
from reliability.sizes import report, sizes
from service_workplace import Running, running

from foretell.service.app import PAGE

METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LOCK",
    "M-SEARCH", "PURGE",
)  # fmt: skip
OTHER_ROUTES = ("/", "/openapi.json", "/docs", "/no", "/page/", "/page/../v1/models", "//v1/models", "/v1")
TOKEN = b"a-token-of-some-length"
OTHER_SETTINGS = {"token": TOKEN, "hosts": ["foretell.example"], "origins": ["https://example.org"]}
BODIES = (b"", b"{", b'{"texts": "good"}')


def forged_hosts(port: int) -> list[str]:
    return [
        "evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example",
        "evil.localhost", "xlocalhost", "localhost.", "localhost:80:80", "localhost:", "localhost:x",
        "localhost/", "localhost#", "localhost@evil.example", "evil.example@localhost",
        "localhost evil.example", "127.0.0.2", "127.1", "2130706433", "0x7f000001", "0177.0.0.1",
        "0.0.0.0", "[::]", "[::1", "::1]",
        "[::ffff:127.0.0.1]", "[::1]evil.example", "", "null", "lo%00calhost",
        f"foretell.example.evil:{port}", "127.0.0.1,evil.example", "١٢٧.0.0.1",
    ]  # fmt: skip


def forged_origins(own: str) -> list[str]:
    name, _, port = own.rpartition(":")
    return [
        "https://evil.example", "http://evil.example", f"http://evil.example:{port}", "null", "", "*",
        f"https://{own}", f"HTTPS://{own}", f"ftp://{own}", f"file://{own}", f"ws://{own}", f"javascript://{own}",
        f"data://{own}", f"://{own}", own, f"http:{own}", f"http:/{own}", f"http:///{own}", f"http://{name}",
        f"http://{name}:1", f"http://{name}:{port}0", f"http://{own}.evil.example", f"http://{own}@evil.example",
        f"http://evil.example@{own}", f"http://{own}/", f"http://{own}#", f"http://{own}?", f"http://{own} x",
        f"http://evil.example http://{own}", f"http://{own},http://evil.example", f"http://localhost.evil:{port}",
        "file://", "chrome-extension://abcdefghijklmnop", "https://example.org.evil.example", "http://example.org",
        "https://example.org:444", "https://EXAMPLE.org.",
    ]  # fmt: skip


def routes(served: Running) -> list[str]:
    paths = [path.format(model="reviews") for path in served.http.get("/openapi.json").json()["paths"]]
    files = sorted(f"/page/{path.relative_to(PAGE).as_posix()}" for path in PAGE.rglob("*") if path.is_file())
    return [*paths, *files[:5], *OTHER_ROUTES]


def ask(
    connection: http.client.HTTPConnection, method: str, route: str, headers: dict[str, str], body: bytes
) -> tuple[int, str]:
    """Return the status, and the code of the error; "" for HEAD, which has no body."""
    connection.putrequest(method, route, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode())
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    assert "access-control-allow-origin" not in answer.headers
    return answer.status, "" if method == "HEAD" else json.loads(content)["error"]["code"]


@sizes(800, 100_000)
@pytest.mark.parametrize(
    "settings", [{}, OTHER_SETTINGS], ids=["as usual", "with a token, a name and an origin"]
)
def test_every_forged_host_and_origin_is_refused(
    served: Running, models: tuple[Path, Path], settings: dict[str, Any], count: int
) -> None:
    chance = random.Random(11)
    with running(*models, **settings) as forged_at:
        own = forged_at.url.removeprefix("http://")
        usual = {"Host": own, "Authorization": f"Bearer {TOKEN.decode()}"}
        forged = [
            *(({**usual, "Host": host}, 421, "host_not_allowed") for host in forged_hosts(8000)),
            *(({**usual, "Origin": each}, 403, "origin_not_allowed") for each in forged_origins(own)),
        ]
        cases = [(method, route, *each) for method in METHODS for route in routes(served) for each in forged]
        connection = http.client.HTTPConnection(own, timeout=20)
        for method, route, headers, status, code in chance.sample(cases, min(len(cases), count)):
            answer = ask(connection, method, route, headers, chance.choice(BODIES))
            assert answer in ((status, code), (status, "")), (method, route, headers)
        connection.close()
    report("forged hosts and origins", cases=min(len(cases), count), of=len(cases))
