"""Whatever comes in: a typed answer each time, and the next request works."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_workplace import Running, running

from foretell.errors import SettingsError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.limits import Limits

JSON = {"Content-Type": "application/json"}
STRANGE = [
    "\0", "a\0b", "\u202eevil\u202c", "\x1b[31m", "\ufeff", "\u0301" * 40, "😀" * 40, "</script>", "\r\n\r\n",
]  # fmt: skip
SENSELESS: list[dict[str, Any]] = [
    {"body": 0}, {"texts": -1}, {"seconds": float("nan")}, {"wait": -1}, {"texts": 9, "queue": 8},
]  # fmt: skip
LIMITS = Limits(body=20_000, texts=10, words=50, queue=12)


@pytest.fixture(scope="module")
def narrow(models: tuple[Path, Path]) -> Iterator[Running]:
    with running(*models, limits=LIMITS) as it:
        yield it


@pytest.fixture(scope="module")
def impatient(models: tuple[Path, Path]) -> Iterator[Running]:
    """A service of its own: what no test waits for must not be late on a busy machine."""
    with running(*models, limits=Limits(seconds=0.5)) as it:
        yield it


@pytest.fixture(autouse=True)
def next_request_works(request: pytest.FixtureRequest, narrow: Running) -> Iterator[None]:
    asked = request.getfixturevalue("impatient") if "impatient" in request.fixturenames else narrow
    yield
    assert asked.post("/v1/classify", {"texts": "good"}).status_code == 200
    assert asked.service.models.line.waiting == 0


@contextmanager
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let no text be classified until the block ends; the event says that the first one has come."""
    come, go = threading.Event(), threading.Event()
    classify = LabelsRuntime.classify

    def wait(self: LabelsRuntime, texts: Any, **how: Any) -> Any:
        come.set()
        go.wait(10)
        return classify(self, texts, **how)

    monkeypatch.setattr(LabelsRuntime, "classify", wait)
    try:
        yield come
    finally:
        go.set()
        monkeypatch.undo()


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


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "a\0b",
        "\u202eevil\u202c",
        "\x1b[31m",
        "\ufeff",
        "\u0301" * 40,
        "😀" * 40,
        "</script>",
        "\r\n\r\n",
    ],
)
def test_strange_texts_are_texts(narrow: Running, text: str) -> None:
    assert narrow.post("/v1/classify", {"texts": text}).status_code == 200
    assert narrow.post("/v1/explain", {"texts": text}).status_code == 200
    assert narrow.post("/v1/next", {"texts": text}).status_code == 200
    assert narrow.post("/v1/states", {"model": "notes", "text": text}).status_code == 200
    score = narrow.post("/v1/score", {"texts": text, "words": True})
    assert score.status_code in (200, 422)
    done = narrow.post("/v1/completions", {"model": "notes", "prompt": text, "max_tokens": 2, "echo": True})
    assert done.status_code == 200
    assert done.json()["choices"][0]["text"].startswith(text)


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


def test_too_many_texts_and_too_many_words(narrow: Running) -> None:
    for path, status in (("/v1/classify", 422), ("/v1/score", 422)):
        many = narrow.post(path, {"texts": ["a"] * 11})
        assert (many.status_code, many.json()["error"]["code"]) == (status, "too_many_texts")
        long = narrow.post(path, {"texts": ["a", "b " * 51]})
        assert (long.status_code, long.json()["error"]["code"]) == (status, "text_too_long")
        assert "text 1" in long.json()["error"]["message"]
        assert narrow.post(path, {"texts": "b " * 50}).status_code == 200
    for body in ({"prompt": "b " * 51}, {"prompt": ["a"] * 3, "n": 4}, {"prompt": "a", "max_tokens": 51}):
        assert narrow.post("/v1/completions", {"model": "notes", **body}).status_code == 400


def test_a_million_words_and_ten_thousand_texts_meet_the_usual_limits(served: Running) -> None:
    for verb in ("classify", "explain", "next", "score"):
        long = served.post(f"/v1/{verb}", {"texts": "a " * 1_000_000})
        assert (long.status_code, long.json()["error"]["code"]) == (422, "text_too_long")
        many = served.post(f"/v1/{verb}", {"texts": ["a"] * 10_000})
        assert (many.status_code, many.json()["error"]["code"]) == (422, "too_many_texts")
    asked = {"model": "notes", "prompt": "a " * 1_000_000}
    assert served.post("/v1/completions", asked).json()["error"]["code"] == "text_too_long"
    larger = served.post("/v1/classify", {"texts": "a " * 3_000_000})
    assert (larger.status_code, larger.json()["error"]["code"]) == (413, "body_too_large")


def test_a_full_queue_is_a_429_that_says_when(narrow: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(2) as pool, stuck(monkeypatch) as come:
        first = pool.submit(httpx.post, f"{narrow.url}/v1/classify", json={"texts": ["a"] * 8})
        assert come.wait(5)
        full = narrow.post("/v1/classify", {"texts": ["b"] * 5})
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) >= 1
        assert full.json()["error"]["type"] == "rate_limit_error"
        assert narrow.post("/v1/completions", {"model": "notes", "prompt": "a", "n": 5}).status_code == 429
        # Other models' texts count, too; the rest of the room is free.
        assert narrow.post("/v1/next", {"texts": "a"}).status_code == 200
    assert first.result().status_code == 200


def test_an_answer_that_takes_too_long_is_a_503(impatient: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with stuck(monkeypatch):
        late = impatient.post("/v1/classify", {"texts": "a"})
    assert late.status_code == 503
    assert late.json()["error"]["code"] == "timeout"
    assert int(late.headers["retry-after"]) >= 1


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


def test_a_stream_that_takes_too_long_ends_with_an_error(
    impatient: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretell.service import generation

    monkeypatch.setattr(generation, "TURN_SECONDS", 0.0)
    released = threading.Event()
    turn = generation._turn

    def slow(words: Any) -> Any:
        released.wait(0.2)
        return turn(words)

    monkeypatch.setattr(generation, "_turn", slow)
    body = {"model": "notes", "prompt": "the mind", "max_tokens": 50, "stream": True}
    with impatient.http.stream("POST", "/v1/completions", json=body) as answer:
        assert answer.status_code == 200
        try:
            said = "".join(answer.iter_text())
        except httpx.RemoteProtocolError:
            said = "cut off"
    assert "[DONE]" not in said


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in SENSELESS:
        with pytest.raises(SettingsError, match="limit-"):
            Limits(**wrong)
