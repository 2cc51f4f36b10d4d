"""A log that is not read delays no request: lines are dropped and counted."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from foretell.cli.log_thread import MAX_LINES, LogThread
from foretell.service.logs import JsonLines


@pytest.fixture
def dropped() -> Counter:
    return Counter("dropped", "Lines.", registry=CollectorRegistry())


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("foretell.service")
    level = logger.level
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(level)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def attach(logger: logging.Logger, file: int, dropped: Counter) -> LogThread:
    handler = LogThread(file, dropped)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    return handler


def test_lines_that_nobody_reads_are_dropped_counted_and_told(
    logger: logging.Logger, dropped: Counter
) -> None:
    reading, writing = os.pipe()
    handler = attach(logger, writing, dropped)
    sent = MAX_LINES + 2_000
    for number in range(sent):
        logger.info("request", extra={"fields": {"number": number}})
    lost = int(dropped._value.get())
    assert 0 < lost <= 2_000
    content = b""
    is_told = threading.Event()

    def read() -> None:
        nonlocal content
        while b"log_lines_dropped" not in content or not content.endswith(b"\n"):
            content += os.read(reading, 1 << 16)
        is_told.set()

    threading.Thread(target=read, daemon=True).start()
    assert is_told.wait(10)
    handler.flush()
    *lines, notice = map(json.loads, content.splitlines())
    # Where the thread writes meanwhile, lines in between are dropped.
    written = [line["number"] for line in lines]
    assert len(written) == sent - lost
    assert written == sorted(set(written))
    assert (notice["event"], notice["level"], notice["lines"]) == (
        "log_lines_dropped",
        "warning",
        lost,
    )


def test_a_reader_that_has_ended_stops_nothing(logger: logging.Logger, dropped: Counter) -> None:
    reading, writing = os.pipe()
    handler = attach(logger, writing, dropped)
    os.close(reading)
    for _ in range(3):
        logger.info("request")
    handler.flush()
    assert dropped._value.get() == 3


def test_only_the_first_line_of_a_message_is_logged(
    logger: logging.Logger, dropped: Counter
) -> None:
    """asyncio appends lines that may quote a text."""
    reading, writing = os.pipe()
    handler = attach(logger, writing, dropped)
    logger.error("Task exception was never retrieved\nfuture: <Task exception='mysecretword'>")
    handler.flush()
    assert json.loads(os.read(reading, 1 << 16))["event"] == "Task exception was never retrieved"
