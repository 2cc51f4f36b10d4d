"""Logs have ids, routes and counts, and never a word of the texts; the metrics count what
happened.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from service_workplace import Running, until

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.logs import JsonLines

SECRET = "mysecretword"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, as the service writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in ("foretell.service", "uvicorn.error")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield written
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def _requests(lines: io.StringIO, count: int) -> list[dict[str, Any]]:
    """Wait for the lines of so many requests: each is written after the client has its answer."""
    until(lambda: lines.getvalue().count('"request"') >= count)
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["event"] == "request"]


def test_a_request_is_one_line_without_its_texts(served: Running, lines: io.StringIO) -> None:
    answer = served.post(f"/v1/classify?q={SECRET}", {"texts": [SECRET, "b"]})
    served.post(
        "/v1/completions", {"model": "notes", "prompt": SECRET, "stop": SECRET, "max_tokens": 1}
    )
    served.post("/v1/classify", {"texts": SECRET, SECRET: 1})
    served.post("/v1/states", {"model": SECRET, "text": SECRET})
    served.http.get(f"/{SECRET}", headers={"X-Request-ID": SECRET + '"', "User-Agent": SECRET})
    found = _requests(lines, 5)
    assert SECRET not in lines.getvalue()
    assert [line["status"] for line in found] == [200, 200, 422, 404, 404]
    first = found[0]
    assert first["request_id"] == answer.headers["x-request-id"]
    assert {name: first[name] for name in ("method", "route", "model", "texts", "level")} == {
        "method": "POST",
        "route": "/v1/classify",
        "model": "reviews",
        "texts": 2,
        "level": "info",
    }
    assert first["ms"] > 0
    assert found[-1]["route"] == "other"


def test_a_clients_request_id_is_kept_where_it_is_one(served: Running, lines: io.StringIO) -> None:
    answer = served.http.get("/health/live", headers={"X-Request-ID": "my-id.7"})
    assert answer.headers["x-request-id"] == "my-id.7"
    for forged in ("a b", "x" * 129, "é".encode("latin-1"), ""):
        answer = served.http.get("/health/live", headers={b"X-Request-ID": forged})
        assert answer.headers["x-request-id"].isalnum()
    assert len({line["request_id"] for line in _requests(lines, 5)}) == 5


def test_a_failure_of_ours_is_a_500_whose_log_says_where_but_not_what(
    served: Running, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: LabelsRuntime, texts: list[str], **how: Any) -> Any:
        assert how
        raise RuntimeError(f"cannot read {texts}")

    monkeypatch.setattr(LabelsRuntime, "classify", fail)
    answer = served.post("/v1/classify", {"texts": SECRET})
    assert answer.status_code == 500
    assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == (
        "server_error",
        "internal",
    )
    assert SECRET not in lines.getvalue() + answer.text
    events = map(json.loads, lines.getvalue().splitlines())
    failure = next(event for event in events if event["event"] == "internal_error")
    assert failure["error"] == "RuntimeError"
    assert failure["request_id"] == answer.headers["x-request-id"]
    assert any("fail" in place for place in failure["at"])
    monkeypatch.undo()
    assert served.post("/v1/classify", {"texts": SECRET}).status_code == 200
