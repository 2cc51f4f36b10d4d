"""A model that changes, is damaged or vanishes on disk while it is served."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from service_workplace import REVIEWS, Running, running, write_labels, write_words

from foretell.errors import NotAModelError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service import models as served_models
from foretell.service.app import create_service
from foretell.service.limits import Limits
from foretell.service.models import named_places


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_models, "CHECK_SECONDS", 0.02)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _state(it: Running) -> str:
    return str(it.http.get("/v1/models").json()["data"][0]["state"])


def test_a_changed_model_takes_over_between_two_requests(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        it.post("/v1/states", {"text": "good way"})
        write_labels(path, seed=8, labels=("bad", "fair", "good"))
        _until(lambda: it.http.get("/v1/models").json()["data"][0]["labels"] == ["bad", "fair", "good"])
        after = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        wanted = LabelsRuntime.open(path).classify(REVIEWS)
        assert [each["probabilities"] for each in after] == [pytest.approx(v.probabilities) for v in wanted]
        assert after != before
        assert it.post("/v1/states", {"text": "good way"}).status_code == 200
        assert _state(it) == "fresh"
        assert 'foretell_model_loads_total{model="reviews"} 2.0' in it.http.get("/metrics").text


def test_a_model_may_become_one_for_the_other_job(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "model")
    with running(path) as it:
        write_words(path)
        _until(lambda: it.post("/v1/next", {"texts": "the mind"}).status_code == 200)
        assert it.post("/v1/classify", {"texts": "the mind"}).status_code == 404


def test_a_model_that_vanishes_goes_on_answering(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        shutil.move(path, tmp_path / "away")
        _until(lambda: _state(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.http.get("/health/ready").status_code == 200
        # What needs the files says so.
        states = it.post("/v1/states", {"text": "good"})
        assert (states.status_code, states.json()["error"]["code"]) == (503, "model_unavailable")
        # Nothing of where they were.
        assert str(tmp_path) not in states.text
        assert 'foretell_model_stale{model="reviews"} 1.0' in it.http.get("/metrics").text
        shutil.move(tmp_path / "away", path)
        _until(lambda: _state(it) == "fresh")
        assert it.post("/v1/states", {"text": "good"}).status_code == 200


def test_a_directory_that_is_deleted_piece_by_piece_is_no_change(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        for file in sorted(path.rglob("*"), key=lambda each: each.name == "manifest.json"):
            if file.is_file():
                file.unlink()
                assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
                assert it.post("/v1/states", {"text": "good"}).json()["error"]["code"] == "model_unavailable"
        shutil.rmtree(path)
        _until(lambda: _state(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.post("/v1/states", {"text": "good"}).status_code == 503


def test_a_damaged_model_does_not_take_over(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        (path / "manifest.json").write_text("{}")
        _until(lambda: _state(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        write_labels(path)
        _until(lambda: _state(it) == "fresh")


def test_what_is_no_model_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(NotAModelError):
        create_service([("nothing", tmp_path / "nothing")], Limits())


def test_models_are_named_as_their_directories_or_as_one_says(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    arguments = [str(tmp_path / "notes"), f"sentiment={tmp_path}/x", str(tmp_path / "a=b")]
    assert named_places(arguments) == [
        ("notes", tmp_path / "notes"),
        ("sentiment", tmp_path / "x"),
        ("a=b", tmp_path / "a=b"),
    ]
    for wrong in ([], ["=x"], ["a\nb=x"], ["a/b=x"], ["</script>=x"], ["n" * 201 + "=x"]):
        with pytest.raises(UsageError):
            named_places(wrong)


def test_two_models_of_one_name_are_refused(models: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="NAME=DIRECTORY"):
        create_service([("same", models[0]), ("same", models[1])], Limits())


def test_a_hostile_name_is_a_name(models: tuple[Path, Path]) -> None:
    name = "<img src=x onerror=alert(1)>"
    service = create_service([(name, models[0])], Limits())
    assert [served.card().id for served in service.models] == [name]
    service.pool.shutdown()
