"""The security headers of every response: a content security policy without any `unsafe-*`."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

HEADERS: Headers = [
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


def with_security_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return headers with the security headers, and `no-store` where they do not control caching."""
    result = list(headers)
    if not any(name == b"cache-control" for name, _ in result):
        result.append((b"cache-control", b"no-store"))
    return result + HEADERS
