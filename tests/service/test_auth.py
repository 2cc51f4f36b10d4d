"""Who may ask: Host, Origin and token, on every route."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from service_workplace import Running, running

from foretell.errors import UsageError
from foretell.service import auth
from foretell.service.auth import AccessControl, access, hostname, is_loopback, read_token

TOKEN = b"a-token-of-some-length"
OPEN = ["/", "/page/page.js", "/health/live", "/health/ready"]
ROUTES = [*OPEN, "/metrics", "/openapi.json", "/v1/models", "/no"]
HOSTS = ["evil.example", "127.0.0.1.evil.example", "", "localhost:80:80", "[::1", "a@localhost"]
ORIGINS = ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"]
NO_ORIGINS = ["*", "null", "example.org", "https://example.org/", "ftp://example.org", ""]


@pytest.fixture(scope="module")
def locked(models: tuple[Path, Path]) -> Iterator[Running]:
    with running(*models, token=TOKEN, origins=["https://example.org"], hosts=["foretell.example"]) as it:
        yield it


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("host", HOSTS)
def test_a_forged_host_is_refused_on_every_route(served: Running, route: str, host: str) -> None:
    answer = served.http.get(route, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:80"])
def test_names_of_loopback_are_hosts(served: Running, host: str) -> None:
    assert served.http.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_forged_origin_is_refused_on_every_route(served: Running, route: str, origin: str) -> None:
    answer = served.http.get(route, headers={"Origin": origin})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert "access-control-allow-origin" not in answer.headers


def test_every_route_of_the_document_is_guarded(served: Running, locked: Running) -> None:
    """Those that are posted to, too, and before anything else is said of a request."""
    paths = served.http.get("/openapi.json").json()["paths"]
    for path, method in ((path, method) for path, item in paths.items() for method in item):
        ask = partial(served.http.request, method, path, content=b"{")
        assert ask(headers={"Host": "evil.example"}).status_code == 421
        assert ask(headers={"Origin": "https://evil.example"}).status_code == 403
        assert locked.http.request(method, path).status_code == (200 if path in OPEN else 401)


def test_the_services_own_page_is_an_origin(served: Running) -> None:
    answer = served.http.post("/v1/classify", json={"texts": "good"}, headers={"Origin": served.url})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "scheme", ["https", "ftp", "file", "chrome-extension", "javascript", "", "HTTPS", "ws"]
)
def test_another_scheme_is_another_origin(served: Running, locked: Running, scheme: str) -> None:
    own = served.url.removeprefix("http://")
    answer = served.http.get("/v1/models", headers={"Origin": f"{scheme}://{own}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
    # A host that was named may be a proxy with TLS.
    headers = {"Host": "foretell.example", "Authorization": f"Bearer {TOKEN.decode()}"}
    answer = locked.http.get("/v1/models", headers={**headers, "Origin": f"{scheme}://foretell.example"})
    assert answer.status_code == (200 if scheme.lower() == "https" else 403)


def test_a_second_authorization_header_is_no_token(locked: Running) -> None:
    good = ("Authorization", f"Bearer {TOKEN.decode()}")
    assert locked.http.get("/v1/models", headers=[good]).status_code == 200
    for second in ("Bearer other", good[1], ""):
        for headers in ([good, ("Authorization", second)], [("Authorization", second), good]):
            assert locked.http.get("/v1/models", headers=headers).status_code == 401


def test_two_hosts_are_none(served: Running) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
        first = connection.recv(4096)
    # The connection refuses them before the access check.
    assert first.startswith(b"HTTP/1.1 400")


def test_without_the_token_only_the_page_and_the_probes_answer(locked: Running) -> None:
    for route in ROUTES:
        answer = locked.http.get(route)
        assert answer.status_code == (200 if route in OPEN else 401), route
    assert locked.http.get("/metrics").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "missing_api_key"),
        (b"", "missing_api_key"),
        (b"Bearer", "invalid_api_key"),
        (b"Bearer " + TOKEN[:-1], "invalid_api_key"),
        (b"Bearer " + TOKEN + b"x", "invalid_api_key"),
        (b"Basic " + TOKEN, "invalid_api_key"),
        (TOKEN, "invalid_api_key"),
        ("Bearer pässwörd".encode("latin-1"), "invalid_api_key"),
    ],
)
def test_a_wrong_token_is_refused(locked: Running, value: bytes | None, code: str) -> None:
    headers = {} if value is None else {b"Authorization": value}
    answer = locked.http.post("/v1/classify", json={"texts": "good"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "message": answer.json()["error"]["message"],
        "type": "authentication_error",
        "param": None,
        "code": code,
    }
    found = "none" if code == "missing_api_key" else "another"
    assert answer.json()["error"]["message"].endswith(f"Authorization: Bearer TOKEN, found {found}")
    assert TOKEN.decode() not in answer.text


def test_the_token_opens(locked: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN.decode()}"}
    assert locked.http.post("/v1/classify", json={"texts": "good"}, headers=headers).status_code == 200
    assert locked.http.get("/metrics", headers=headers).status_code == 200


def test_the_token_is_compared_in_constant_time(locked: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    compared, really = [], hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return really(one, other)

    monkeypatch.setattr(auth.hmac, "compare_digest", compare)
    for value in ("Bearer x", f"Bearer {TOKEN.decode()}", "Basic x", ""):
        locked.http.get("/v1/models", headers={"Authorization": value})
    assert compared == [TOKEN] * 4


def test_a_named_origin_may_read_answers_and_a_named_host_may_be_called(locked: Running) -> None:
    headers = {"Origin": "https://example.org", "Authorization": f"Bearer {TOKEN.decode()}"}
    answer = locked.http.get("/v1/models", headers={**headers, "Host": "foretell.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = locked.http.options("/v1/classify", headers={"Origin": "https://example.org", **asked})
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    assert locked.http.options("/v1/classify", headers={"Origin": "https://evil.example"}).status_code == 403


def test_any_other_address_needs_a_token() -> None:
    for address in ("0.0.0.0", "::", "192.168.1.5", "foretell.example"):
        with pytest.raises(UsageError, match="--token-file"):
            access(address)
        assert access(address, token=TOKEN).token == TOKEN
    for address in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert is_loopback(address)
        assert access(address).token is None
    assert "0.0.0.0" not in access("0.0.0.0", token=TOKEN).hosts
    assert "192.168.1.5" in access("192.168.1.5", token=TOKEN).hosts


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(UsageError, match="--allow-origin"):
        access("127.0.0.1", origins=[origin])


def test_a_token_file_holds_one_good_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(TOKEN + b"\n")
    assert read_token(file) == TOKEN
    for content in (b"", b"\n", b"short", b"two lines of\nwords here", b"with a space inside", b"\xff" * 20):
        file.write_bytes(content)
        with pytest.raises(UsageError, match="openssl rand"):
            read_token(file)
    with pytest.raises(UsageError, match="missing"):
        read_token(tmp_path / "missing")


def test_a_token_has_sixteen_visible_characters_or_more(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for content in (b"!" * 16, b"~" * 16):
        file.write_bytes(content)
        assert read_token(file) == content
    for content, found in (
        (b"x" * 15, "15 characters"),
        (b"x" * 8 + b" " + b"x" * 8, "a character that a header cannot carry"),
        (b"x" * 16 + b"\x7f", "a character that a header cannot carry"),
    ):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=f"at least 16 visible ASCII characters, found {found}"):
            read_token(file)


def test_what_is_no_request_reaches_the_application() -> None:
    """The server's own messages, such as the beginning and the end of its life."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del receive, send
        seen.append(scope["type"])

    asyncio.run(AccessControl(app, access("127.0.0.1"))({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]


async def nothing(*_: Any) -> Any:
    """Receive and send nothing."""


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", "localhost"),
        (b" LocalHost:80 ", "localhost"),
        (b"[::1]", "::1"),
        (b"[::1]:8000", "::1"),
        (b"::1", ""),
        (b"localhost:", ""),
        (b"localhost:a", ""),
        (b"[::1]x", ""),
        (b"", ""),
    ],
)
def test_the_name_in_a_host_header(header: bytes, name: str) -> None:
    assert hostname(header) == name
