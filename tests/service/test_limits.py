"""Whatever comes in: a typed answer each time, and the next request works."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import onnxruntime
import pytest
from service_workplace import Running, stuck, until

from foretell.errors import SettingsError
from foretell.runtime import gates
from foretell.service.errors import ApiError
from foretell.service.limits import Limits, has_more_words

JSON = {"Content-Type": "application/json"}
STRANGE = [
    "\0", "a\0b", "\u202eevil\u202c", "\x1b[31m", "\ufeff", "\u0301" * 40, "😀" * 40, "</script>", "\r\n\r\n",
]  # fmt: skip
SENSELESS: list[dict[str, Any]] = [
    {"body": 0}, {"texts": -1}, {"seconds": float("nan")}, {"wait": -1}, {"texts": 9, "queue": 8},
]  # fmt: skip


@pytest.fixture(autouse=True)
def next_request_works(request: pytest.FixtureRequest, narrow: Running) -> Iterator[None]:
    asked = request.getfixturevalue("impatient") if "impatient" in request.fixturenames else narrow
    yield
    # On a busy machine half a second may pass.
    until(lambda: asked.post("/v1/classify", {"texts": "good"}).status_code == 200)
    assert asked.service.models.waiting.count == 0


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


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in SENSELESS:
        with pytest.raises(SettingsError, match="limit-"):
            Limits(**wrong)


def test_the_usual_limits_and_the_smallest() -> None:
    usual = {"body": 4_194_304, "texts": 1_000, "words": 20_000, "queue": 2_048, "seconds": 30, "wait": 2}
    assert dataclasses.asdict(Limits()) == usual
    smallest: dict[str, Any] = {"body": 1, "texts": 1, "words": 1, "queue": 1, "seconds": 0.1, "wait": 0}
    Limits(**smallest)
    for name, value in smallest.items():
        with pytest.raises(SettingsError, match=f"limit-{name}.*at least {value},"):
            Limits(**{**smallest, name: value - 0.01})


def test_each_limit_is_the_last_number_that_is_accepted() -> None:
    limits = Limits(texts=3, words=4, queue=3)
    limits.check_texts(["a b c d"] * 3, param="texts")
    limits.check_texts(["a b", "c d"], param="texts", by_word=True)
    limits.check_texts(["a b c d"], param="texts", by_word=True)
    for texts, by_word, code, message in (
        (["a"] * 4, False, "too_many_texts", "at most 3 texts, found 4"),
        (["a", "a b c d e"], False, "text_too_long", "more in text 1;"),
        (["a b", "c d e"], True, "text_too_long", "in all texts together"),
    ):
        with pytest.raises(ApiError, match=message) as caught:
            limits.check_texts(texts, param="input", status=400, by_word=by_word)
        assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, "input")


def test_a_body_that_is_too_large() -> None:
    error = Limits(body=7).body_too_large()
    assert (error.status, error.code) == (413, "body_too_large")
    assert "at most 7 bytes" in str(error)


def test_limits_do_not_change_and_have_names() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().body = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Limits(1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "n_words"),
    [
        ("", 0),
        ("a b c", 3),
        ("a, b.", 4),
        ("...", 3),
        ("  a \n\t b  ", 2),
        ("don't", 3),
        ("日本語 のテスト。", 3),
        ("🙂🙂", 2),
        (" " * 100, 0),
        ("a" * 100, 1),
    ],
)
def test_words_and_punctuation_marks_are_counted(text: str, n_words: int) -> None:
    assert not has_more_words(text, n_words)
    assert n_words == 0 or has_more_words(text, n_words - 1)
    assert has_more_words(f"{text} x", n_words)


def test_punctuation_is_not_one_long_word(served: Running) -> None:
    """Four million periods are one word at white space, and four million tokens of the model."""
    for verb in ("classify", "explain", "next", "score"):
        answer = served.post(f"/v1/{verb}", {"texts": "." * 4_000_000})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "text_too_long")
    answer = served.post("/v1/states", {"model": "notes", "text": "." * 4_000_000})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "text")
    answer = served.post("/v1/completions", {"model": "notes", "prompt": "." * 4_000_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "text_too_long")


@pytest.mark.parametrize("text", [" " * 4_000_000, "a" * 4_000_000, "a " * 2_000_000, ". " * 2_000_000])
def test_long_texts_are_counted_in_no_time(text: str) -> None:
    began = time.process_time()
    has_more_words(text, 20_000)
    assert time.process_time() - began < 0.5


def test_values_of_each_word_have_one_budget(narrow: Running) -> None:
    half = "b " * 26
    for path, more in (("/v1/explain", {}), ("/v1/score", {"words": True})):
        both = narrow.post(path, {"texts": [half, half], **more})
        assert (both.status_code, both.json()["error"]["code"]) == (422, "text_too_long")
        assert narrow.post(path, {"texts": [half], **more}).status_code == 200
    # One number for a text: each may have as many words as are allowed.
    assert narrow.post("/v1/score", {"texts": [half, half]}).status_code == 200
    assert narrow.post("/v1/classify", {"texts": [half, half]}).status_code == 200
    echo = {"model": "notes", "prompt": half, "max_tokens": 0, "echo": True, "logprobs": 0}
    assert narrow.post("/v1/completions", echo).status_code == 200
    for more in ({"prompt": [half, half]}, {"n": 2}):
        refused = narrow.post("/v1/completions", {**echo, **more})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "text_too_long")


LONG = "good bad " * 9_000
EXPENSIVE: list[tuple[str, dict[str, Any]]] = [
    ("/v1/score", {"texts": [LONG] * 40}),
    ("/v1/score", {"texts": LONG, "words": True}),
    ("/v1/next", {"texts": [LONG] * 40}),
    ("/v1/states", {"model": "notes", "text": LONG}),
    ("/v1/completions", {"model": "notes", "prompt": LONG, "max_tokens": 9_000, "n": 16}),
    ("/v1/completions", {"model": "notes", "prompt": LONG, "max_tokens": 0, "echo": True, "logprobs": 1}),
]


@pytest.mark.parametrize(("path", "body"), EXPENSIVE)
def test_threads_stop_when_the_time_has_passed(
    impatient: Running, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    """Without a check in the loops, the threads go on for up to a minute after the 503."""
    owner, name = (gates, "_sigmoid") if "states" in path else (onnxruntime.InferenceSession, "run")
    really, calls = getattr(owner, name), []

    def slow(*arguments: Any, **how: Any) -> Any:
        calls.append(0)
        time.sleep(0.02)
        return really(*arguments, **how)

    monkeypatch.setattr(owner, name, slow)
    answer = impatient.post(path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "timeout")
    time.sleep(0.2)
    calls.clear()
    time.sleep(0.2)
    assert not calls
