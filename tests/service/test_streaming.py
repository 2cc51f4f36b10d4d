"""Streams of server-sent events: their format, and their time limit."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest
from service_workplace import (
    Running,
)


def test_a_stream_is_server_sent_events(served: Running) -> None:
    answer = served.post(
        "/v1/completions", {"model": "notes", "prompt": "the", "max_tokens": 2, "stream": True}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(line.removeprefix("data: "))["object"] == "text_completion" for line in lines[:-2])


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
