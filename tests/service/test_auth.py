"""Who may ask: Host, Origin and token, on every route and with every method."""

from __future__ import annotations

import hmac
import http.client
import itertools
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from reliability.sizes import report, sizes
from service_workplace import Running, running

from foretell.errors import UsageError
from foretell.service import auth
from foretell.service.app import PAGE
from foretell.service.auth import Access, read_token

TOKEN = b"a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN.decode()}"}
OPEN = ["/", "/page/page.js", "/health/live", "/health/ready"]
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "LOCK",
    "M-SEARCH",
    "PURGE",
)
OTHER_ROUTES = (
    "/",
    "/openapi.json",
    "/docs",
    "/no",
    "/page/",
    "/page/../v1/models",
    "//v1/models",
    "/v1",
)
BODIES = (b"", b"{", b'{"texts": "good"}')


@pytest.fixture(scope="module")
def locked(models: tuple[Path, Path]) -> Iterator[Running]:
    with running(
        *models, token=TOKEN, origins=["https://example.org"], hosts=["foretell.example"]
    ) as it:
        yield it


def forged_hosts(port: int) -> list[str]:
    return [
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "xlocalhost",
        "localhost.",
        "localhost:80:80",
        "localhost:",
        "localhost:x",
        "localhost/",
        "localhost#",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost evil.example",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::1",
        "::1]",
        "[::ffff:127.0.0.1]",
        "[::1]evil.example",
        "",
        "null",
        "lo%00calhost",
        f"foretell.example.evil:{port}",
        "127.0.0.1,evil.example",
        "١٢٧.0.0.1",
    ]


def forged_origins(own: str) -> list[str]:
    name, _, port = own.rpartition(":")
    return [
        "https://evil.example",
        "http://evil.example",
        f"http://evil.example:{port}",
        "null",
        "",
        "*",
        f"https://{own}",
        f"HTTPS://{own}",
        f"ftp://{own}",
        f"file://{own}",
        f"ws://{own}",
        f"javascript://{own}",
        f"data://{own}",
        f"://{own}",
        own,
        f"http:{own}",
        f"http:/{own}",
        f"http:///{own}",
        f"http://{name}",
        f"http://{name}:1",
        f"http://{name}:{port}0",
        f"http://{own}.evil.example",
        f"http://{own}@evil.example",
        f"http://evil.example@{own}",
        f"http://{own}/",
        f"http://{own}#",
        f"http://{own}?",
        f"http://{own} x",
        f"http://evil.example http://{own}",
        f"http://{own},http://evil.example",
        f"http://localhost.evil:{port}",
        "file://",
        "chrome-extension://abcdefghijklmnop",
        "https://example.org.evil.example",
        "http://example.org",
        "https://example.org:444",
        "https://EXAMPLE.org.",
    ]


def routes(served: Running) -> list[str]:
    paths = [
        path.format(model="reviews") for path in served.http.get("/openapi.json").json()["paths"]
    ]
    files = sorted(
        f"/page/{path.relative_to(PAGE).as_posix()}" for path in PAGE.rglob("*") if path.is_file()
    )
    return [*paths, *files[:5], *OTHER_ROUTES]


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    route: str,
    headers: dict[str, str],
    body: bytes,
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
@pytest.mark.parametrize("service", ["served", "locked"])
def test_every_forged_host_and_origin_is_refused(
    served: Running, request: pytest.FixtureRequest, service: str, count: int
) -> None:
    """On every route of the OpenAPI document and others, before anything else is said of a
    request.
    """
    chance = random.Random(11)
    forged_at = request.getfixturevalue(service)
    own = forged_at.url.removeprefix("http://")
    usual = {"Host": own, **BEARER}
    forged = [
        *(({**usual, "Host": host}, 421, "host_not_allowed") for host in forged_hosts(8000)),
        *(({**usual, "Origin": each}, 403, "origin_not_allowed") for each in forged_origins(own)),
    ]
    # Each route and each forgery at least once.
    all_routes = routes(served)
    some = [("GET", route, *forged[0]) for route in all_routes] + [
        ("POST", "/v1/next", *f) for f in forged
    ]
    cases = [
        (method, route, *each) for method in METHODS for route in all_routes for each in forged
    ]
    some += chance.sample(cases, min(len(cases), count) - len(some))
    connection = http.client.HTTPConnection(own, timeout=20)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for method, route, headers, status, code in some if count <= 800 else cases:
        answer = ask(connection, method, route, headers, chance.choice(BODIES))
        assert answer in ((status, code), (status, "")), (method, route, headers)
    connection.close()
    report("forged hosts and origins", cases=min(len(cases), count), of=len(cases))


def test_loopback_and_the_services_own_page_are_allowed(served: Running, locked: Running) -> None:
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:80"):
        assert served.http.get("/v1/models", headers={"Host": host}).status_code == 200
    answer = served.http.post(
        "/v1/classify", json={"texts": "good"}, headers={"Origin": served.url}
    )
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    # A proxy with TLS has a name of its own; the service itself speaks HTTP.
    for scheme, status in (("https", 200), ("HTTPS", 200), ("ftp", 403), ("", 403)):
        headers = {**BEARER, "Host": "foretell.example", "Origin": f"{scheme}://foretell.example"}
        assert locked.http.get("/v1/models", headers=headers).status_code == status


def test_a_named_origin_may_read_answers_and_a_named_host_may_be_called(locked: Running) -> None:
    headers = {"Origin": "https://example.org", "Host": "foretell.example", **BEARER}
    answer = locked.http.get("/v1/models", headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (
        200,
        headers["Origin"],
    )
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = locked.http.options("/v1/classify", headers={"Origin": headers["Origin"], **asked})
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()


# ---- the token


def test_without_the_token_only_the_page_and_the_probes_answer(locked: Running) -> None:
    paths = locked.http.get("/openapi.json", headers=BEARER).json()["paths"]
    asked = [(method, path) for path, item in paths.items() for method in item]
    more = itertools.product(("GET", "HEAD"), [*OPEN, "/openapi.json", "/no"])
    for method, path in [*asked, *more]:
        answer = locked.http.request(method, path)
        assert answer.status_code == (200 if path in OPEN else 401), path
    assert locked.http.get("/metrics").headers["www-authenticate"] == "Bearer"
    assert locked.http.get("/metrics", headers=BEARER).status_code == 200
    assert (
        locked.http.post("/v1/classify", json={"texts": "good"}, headers=BEARER).status_code == 200
    )


GOOD = b"Bearer " + TOKEN


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([], "missing_api_key"),
        ([b""], "missing_api_key"),
        ([b"Bearer"], "invalid_api_key"),
        ([GOOD[:-1]], "invalid_api_key"),
        ([GOOD + b"x"], "invalid_api_key"),
        ([TOKEN], "invalid_api_key"),
        ([b"Basic " + TOKEN], "invalid_api_key"),
        (["Bearer pässwörd".encode("latin-1")], "invalid_api_key"),
        ([GOOD, b"Bearer other"], "missing_api_key"),
        ([b"", GOOD], "missing_api_key"),
        ([GOOD, GOOD], "missing_api_key"),
    ],
)
def test_a_wrong_token_and_a_second_one_are_refused(
    locked: Running, values: list[bytes], code: str
) -> None:
    headers = [(b"Authorization", value) for value in values]
    answer = locked.http.post("/v1/classify", json={"texts": "good"}, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (401, "authentication_error", code)
    assert TOKEN.decode() not in answer.text


def test_the_token_is_compared_in_constant_time(
    locked: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    really = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return really(one, other)

    monkeypatch.setattr(auth.hmac, "compare_digest", compare)
    for value in ("Bearer x", BEARER["Authorization"], "Basic x", ""):
        locked.http.get("/v1/models", headers={"Authorization": value})
    assert compared == [TOKEN] * 4


def test_a_token_file_holds_one_good_line(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for good in (b"!" * 16, b"~" * 16 + b"\n", TOKEN):
        file.write_bytes(good)
        assert read_token(file) == good.strip()
    for wrong in (b"", b"!" * 15, b"two lines of\nwords here", b"\xff" * 20, b"\x7f" * 20):
        file.write_bytes(wrong)
        with pytest.raises(
            UsageError, match=r"token: .*at least 16 visible ASCII characters, found .*openssl"
        ):
            read_token(file)
    file.unlink()
    with pytest.raises(UsageError, match=r"token: expected a file with a token, found .*openssl"):
        read_token(file)


# ---- what is allowed


def test_any_other_address_needs_a_token() -> None:
    for address in ("0.0.0.0", "::", "192.168.1.5", "foretell.example"):
        with pytest.raises(UsageError, match="--token-file"):
            Access(address)
        assert (address in Access(address, token=TOKEN).hosts) == (address not in ("0.0.0.0", "::"))
    for address in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert Access(address).token is None
    for origin in ("*", "null", "example.org", "https://example.org/", "ftp://example.org", ""):
        with pytest.raises(
            UsageError, match=r"--allow-origin: expected an origin such as .*found '"
        ):
            Access("127.0.0.1", origins=[origin])


def test_names_of_the_service_have_no_case_and_no_brackets() -> None:
    own = Access("Foretell.Example", token=TOKEN, hosts=["Proxy.Example", "[::5]"])
    assert own.token == TOKEN
    assert own.tls_hosts == {"proxy.example", "::5"}
    assert own.hosts == {"localhost", "127.0.0.1", "::1", "foretell.example", *own.tls_hosts}
