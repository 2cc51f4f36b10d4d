"""A computation on one thread stops at its next check; other threads go on."""

from __future__ import annotations

import threading

import pytest

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.stopping import StoppedError, check_stopped, stops_when


def test_only_this_thread_stops_and_only_in_the_block() -> None:
    seen = []
    with stops_when(lambda: True):
        with pytest.raises(StoppedError, match="given up"):
            check_stopped()
        other = threading.Thread(target=lambda: seen.append(check_stopped()))
        other.start()
        other.join()
        with stops_when(lambda: False):
            check_stopped()
        with pytest.raises(StoppedError):
            check_stopped()
    check_stopped()
    assert seen == [None]


def test_a_classifier_stops_between_two_batches(any_labels: LabelsRuntime) -> None:
    turns = iter([False] * 3)
    with stops_when(lambda: next(turns, True)), pytest.raises(StoppedError):
        any_labels.predict_proba(["the mind"] * 400)
    assert len(any_labels.predict_proba(["the mind"] * 400)) == 400
