"""The probes."""

from __future__ import annotations

from service_workplace import (
    Running,
)


def test_a_service_that_stops_is_not_ready(served: Running) -> None:
    assert served.http.get("/health/live").json() == {"status": "live"}
    assert served.http.get("/health/ready").json() == {"status": "ready"}
    served.service.is_stopping = True
    try:
        answer = served.http.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    finally:
        served.service.is_stopping = False
