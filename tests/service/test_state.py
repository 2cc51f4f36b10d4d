"""What a running service holds, and its end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from fastapi import Request
from service_workplace import Running

from foretell.service.app import create_app, create_service
from foretell.service.auth import access
from foretell.service.limits import Limits
from foretell.service.state import service_of


def test_threads_that_work_are_not_waited_for(models: tuple[Path, Path]) -> None:
    service = create_service([("reviews", models[0])], Limits())
    go = threading.Event()
    working = service.pools["explain"].submit(go.wait, 10)
    waiting = [service.pools["explain"].submit(time.sleep, 0) for _ in range(5)]
    began = time.monotonic()
    service.close()
    assert time.monotonic() - began < 1
    assert not working.done()
    go.set()
    assert working.result(10)
    # A task that a second thread had begun needs a moment to end.
    deadline = time.monotonic() + 5
    while not all(each.done() for each in waiting) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(each.done() for each in waiting)


def test_a_request_gives_its_service(served: Running) -> None:
    app = create_app(served.service, access("127.0.0.1"))
    assert service_of(Request({"type": "http", "app": app})) is served.service
