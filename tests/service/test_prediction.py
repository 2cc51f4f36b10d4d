"""A request for predictions that the models cannot answer is named."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from service_workplace import Running, held_up

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service.models import CONCURRENCY
from foretell.service.schemas import ResponseBody


def test_what_the_models_cannot_do_is_told(served: Running) -> None:
    cases = [
        ("/v1/classify", {"model": "notes", "texts": "a"}, 400, "wrong_job"),
        ("/v1/classify", {"model": "nosuch", "texts": "a"}, 404, "model_not_found"),
        ("/v1/next", {"model": "reviews", "texts": "a"}, 400, "wrong_job"),
        ("/v1/states", {"text": "a"}, 404, "model_not_found"),
        ("/v1/states", {"model": "notes", "text": "a", "layer": "dense"}, 422, "cannot_answer"),
        ("/v1/states", {"model": "notes", "text": "a", "unit": 8}, 422, None),
        ("/v1/score", {"texts": ""}, 422, "cannot_answer"),
    ]
    assert served.post("/v1/score", {"texts": ["a", ""]}).json()["error"]["param"] == "texts.1"
    for path, body, status, code in cases:
        answer = served.post(path, body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.json()["error"]["code"] == code
    assert served.post("/v1/classify", {"texts": "good"}).status_code == 200


def test_slow_requests_do_not_delay_a_verdict(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(8) as clients, held_up(monkeypatch, LabelsRuntime, "explain") as (_, arrived):
        slow = [clients.submit(served.post, "/v1/explain", {"texts": "good"}) for _ in range(8)]
        for _ in range(CONCURRENCY):
            assert arrived.acquire(timeout=5)
        assert served.post("/v1/classify", {"texts": "good"}).status_code == 200
        assert served.post("/v1/next", {"texts": "the"}).status_code == 200
    assert {each.result().status_code for each in slow} == {200}


def test_a_large_response_is_made_in_the_threads(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    make = ResponseBody.json_of.__func__

    def noting(cls: type[ResponseBody], source: object) -> bytes:
        threads.add(threading.current_thread().name.rpartition("_")[0])
        return make(cls, source)

    monkeypatch.setattr(ResponseBody, "json_of", classmethod(noting))
    served.post("/v1/classify", {"texts": "good"})
    served.post("/v1/explain", {"texts": "good"})
    served.post("/v1/next", {"texts": "the"})
    served.post("/v1/score", {"texts": "the mind", "words": True})
    served.post("/v1/states", {"model": "notes", "text": "the mind"})
    assert threads == {f"foretell-{verb}" for verb in ("classify", "explain", "next", "score", "states")}
