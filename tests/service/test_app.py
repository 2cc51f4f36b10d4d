"""The application: the order of its middleware, and the life of its pool."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from service_workplace import Running

from foretell.service.app import ROUTERS, create_app, create_service
from foretell.service.auth import access
from foretell.service.limits import Limits


def test_a_refused_request_is_logged_and_has_the_headers_too(served: Running) -> None:
    answer = served.http.get("/v1/models", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["x-request-id"]
    assert "content-security-policy" in answer.headers
    assert 'status="421"' in served.http.get("/metrics").text


def test_the_threads_end_with_the_application(models: tuple[Path, Path]) -> None:
    service = create_service([("reviews", models[0])], Limits())
    with TestClient(create_app(service, access("127.0.0.1")), base_url="http://localhost") as client:
        assert client.post("/v1/classify", json={"texts": "good"}).status_code == 200
        assert client.post("/v1/states", json={"text": "good"}).status_code == 200
    assert all(pool._shutdown for pool in service.pools.values())


def test_every_router_is_included(served: Running) -> None:
    paths = {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    assert set(served.http.get("/openapi.json").json()["paths"]) == paths
