"""Streams of server-sent events: their format, and their time limit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from service_workplace import Running, running, until

from foretell.service import generation


def test_a_stream_is_server_sent_events(served: Running) -> None:
    answer = served.post(
        "/v1/completions", {"model": "notes", "prompt": "the", "max_tokens": 2, "stream": True}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(line.removeprefix("data: "))["object"] == "text_completion" for line in lines[:-2])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let each word take a fifth of a second; the event is set at the first one."""
    begun, released = threading.Event(), threading.Event()
    monkeypatch.setattr(generation, "TURN_SECONDS", 0.0)
    turn = generation._turn

    def slowly(words: Any) -> Any:
        begun.set()
        released.wait(0.2)
        return turn(words)

    monkeypatch.setattr(generation, "_turn", slowly)
    yield begun
    released.set()


LONG = {"model": "notes", "prompt": "the mind", "max_tokens": 50, "stream": True}


def last_event(running: Running) -> Any:
    """Return the last event of a long stream, which ends as HTTP requires."""
    with running.http.stream("POST", "/v1/completions", json=LONG) as answer:
        assert answer.status_code == 200
        said = "".join(answer.iter_text())
    assert "[DONE]" not in said
    return json.loads(said.split("\n\n")[-2].removeprefix("data: "))


@pytest.mark.usefixtures("slow")
def test_a_stream_that_takes_too_long_ends_with_an_error(impatient: Running) -> None:
    assert last_event(impatient)["error"]["code"] == "timeout"
    until(lambda: impatient.service.models.waiting.count == 0)


def test_a_stream_that_the_end_of_the_service_ends_says_so(
    models: tuple[Path, Path], slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.server.GRACE_SECONDS", 0.3)
    with ThreadPoolExecutor(1) as pool, running(*models) as it:
        asked = pool.submit(last_event, it)
        assert slow.wait(10)
        it.server.stop()
        assert asked.result(20)["error"]["code"] == "stopping"
