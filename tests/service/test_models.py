"""A model that changes, is damaged or vanishes on disk while it is served."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from service_workplace import REVIEWS, running, state_of, until, write_labels, write_words

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service import models
from tests.builders import rewrite_json

pytestmark = pytest.mark.usefixtures("often")


def test_a_changed_model_takes_over_between_two_requests(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        it.post("/v1/states", {"text": "good way"})
        write_labels(path, seed=8, labels=("bad", "fair", "good"))
        until(
            lambda: it.http.get("/v1/models").json()["data"][0]["labels"] == ["bad", "fair", "good"]
        )
        after = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        wanted = LabelsRuntime(path).classify(REVIEWS)
        assert [each["probabilities"] for each in after] == [
            pytest.approx(v.probabilities) for v in wanted
        ]
        assert after != before
        assert it.post("/v1/states", {"text": "good way"}).status_code == 200
        assert state_of(it) == "fresh"
        assert 'foretell_model_loads_total{model="reviews"} 2.0' in it.http.get("/metrics").text
        # It may also become one for the other job.
        write_words(path)
        until(lambda: it.post("/v1/next", {"texts": "the mind"}).status_code == 200)
        assert it.post("/v1/classify", {"texts": "the mind"}).status_code == 404


def _no_manifest(path: Path) -> None:
    (path / "manifest.json").write_text("{}")


def _no_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


def _no_object(path: Path) -> None:
    """Metrics that are valid JSON with a true hash, and no object: no one expects that
    exception.
    """
    (path / "metrics.json").write_text("[]")
    rewrite_json(path, "metrics.json", lambda _: None)


@pytest.mark.parametrize("harm", [_no_manifest, _no_object, _no_weights, shutil.rmtree])
def test_a_model_that_is_damaged_or_vanishes_goes_on_answering(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = write_labels(tmp_path / "reviews")
    other = write_words(tmp_path / "notes")
    with running(path, other) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        harm(path)
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.http.get("/health/ready").status_code == 200
        assert 'foretell_model_stale{model="reviews"} 1.0' in it.http.get("/metrics").text
        # The other models are checked on, and so is this one.
        write_words(other, seed=8)
        until(
            lambda: 'foretell_model_loads_total{model="notes"} 2.0' in it.http.get("/metrics").text
        )
        write_labels(path, seed=9)
        until(lambda: state_of(it) == "fresh")


def test_a_broken_model_is_tried_again_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_labels(tmp_path / "reviews")
    tries = list[float]()
    really = models.open_model
    monkeypatch.setattr(models, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(
        models, "open_model", lambda place: (tries.append(time.monotonic()), really(place))[1]
    )
    # Exchanged at once: half a file is another change.
    (tmp_path / "broken").write_text("{}")
    with running(path) as it:
        (tmp_path / "broken").replace(path / "manifest.json")
        until(lambda: len(tries) >= 4)
        assert state_of(it) == "stale"
        # The first time it was opened well.
        assert all(after - before >= 0.2 for before, after in itertools.pairwise(tries[1:]))
        # Another change is tried at once.
        (served,) = it.service.models
        served.retry_at = float("inf")
        write_labels(path, seed=8)
        until(lambda: state_of(it) == "fresh")


def test_a_model_that_is_being_opened_does_not_delay_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_labels(tmp_path / "reviews")
    is_opening = threading.Event()
    go = threading.Event()

    def slow(*_: object) -> None:
        is_opening.set()
        assert go.wait(60)

    try:
        with running(path) as it:
            monkeypatch.setattr(models, "open_model", slow)
            write_labels(path, seed=8)
            assert is_opening.wait(10)
            assert it.post("/v1/classify", {"texts": "good"}).status_code == 200
        # Waited for, it would have been a minute; `running` bears 30 seconds.
        assert not it.service.end_threads(0.1)
    finally:
        go.set()
    assert it.service.end_threads(10)
