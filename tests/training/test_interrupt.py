"""Signals: where they stop a training, what a second one does, and how the run is resumed."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from foretell.errors import Interrupted
from foretell.training.interrupt import Interrupt, interrupted, nothing_to_resume

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_where_the_main_thread_is(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)
    assert interrupt.signal == number
    assert interrupt.exit_code() == EXIT_CODES[number]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_deferred_signal_is_only_noted(number: signal.Signals) -> None:
    with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
        assert not interrupt.at(1)
        os.kill(os.getpid(), number)
        assert interrupt.at(2)
        with pytest.raises(Interrupted, match=number.name):
            interrupt.check()
    assert interrupt.exit_code() == EXIT_CODES[number]


def test_a_signal_that_nobody_asked_for_is_raised_when_it_is_no_longer_deferred() -> None:
    done = []

    def train(interrupt: Interrupt) -> None:
        with interrupt.deferred():
            with interrupt.deferred():
                os.kill(os.getpid(), signal.SIGINT)
            done.append("the last step")
        done.append("what follows")

    with Interrupt() as interrupt, pytest.raises(Interrupted):
        train(interrupt)
    assert done == ["the last step"]


def test_a_second_signal_has_its_effect_without_foretell() -> None:
    """Python's own for SIGINT, here; for SIGTERM, a handler of the program."""
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        with Interrupt() as interrupt, suppress(Interrupted), interrupt.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            assert received == [signal.SIGTERM]
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_ignored_signal_stays_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_worker_threads_stop_at_their_check() -> None:
    started = threading.Event()

    def work(interrupt: Interrupt) -> None:
        while True:
            started.set()
            interrupt.check()

    with Interrupt() as interrupt, ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(work, interrupt) for _ in range(2)]
        started.wait()
        interrupt.request(signal.SIGTERM)
        for future in futures:
            with pytest.raises(Interrupted):
                future.result(timeout=10)


def test_off_the_main_thread_it_can_be_requested() -> None:
    def work() -> None:
        with Interrupt() as interrupt:
            interrupt.request()
            interrupt.check()

    with ThreadPoolExecutor(1) as threads, pytest.raises(Interrupted):
        threads.submit(work).result(timeout=10)


def test_stop_after_steps_counts_from_the_start_of_the_run() -> None:
    interrupt = Interrupt(stop_after_steps=10)
    assert [interrupt.at(step) for step in (9, 10, 11)] == [False, True, True]
    interrupt.check()


def test_another_programs_main_is_not_foretells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/x/pytest/__main__.py", "tests"])
    assert interrupted(12, Path("m")).fix == "train again with resume=True and out='m'"


@pytest.mark.parametrize("program", ["/usr/bin/foretell", "/x/foretell/__main__.py"])
def test_the_error_names_the_command_that_resumes(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("sys.argv", [program, "train", "words", "my notes.txt", "--out", "m", "--restart"])
    error = interrupted(12, Path("m"))
    assert error.exit_code == 130
    assert error.fix == "foretell train words 'my notes.txt' --out m --resume"
    assert "after step 12" in str(error)


def test_a_temporary_run_ends_with_a_keyboard_interrupt() -> None:
    """scikit-learn's searches would take an `Exception` for the failure of one model, and go on."""
    with pytest.raises(KeyboardInterrupt, match="out="), nothing_to_resume(is_temporary=True):
        raise interrupted(3, Path("m"))
    with pytest.raises(Interrupted, match="resume=True"), nothing_to_resume(is_temporary=False):
        raise interrupted(3, Path("m"))
