"""Logs have ids, routes and counts, and never a word of the texts; the metrics count what
happened.
"""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_refusals_are_one_series_whatever_is_asked_for(served: Running) -> None:
    def series() -> list[str]:
        lines = served.http.get("/metrics").text.splitlines()
        return [line.rpartition(" ")[0] for line in lines if line.startswith("foretell_request")]

    def count() -> float:
        lines = served.http.get("/metrics").text.splitlines()
        name = "foretell_requests_refused_total "
        return float(next(line for line in lines if line.startswith(name)).removeprefix(name))

    served.http.get("/metrics")
    before = series()
    counted = count()
    odd = [(method, path) for method in ("PUT", "LOCK", "OPTIONS") for path in ("/v1/score", "/no")]
    for method, path in odd:
        assert served.http.request(method, path).status_code in (404, 405)
    for number in range(4):
        headers = {"Host": f"evil{number}.example"}
        assert served.http.get("/v1/models", headers=headers).status_code == 421
    until(lambda: count() == counted + len(odd) + 4)
    assert series() == before


def test_metrics_hold_nobody_up_and_few_may_wait(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    come = threading.Semaphore(0)

    def slow(_: object) -> bytes:
        come.release()
        assert go.wait(10)
        return b""

    with monkeypatch.context() as patch, ThreadPoolExecutor(20) as pool:
        patch.setattr("foretell.service.app.generate_latest", slow)
        asked = [pool.submit(served.http.get, "/metrics") for _ in range(20)]
        assert come.acquire(timeout=10)
        assert served.post("/v1/classify", {"texts": "good"}).status_code == 200
        until(lambda: sum(each.done() for each in asked) == 4)
        go.set()
    assert sorted(each.result().status_code for each in asked) == [200] * 16 + [429] * 4
