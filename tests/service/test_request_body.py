"""The body of a request: its type, its size, its time, and its schema."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from service_workplace import (
    Running,
)

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("verb", ["classify", "explain", "next", "score", "states", "completions"])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"[]", b'"text"', b"null", b"{}", b"\xff\xfe", b'{"texts": "\xff"}',
        b'{"texts": "\\ud800"}', b'{"model": "notes", "text": "\\udfff"}',
        b'{"model": "notes", "prompt": "a\\ud800"}', b'{"texts": NaN}', b"[" * 5000,
        b'{"texts": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_malformed_bodies(narrow: Running, verb: str, body: bytes) -> None:
    answer = narrow.http.post(f"/v1/{verb}", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    if verb == "completions":
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/classify", {"texts": 7}, "texts"),
        ("/v1/classify", {"texts": ["a", None]}, "texts.1"),
        ("/v1/classify", {"texts": []}, "texts"),
        ("/v1/classify", {"texts": "a", "abstain_below": 1.5}, "abstain_below"),
        ("/v1/classify", {"texts": "a", "abstain_below": "0.5"}, "abstain_below"),
        ("/v1/classify", {"texts": "a", "model": 3}, "model"),
        ("/v1/classify", {"texts": "a", "threshold": 1}, "threshold"),
        ("/v1/next", {"texts": "a", "k": 0}, "k"),
        ("/v1/next", {"texts": "a", "k": 1.5}, "k"),
        ("/v1/next", {"texts": "a", "k": 10**30}, "k"),
        ("/v1/score", {"texts": "a", "words": 1}, "words"),
        ("/v1/score", {"texts": "a", "start": -1}, "start"),
        ("/v1/score", {"texts": "a", "start": "0"}, "start"),
        ("/v1/states", {"model": "notes", "text": ["a"]}, "text"),
        ("/v1/states", {"model": "notes", "text": "a", "unit": -1}, "unit"),
    ],
)
def test_wrong_values_are_named(narrow: Running, path: str, body: Any, param: str) -> None:
    answer = narrow.post(path, body)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


def test_numbers_that_are_none_are_refused(narrow: Running) -> None:
    for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        body = b'{"texts": "a", "abstain_below": ' + value + b"}"
        assert narrow.http.post("/v1/classify", content=body, headers=JSON).status_code in (400, 422)
        body = b'{"model": "notes", "prompt": "a", "temperature": ' + value + b"}"
        assert narrow.http.post("/v1/completions", content=body, headers=JSON).status_code == 400


def test_a_body_that_is_not_called_json(narrow: Running) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}):
        answer = narrow.http.post("/v1/classify", content=b'{"texts": "a"}', headers=headers)
        assert answer.status_code == 415
        assert answer.json()["error"]["code"] == "not_json"


def test_a_large_body_is_a_413_said_or_not(narrow: Running) -> None:
    million_words = json.dumps({"texts": "word " * 1_000_000}).encode()
    answer = narrow.http.post("/v1/classify", content=million_words, headers=JSON)
    assert answer.status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from (million_words[i : i + 10_000] for i in range(0, 100_000, 10_000))

    unsaid = narrow.http.post("/v1/completions", content=chunks(), headers=JSON)
    assert unsaid.status_code == 413
    assert unsaid.json()["error"]["code"] == "body_too_large"


def test_a_body_that_does_not_arrive_is_a_408(impatient: Running) -> None:
    with impatient.connect() as connection:
        connection.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"te'
        )
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body_too_slow"' in answer


MILLIONS = {
    "wrong elements": b'{"texts":[' + b",".join([b"1"] * 1_900_000) + b"]}",
    "empty lists": b'{"texts":[' + b",".join([b"[]"] * 1_300_000) + b"]}",
    "unknown parameters": b'{"texts":"a",' + b",".join(b'"%d":1' % i for i in range(330_000)) + b"}",
    "token ids": b'{"model":"notes","prompt":[' + b",".join([b"1"] * 1_900_000) + b"]}",
}


@pytest.mark.parametrize("body", MILLIONS.values(), ids=MILLIONS)
def test_a_million_errors_cost_one(served: Running, body: bytes) -> None:
    """They took ten seconds of the event loop and two gigabytes."""
    path = "/v1/completions" if b"prompt" in body[:30] else "/v1/classify"
    before = time.process_time()
    answer = served.http.post(path, content=body, headers=JSON)
    assert time.process_time() - before < 5
    assert answer.status_code in (400, 422)
    assert len(answer.content) < 1000
    assert answer.json()["error"]["code"] in ("string_type", "too_many_errors")


def test_the_first_wrong_element_is_named(narrow: Running) -> None:
    answer = narrow.post("/v1/classify", {"texts": ["a", 1, "b", 2]})
    assert answer.json()["error"]["param"] == "texts.1"
