"""The budget of a request: a typed answer to whatever comes in, and the next request works."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from service_workplace import (
    VERBS,
    Running,
    everything,
    held_up,
    running,
    until,
    write_labels,
    write_words,
)

from foretell.errors import SettingsError
from foretell.runtime import gates
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.errors import ApiError
from foretell.service.limits import MAX_CONTAINERS, MAX_WORD, Limits
from foretell.service.requests import CONCURRENCY
from foretell.text.tokenizer import Tokenizer

JSON = {"Content-Type": "application/json"}


def asking(verb: str, texts: Any) -> dict[str, Any]:
    """Return the body of a request to /v1/VERB."""
    if verb == "completions":
        return {"model": "notes", "prompt": texts, "max_tokens": 1}
    if verb == "states":
        return {"model": "notes", "text": texts if isinstance(texts, str) else " ".join(texts)}
    return {"texts": texts}


def refused(it: Running, path: str, body: Any) -> tuple[int, str, str]:
    """Return the status of an answer, and the code and the field of its error."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = it.http.post(path, content=content, headers=JSON)
    error = answer.json()["error"]
    assert "b b" not in error["message"]
    return answer.status_code, error["code"], error["param"]


@pytest.fixture(autouse=True)
def next_request_works(request: pytest.FixtureRequest, narrow: Running) -> Iterator[None]:
    asked = request.getfixturevalue("impatient") if "impatient" in request.fixturenames else narrow
    yield
    # On a busy machine the time limit may pass.
    until(lambda: asked.post("/v1/classify", {"texts": "good"}).status_code == 200)
    until(lambda: asked.service.waiting == 0)


# ---- texts


@pytest.mark.parametrize("verb", VERBS)
def test_every_route_has_the_same_budget(narrow: Running, served: Running, verb: str) -> None:
    path = f"/v1/{verb}"
    status = 400 if verb == "completions" else 422
    for texts, code in (
        (["a"] * 11, "too_many_texts"),
        ("b " * 51, "text_too_long"),
        ("b " * 501, "text_too_long"),
        (["b " * 26] * 2, "text_too_long"),
    ):
        if verb == "states" and code == "too_many_texts":
            continue
        assert refused(narrow, path, asking(verb, texts))[:2] == (status, code)
    assert narrow.post(path, asking(verb, "b " * 48)).status_code == 200
    # One word, however long, is no way around it; scripts without spaces have no words.
    assert refused(served, path, asking(verb, "a" * (MAX_WORD + 1)))[:2] == (
        status,
        "word_too_long",
    )
    assert served.post(path, asking(verb, "好" * (MAX_WORD + 1))).status_code == 200
    assert refused(served, path, asking(verb, "a" * 200_001))[1] == "text_too_long"


@pytest.mark.parametrize("tokens", ["subword", "char"])
def test_tokens_are_counted_of_whatever_kind_they_are(tmp_path: Path, tokens: str) -> None:
    """A word of ten letters is at most ten tokens; an emoji that is not in the vocabulary is four
    bytes.
    """
    places = (
        write_labels(tmp_path / "reviews", tokens=tokens),
        write_words(tmp_path / "notes", tokens=tokens),
    )
    with running(*places, limits=Limits(texts=10, tokens=40, characters=1_000)) as it:
        for verb in VERBS:
            assert it.post(f"/v1/{verb}", asking(verb, "😁" * 9)).status_code == 200
            # The note becomes three characters, of four bytes each.
            for many in ("😁" * 11, ["😁" * 11] * 9, "\U0001d160" * 4):
                assert refused(it, f"/v1/{verb}", asking(verb, many))[1] == "text_too_long"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 4, "max_tokens": 13}, "max_tokens"),
        ({"n": 4}, "max_tokens"),
        ({"prompt": "b " * 20, "n": 2, "max_tokens": 10}, "prompt"),
        ({"n": 4, "max_tokens": 11}, None),
    ],
)
def test_what_is_written_counts_too(
    narrow: Running, more: dict[str, Any], param: str | None
) -> None:
    answer = narrow.post("/v1/completions", {"model": "notes", "prompt": "a", **more})
    assert answer.status_code == (400 if param else 200)
    assert answer.json().get("error", {}).get("param") == param


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": 0},
        {"texts": -1},
        {"tokens": 0.5},
        {"characters": 0},
        {"seconds": float("nan")},
        {"texts": 9, "queue": 8},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="limit-"):
        Limits(**wrong)


def test_a_limit_is_the_most_that_is_allowed() -> None:
    limits = Limits(body=1, texts=3, characters=MAX_WORD + 1, tokens=20, queue=3, seconds=0.1)
    tokenizer = Tokenizer.without_words("char", lowercase=False)
    values = 2 * limits.texts + MAX_CONTAINERS
    half = MAX_CONTAINERS // 2
    body = limits.check_body
    texts = partial(limits.check_texts, param="texts")
    tokens = partial(limits.check_tokens, tokenizer, param="texts", more=4)
    for check, allowed, too_much, code in (
        (body, b'"a"' * values, b'"a"' * (values + 1), "too_many_values"),
        (body, b"," * values, b"," * (values + 1), "too_many_values"),
        (body, b"[{" * half, b"[{" * half + b"[", "too_many_values"),
        (texts, ["a"] * 3, ["a"] * 4, "too_many_texts"),
        (texts, ["a" * MAX_WORD, "b"], ["a" * MAX_WORD, "bb"], "text_too_long"),
        (texts, ["a" * MAX_WORD], ["a" * (MAX_WORD + 1)], "word_too_long"),
        (partial(texts, most=2), ["a"] * 2, ["a"] * 3, "too_many_texts"),
        (tokens, ["a" * 16], ["a" * 17], "text_too_long"),
        # A letter that is not in the vocabulary is two bytes.
        (tokens, ["ж" * 8], ["ж" * 9], "text_too_long"),
    ):
        check(allowed)
        with pytest.raises(ApiError) as refused:
            check(too_much)
        param = None if check is body else "texts"
        assert (refused.value.code, refused.value.param) == (code, param)
    assert not limits.needs_count(["a" * 15, "b" * 2], more=1)
    assert limits.needs_count(["a" * 15, "b" * 2], more=2)


# ---- bodies


@pytest.mark.parametrize("verb", VERBS)
def test_malformed_bodies(narrow: Running, verb: str) -> None:
    for body in (
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"texts": "\xff"}',
        b'{"texts": "\\ud800"}',
        b'{"model": "notes", "text": "\\udfff"}',
        b'{"model": "notes", "prompt": "a\\ud800"}',
        b'{"texts": NaN}',
        b"[" * 5000,
        b'{"texts": ' + b"9" * 5000 + b"}",
    ):
        status, _, _ = refused(narrow, f"/v1/{verb}", body)
        assert status == 400 or (status == 422 and verb != "completions"), body[:20]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("classify", {"texts": ["a", 1, "b", 2]}, (422, "texts.1")),
        ("classify", {"texts": "a", "abstain_below": 1.5}, (422, "abstain_below")),
        ("classify", {"texts": "a", "threshold": 1}, (422, "threshold", "unknown_parameter")),
        ("classify", {"model": "notes", "texts": "a"}, (400, "model", "wrong_job")),
        ("classify", {"model": "nosuch", "texts": "a"}, (404, "model", "model_not_found")),
        ("explain", {"texts": "a", "label": "nothing"}, (404, "label", "label_not_found")),
        ("next", {"texts": "a", "k": 10**30}, (422, "k")),
        ("next", {"texts": "a", "top-k": 5}, (422, "top-k", "unknown_parameter")),
        ("score", {"texts": ["a", ""]}, (422, "texts.1", "cannot_answer")),
        ("states", {"model": "notes", "text": "a", "unit": 8}, (422, "unit")),
        ("states", {"model": "notes", "text": "a", "layer": "x"}, (422, "layer", "cannot_answer")),
    ],
)
def test_what_is_wrong_is_named(
    narrow: Running, path: str, body: Any, expected: tuple[Any, ...]
) -> None:
    status, code, param = refused(narrow, f"/v1/{path}", body)
    assert (status, param, code)[: len(expected)] == expected


def test_a_body_that_is_not_called_json(narrow: Running) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}):
        answer = narrow.http.post("/v1/classify", content=b'{"texts": "a"}', headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "not_json")


def test_a_large_body_is_a_413_said_or_not(narrow: Running) -> None:
    million_words = json.dumps({"texts": "word " * 1_000_000}).encode()
    assert refused(narrow, "/v1/classify", million_words)[:2] == (413, "body_too_large")
    chunks = (million_words[i : i + 10_000] for i in range(0, 100_000, 10_000))
    answer = narrow.http.post("/v1/completions", content=chunks, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


MANY = {
    "wrong elements": b'{"texts":[' + b",".join([b"1"] * 400_000) + b"]}",
    "empty lists": b'{"texts":[' + b",".join([b"[]"] * 300_000) + b"]}",
    "deep": b'{"texts":' + b"[" * 65,
    "unknown parameters": b'{"texts":"a",' + b",".join(b'"%d":1' % i for i in range(80_000)) + b"}",
    "quotes": b'{"texts":[' + b'"",' * 300_000,
}


@pytest.mark.parametrize("body", MANY.values(), ids=MANY)
def test_a_body_of_many_values_is_not_parsed(served: Running, body: bytes) -> None:
    for path in ("/v1/classify", "/v1/completions"):
        before = time.process_time()
        assert refused(served, path, body)[:2] == (400, "too_many_values")
        assert time.process_time() - before < 1


def test_values_in_texts_are_no_values(served: Running) -> None:
    for text in ('"[{,' * 1000, "\\\\" * 1000, '\\"[[' * 500, "{" * 3000 + '"'):
        assert served.post("/v1/classify", {"texts": [text, "b"]}).status_code == 200


# ---- time


def test_a_full_queue_is_a_429_that_says_when(
    narrow: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        held_up(monkeypatch, LabelsRuntime, "classify") as (_, come),
    ):
        first = pool.submit(narrow.post, "/v1/classify", {"texts": ["a"] * 8})
        assert come.acquire(timeout=5)
        full = narrow.post("/v1/classify", {"texts": ["b"] * 5})
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) >= 1
        assert full.json()["error"]["type"] == "rate_limit_error"
        body = {"model": "notes", "prompt": "a", "n": 5, "max_tokens": 2}
        # Continuations have a line of their own. Other models' texts count, too; there is room for
        # one.
        assert narrow.post("/v1/completions", body).status_code == 200
        assert narrow.post("/v1/next", {"texts": ["a"] * 5}).status_code == 429
        assert narrow.post("/v1/next", {"texts": "a"}).status_code == 200
    assert first.result().status_code == 200


def test_a_cache_counts_as_several_texts(narrow: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.service.routes.completions.BYTES_OF_A_TEXT", 1)
    body = {"model": "notes", "prompt": "a", "max_tokens": 2, "cache": 50}
    with narrow.service.lanes["completions"].count(1):
        assert narrow.post("/v1/completions", body).status_code == 429
        assert narrow.post("/v1/completions", body | {"cache": 0}).status_code == 200
    # Alone it may take more room than there is.
    assert narrow.post("/v1/completions", body).status_code == 200


def test_an_answer_that_takes_too_long_is_a_503(
    impatient: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch, LabelsRuntime, "classify"):
        late = impatient.post("/v1/classify", {"texts": "a"})
    assert (late.status_code, late.json()["error"]["code"]) == (503, "timeout")
    assert int(late.headers["retry-after"]) >= 1


def test_a_body_that_does_not_arrive_is_a_408(impatient: Running) -> None:
    head = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with impatient.connect() as connection:
        connection.sendall(head + b'Content-Length: 100\r\n\r\n{"te')
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body_too_slow"' in answer


def test_long_requests_do_not_delay_short_ones(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "the mind " * 1_000
    with (
        ThreadPoolExecutor(8) as clients,
        held_up(monkeypatch, LabelsRuntime, "explain") as (_, arrived),
    ):
        slow = [clients.submit(served.post, "/v1/explain", {"texts": long}) for _ in range(6)]
        slow += [clients.submit(served.post, "/v1/explain", {"texts": "good"}) for _ in range(2)]
        for _ in range(1 + CONCURRENCY):
            assert arrived.acquire(timeout=10)
        assert served.post("/v1/classify", {"texts": "good"}).status_code == 200
        assert served.post("/v1/next", {"texts": "the"}).status_code == 200
    assert {each.result().status_code for each in slow} == {200}


def test_a_short_text_in_any_script_is_counted_beside_long_ones(served: Running) -> None:
    release = threading.Event()
    lane = served.service.lanes["long"].threads
    busy = [lane.submit(release.wait, 20) for _ in range(lane._max_workers)]
    try:
        for verb in ("classify", "next", "completions"):
            answer = served.http.post(f"/v1/{verb}", json=asking(verb, "ж" * 1_900), timeout=10)
            assert answer.status_code == 200
    finally:
        release.set()
    assert all(each.result() for each in busy)


LONG = "good bad " * 9_000
SCORE = ("/v1/score", {"texts": LONG})
WORDS = ("/v1/score", {"texts": LONG, "words": True})
NEXT = ("/v1/next", {"texts": LONG})
STATES = ("/v1/states", {"model": "notes", "text": LONG})
WRITE = ("/v1/completions", {"model": "notes", "prompt": LONG, "max_tokens": 1_000})


# Two threads answer long requests.
@pytest.mark.parametrize("expensive", [(SCORE, NEXT), (WORDS, STATES), (WRITE, WORDS)])
def test_threads_stop_when_the_time_has_passed(
    impatient: Running, monkeypatch: pytest.MonkeyPatch, expensive: Any
) -> None:
    """Without a check in the loops, the threads go on for up to a minute after the 503."""
    calls: list[int] = []

    def slowly(really: Any) -> Any:
        def slow(*arguments: Any, **how: Any) -> Any:
            calls.append(0)
            time.sleep(0.02)
            return really(*arguments, **how)

        return slow

    for owner, name in ((gates, "_sigmoid"), (onnxruntime.InferenceSession, "run")):
        monkeypatch.setattr(owner, name, slowly(getattr(owner, name)))
    # On a busy machine the time may pass before they begin.
    while not calls:
        with ThreadPoolExecutor(2) as clients:
            asked = [clients.submit(refused, impatient, path, body) for path, body in expensive]
        assert {each.result()[:2] for each in asked} == {(503, "timeout")}

    def have_stopped() -> bool:
        calls.clear()
        time.sleep(0.2)
        return not calls

    until(have_stopped, 3)


@pytest.mark.parametrize(
    ("method", "body"),
    [("check_body", {"texts": "a", "": "b" * 18_000}), ("check_texts", {"texts": "ab " * 6_000})],
)
def test_a_large_body_is_checked_where_it_holds_nobody_up(
    models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, method: str, body: dict[str, str]
) -> None:
    limits = Limits(characters=17_000, queue=4, texts=4)
    with running(*models, limits=limits) as it, ThreadPoolExecutor(6) as pool:
        with held_up(monkeypatch, Limits, method) as (_, come):
            asked = [pool.submit(it.post, "/v1/classify", body) for _ in range(6)]
            assert come.acquire(timeout=10)
            assert it.http.get("/v1/models").status_code == 200
            # As many wait as may wait; the others are refused at once.
            until(lambda: sum(each.done() for each in asked) == 2)
            assert {each.result().status_code for each in asked if each.done()} == {429}
        assert sorted(each.result().status_code for each in asked) == [422] * 4 + [429] * 2
