"""JSON routes are reached without the router; everything else by it."""

from __future__ import annotations

from typing import Any

import pytest
from service_workplace import Running
from starlette.routing import Router


def test_json_routes_are_reached_without_the_router(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    really = Router.__call__

    async def note(self: Router, scope: Any, receive: Any, send: Any) -> None:
        searched.append(scope["path"])
        await really(self, scope, receive, send)

    monkeypatch.setattr(Router, "__call__", note)
    assert served.http.get("/health/live").status_code == 200
    assert served.http.post("/v1/classify", json={"texts": "good"}).status_code == 200
    assert searched == []
    assert served.http.get("/v1/classify").status_code == 405
    assert served.http.get("/nothing").status_code == 404
    assert served.http.get("/").status_code == 200
    assert searched == ["/v1/classify", "/nothing", "/"]
