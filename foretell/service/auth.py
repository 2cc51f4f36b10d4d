"""Access to the service: the Host and Origin of every request, and the token.

A web page can make a browser connect to a service on loopback, and by resolving its own name to
127.0.0.1 even read the responses (DNS rebinding). Such requests have that page's name as their Host
or Origin.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from foretell.artifacts.replacement import typed
from foretell.errors import UsageError
from foretell.service.errors import ApiError

_MIN_TOKEN = 16
_HOST = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::[0-9]+)?")

# Without a token: the page, in which a user enters it, and the probes.
_PUBLIC = frozenset(("/", "/health/live", "/health/ready"))


class Access:
    """Which requests are allowed by a service that listens on an address.

    Args:
        address: the address.
        hosts: further names of the service; they may be a proxy's, whose page has https in its
            origin.
        origins: other origins whose pages may read responses (CORS), such as "https://example.org".
        token: what every request except those for the page and the probes must carry; None:
            nothing.

    Raises:
        UsageError: an address that other machines can reach without a token, or an invalid origin.

    Attributes:
        hosts: names and addresses that a request's Host may have, lower case, without a port.
        tls_hosts: those of `hosts` that were given.
    """

    def __init__(
        self,
        address: str,
        *,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        token: bytes | None = None,
    ) -> None:
        if token is None and not is_loopback(address):
            raise UsageError(
                "a token if other machines can reach the service",
                "none",
                where=f"--host {address}",
                fix="give --token-file FILE, or leave out --host to listen on 127.0.0.1",
            )
        self.origins = frozenset(origins)
        self.token = token
        for origin in self.origins:
            if not re.fullmatch("https?://[^/]+", origin):
                raise UsageError(
                    "an origin such as https://example.org",
                    repr(origin),
                    where="--allow-origin",
                )
        self.tls_hosts = frozenset(host.lower().strip("[]") for host in hosts)
        # Without the addresses to listen on, which no client sends as a Host.
        self.hosts = {"localhost", "127.0.0.1", "::1", address.lower(), *self.tls_hosts}
        self.hosts -= {"0.0.0.0", "::"}


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach an address."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> bytes:
    """Return the token in a file of one line.

    Raises:
        UsageError: the file cannot be read, or is not one line of at least 16 visible ASCII
            characters.
    """
    fix = "create one with: openssl rand -hex 32"
    with typed(UsageError, "a file with a token", path, fix):
        token = path.read_bytes().strip()
    found = ""
    if not all(33 <= character <= 126 for character in token):
        found = "a character that a header cannot carry"
    if len(token) < _MIN_TOKEN:
        found = f"{len(token)} characters"
    if found:
        raise UsageError(
            f"one line of at least {_MIN_TOKEN} visible ASCII characters",
            found,
            where=path,
            fix=fix,
        )
    return token


class AccessControl:
    """Middleware: refuses requests that are not allowed."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope, Headers(scope=scope))
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hostname(hosts[0]) not in self._access.hosts:
            names = ", ".join(sorted(self._access.hosts))
            message = f"expected a Host of this service ({names}), found another; start it with "
            raise ApiError(f"{message}--allow-host NAME", status=421, code="host_not_allowed")
        for origin in headers.getlist("origin"):
            if origin not in self._access.origins and not self._is_own(origin.lower(), hosts[0]):
                message = "expected a request from its own page, found another Origin; "
                message += "start the service with --allow-origin ORIGIN"
                raise ApiError(message, status=403, code="origin_not_allowed")
        path: str = scope["path"]
        # A preflight request never carries a token, and its response holds no data.
        is_preflight = scope["method"] == "OPTIONS" and self._access.origins
        if not (is_preflight or path in _PUBLIC or path.startswith("/page/")):
            self._check_token(headers.getlist("authorization"))

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, _, origin_host = origin.partition("://")
        # The service itself speaks HTTP: a page of this host with another scheme is not its own.
        is_tls = scheme == "https" and hostname(host) in self._access.tls_hosts
        return (scheme == "http" or is_tls) and origin_host == host.lower()

    def _check_token(self, values: list[str]) -> None:
        if self._access.token is None:
            return
        given = values[0] if len(values) == 1 else ""
        scheme, _, value = given.partition(" ")
        is_equal = hmac.compare_digest(value.strip().encode("latin-1"), self._access.token)
        if not (is_equal and scheme.lower() == "bearer"):
            found = "another"
            code = "invalid_api_key"
            if not given:
                found = "none"
                code = "missing_api_key"
            raise ApiError(
                f"expected the service's token as Authorization: Bearer TOKEN, found {found}",
                status=401,
                code=code,
                headers={"WWW-Authenticate": "Bearer"},
            )


def hostname(host: str) -> str:
    """Return the name or address in a Host header, lower case, without brackets and port; "" if
    invalid.
    """
    match = _HOST.fullmatch(host.strip().lower())
    return "" if match is None else match[1] or match[2] or ""
