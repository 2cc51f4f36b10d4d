"""The metrics count what happened, in Prometheus's format."""

from __future__ import annotations

import time

from service_workplace import (
    Running,
)


def test_the_metrics_count(served: Running) -> None:
    served.post("/v1/classify", {"texts": ["a", "b", "c"]})
    served.http.get("/nosuchpath")
    served.http.request("PROPFIND", "/health/live")
    # A request is counted after the client has its answer.
    time.sleep(0.1)
    text = served.http.get("/metrics").text
    lines = [line.rpartition(" ") for line in text.splitlines() if line[0] != "#"]
    figures = {name: float(value) for name, _, value in lines}
    assert figures['foretell_texts_total{model="reviews",verb="classify"}'] >= 3
    assert figures['foretell_requests_total{method="POST",route="/v1/classify",status="200"}'] >= 1
    assert figures['foretell_requests_total{method="GET",route="other",status="404"}'] >= 1
    assert figures['foretell_requests_total{method="other",route="/health/live",status="405"}'] >= 1
    assert figures['foretell_batch_texts_count{model="reviews",verb="classify"}'] >= 1
    assert figures["foretell_texts_waiting"] == 0
    assert figures["process_resident_memory_bytes"] > 0
    assert "nosuchpath" not in text


def test_the_metrics_are_prometheus_text(served: Running) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    answer = served.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"foretell_requests", "foretell_request_seconds", "foretell_batch_texts"} <= names
