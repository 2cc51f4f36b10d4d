"""Bytes to requests, without a socket: the same parts however the bytes arrive."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.service.errors import ApiError
from foretell.service.request_parser import (
    HEAD_BYTES,
    Headers,
    RequestEnd,
    RequestHead,
    RequestParser,
    is_unambiguous,
)

HOST = b"Host: localhost\r\n"
GET = b"GET /a?b HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /c HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n"
)
UPGRADE = (
    b"POST /c HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
)
OLD = b"GET /a HTTP/1.0\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
NONSENSE = b"\x16\x03\x01"
PIECES = [GET, POST, CHUNKED, UPGRADE, OLD, LAST, NONSENSE]

Summary = list[str]


def summary(pieces: Iterable[bytes]) -> Summary:
    """Return the parts as texts; consecutive parts of one body are joined."""
    parser = RequestParser()
    texts: Summary = []
    body = ""
    for part in itertools.chain.from_iterable(map(parser.feed, pieces)):
        if isinstance(part, bytes):
            body += part.decode()
            continue
        texts += [body] if body else []
        body = ""
        if isinstance(part, RequestHead):
            texts.append(f"{part.method} {part.target.decode()} {part.version} {part.keep_alive}")
        elif isinstance(part, ApiError):
            return [*texts, str(part.code)]
        else:
            texts.append("end")
    return texts


def test_each_request_has_its_parts() -> None:
    assert summary([GET]) == ["GET /a?b 1.1 True", "end"]
    for post in (POST, CHUNKED, UPGRADE):
        assert summary([post]) == ["POST /c 1.1 True", "hello", "end"]
    assert summary([OLD]) == ["GET /a 1.0 False", "end"]
    assert summary([GET + POST + NONSENSE]) == [*summary([GET]), *summary([POST]), "not_http"]


@given(
    requests=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_the_parts_do_not_depend_on_how_the_bytes_arrive(requests: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(requests)
    places = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    assert summary(raw[a:b] for a, b in itertools.pairwise(places)) == summary([raw])


@pytest.mark.parametrize("last", [OLD, LAST])
def test_nothing_after_the_last_request_is_read(last: bytes) -> None:
    assert summary([last + GET + NONSENSE]) == summary([last])
    assert summary([last, GET, NONSENSE]) == summary([last])


def test_headers_are_lower_case_and_stripped_and_none_follow_the_body() -> None:
    (head, *_) = RequestParser().feed(
        CHUNKED.replace(b"Host:", b"hOST: \t").replace(b"chunked", b"chunked \t")
    )
    assert isinstance(head, RequestHead)
    assert head.headers == [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]


def test_an_upgrade_is_left_out() -> None:
    head, body, end = RequestParser().feed(UPGRADE)
    assert isinstance(head, RequestHead)
    assert b"upgrade" not in dict(head.headers)
    assert (body, end) == (b"hello", RequestEnd())


def test_a_head_may_have_so_many_bytes_and_no_more() -> None:
    parser = RequestParser()
    assert parser.feed(GET[:-2] + b"X: ") == []
    assert parser.unended == len(GET) + 1
    assert parser.feed(b"a" * (HEAD_BYTES - parser.unended)) == []
    (error,) = parser.feed(b"a")
    assert isinstance(error, ApiError)
    assert (error.status, error.code) == (431, "head_too_large")


@pytest.mark.parametrize("target", [b"http:///a", b"a", b"/\xc3\xa9", b""])
def test_a_target_is_an_ascii_path_or_url(target: bytes) -> None:
    assert summary([GET.replace(b"/a?b", target)]) == ["not_http"]


ONE_HOST = [(b"host", b"localhost")]


@pytest.mark.parametrize(
    ("method", "version", "headers", "expected"),
    [
        (b"GET", "1.1", ONE_HOST, True),
        (b"GET", "1.1", [], False),
        (b"GET", "1.1", ONE_HOST * 2, False),
        (b"GET", "1.0", [], True),
        (b"GET", "1.0", ONE_HOST * 2, False),
        (b"GET", "2.0", ONE_HOST, False),
        (b"CONNECT", "1.1", ONE_HOST, False),
        (b"POST", "1.1", [*ONE_HOST, (b"transfer-encoding", b"Chunked")], True),
        (b"POST", "1.1", [*ONE_HOST, (b"transfer-encoding", b"gzip, chunked")], False),
        (b"POST", "1.1", [*ONE_HOST, *[(b"transfer-encoding", b"chunked")] * 2], False),
        (b"POST", "1.1", [*ONE_HOST, (b"content-length", b"0" * 20)], True),
        (b"POST", "1.1", [*ONE_HOST, (b"content-length", b"0" * 21)], False),
    ],
)
def test_ambiguous_heads(method: bytes, version: str, headers: Headers, expected: bool) -> None:
    assert is_unambiguous(method, version, headers) == expected
