"""Who may ask: the Host and Origin of every request, the token, and the headers that every answer gets.

A page on the internet can make a browser connect to a service on loopback, and by rebinding its own name to
127.0.0.1 even read the answers (DNS rebinding). Such requests carry that page's name as their Host or Origin.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foretell.errors import UsageError
from foretell.service.failures import Refusal

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_LEAST_TOKEN = 16

# What a page needs before anybody can type a token, and what a probe asks.
_OPEN = frozenset(("/", "/health/live", "/health/ready"))
_OPEN_FOLDER = "/page/"

HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        b"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]
_NOT_KEPT = (b"cache-control", b"no-store")


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names and addresses that a request's Host may have, lower case, without a port.
        origins: other origins whose pages may read answers (CORS), such as "https://example.org".
        token: what every request but the page and the probes must carry; None: nothing.
    """

    hosts: frozenset[str]
    origins: frozenset[str] = frozenset()
    token: bytes | None = None


def access(
    bound: str, *, hosts: Iterable[str] = (), origins: Iterable[str] = (), token: bytes | None = None
) -> Access:
    """Return who may ask a service that listens on an address.

    Args:
        bound: the address.
        hosts: more names that it is called by.
        origins: other origins whose pages may read answers.
        token: the token.

    Raises:
        UsageError: an address that is not loopback without a token, or an origin that is none.
    """
    if token is None and not is_loopback(bound):
        raise UsageError(
            expected="a token where other machines can reach the service",
            found="none",
            where=f"--host {bound}",
            fix="give --token-file FILE, or leave --host out to listen on 127.0.0.1",
        )
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest:
            raise UsageError(
                expected="an origin such as https://example.org", found=repr(origin), where="--allow-origin"
            )
    names = {*_LOOPBACK_NAMES, bound.lower(), *(host.lower().strip("[]") for host in hosts)}
    # These say where to listen; nobody is called so.
    names -= {"0.0.0.0", "::"}
    return Access(hosts=frozenset(names), origins=frozenset(origins), token=token)


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> bytes:
    """Return the token that a file holds on its only line.

    Raises:
        UsageError: it cannot be read, or is no token of 16 visible ASCII letters or more.
    """
    fix = "make one with: openssl rand -hex 32"
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(
            expected="a file with a token", found=error.strerror or str(error), where=str(path), fix=fix
        ) from error
    if len(token) < _LEAST_TOKEN or not all(33 <= letter <= 126 for letter in token):
        found = (
            f"{len(token)} letters" if len(token) < _LEAST_TOKEN else "a letter that a header cannot carry"
        )
        raise UsageError(
            expected=f"one line of at least {_LEAST_TOKEN} visible ASCII letters",
            found=found,
            where=str(path),
            fix=fix,
        )
    return token


class Guarded:
    """Middleware: refuses who may not ask, and adds the security headers to every answer.

    Args:
        app: the application.
        access: who may ask.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_security(message.get("headers", ()))
            await send(message)

        try:
            self._check(scope)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _check(self, scope: Scope) -> None:
        values: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            values.setdefault(name, []).append(value)
        hosts = values.get(b"host", [])
        if len(hosts) != 1 or hostname(hosts[0]) not in self._access.hosts:
            raise Refusal(
                421,
                f"expected a Host that this service is called by ({', '.join(sorted(self._access.hosts))}), "
                "found another; start it with --allow-host NAME",
                code="host_not_allowed",
            )
        for origin in values.get(b"origin", []):
            self._check_origin(origin, hosts[0])
        self._check_token(scope, values.get(b"authorization", []))

    def _check_origin(self, origin: bytes, host: bytes) -> None:
        said = origin.decode("latin-1")
        _, _, place = said.partition("://")
        if said not in self._access.origins and place.lower() != host.decode("latin-1").lower():
            raise Refusal(
                403,
                "expected a request from the service's own page, found another Origin; "
                "start it with --allow-origin ORIGIN",
                code="origin_not_allowed",
            )

    def _check_token(self, scope: Scope, given: list[bytes]) -> None:
        token = self._access.token
        path: str = scope["path"]
        if token is None or path in _OPEN or path.startswith(_OPEN_FOLDER):
            return
        # A preflight never carries a token; its answer says nothing.
        if scope["method"] == "OPTIONS" and self._access.origins:
            return
        said = given[0] if len(given) == 1 else b""
        kind, _, value = said.partition(b" ")
        right = hmac.compare_digest(value.strip(), token)
        if not (right and kind.lower() == b"bearer"):
            raise Refusal(
                401,
                "expected the service's token as Authorization: Bearer TOKEN, found "
                + ("another" if said else "none"),
                code="invalid_api_key" if said else "missing_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )


def hostname(host: bytes) -> str:
    """Return the name or address in a Host header, lower case, without brackets and port; "" for none."""
    said = host.decode("latin-1").strip().lower()
    if said.startswith("["):
        address, closed, rest = said[1:].partition("]")
        return address if closed and (not rest or _is_port(rest)) else ""
    name, colon, port = said.partition(":")
    return name if not colon or _is_port(f":{port}") else ""


def _is_port(text: str) -> bool:
    return text[0] == ":" and text[1:].isascii() and text[1:].isdigit()


def _with_security(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    found = list(headers)
    if not any(name == _NOT_KEPT[0] for name, _ in found):
        found.append(_NOT_KEPT)
    return found + HEADERS
