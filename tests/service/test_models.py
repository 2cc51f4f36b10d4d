"""A model that changes, is damaged or vanishes on disk while it is served."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path

import pytest
from service_workplace import REVIEWS, running, state_of, until, write_labels, write_words

from foretell.errors import NotAModelError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.service import models
from foretell.service.limits import Limits
from foretell.service.models import named_places
from foretell.service.state import create_service
from tests.builders import rewrite_json

pytestmark = pytest.mark.usefixtures("often")


def test_a_changed_model_takes_over_between_two_requests(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        it.post("/v1/states", {"text": "good way"})
        write_labels(path, seed=8, labels=("bad", "fair", "good"))
        until(lambda: it.http.get("/v1/models").json()["data"][0]["labels"] == ["bad", "fair", "good"])
        after = it.post("/v1/classify", {"texts": REVIEWS}).json()["answers"]
        wanted = LabelsRuntime.open(path).classify(REVIEWS)
        assert [each["probabilities"] for each in after] == [pytest.approx(v.probabilities) for v in wanted]
        assert after != before
        assert it.post("/v1/states", {"text": "good way"}).status_code == 200
        assert state_of(it) == "fresh"
        assert 'foretell_model_loads_total{model="reviews"} 2.0' in it.http.get("/metrics").text


def test_a_model_may_become_one_for_the_other_job(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "model")
    with running(path) as it:
        write_words(path)
        until(lambda: it.post("/v1/next", {"texts": "the mind"}).status_code == 200)
        assert it.post("/v1/classify", {"texts": "the mind"}).status_code == 404


def test_a_damaged_model_does_not_take_over(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        (path / "manifest.json").write_text("{}")
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        write_labels(path)
        until(lambda: state_of(it) == "fresh")


def test_an_unexpected_exception_does_not_end_the_checks(tmp_path: Path) -> None:
    """metrics.json may be valid JSON with a valid hash, and not an object."""
    path, other = write_labels(tmp_path / "reviews"), write_words(tmp_path / "notes")
    with running(path, other) as it:
        write_labels(path, seed=8)
        (path / "metrics.json").write_text("[]")
        rewrite_json(path, "metrics.json", lambda _: None)
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).status_code == 200
        loads = 'foretell_model_loads_total{model="notes"} 2.0'
        write_words(other, seed=8)
        until(lambda: loads in it.http.get("/metrics").text)
        write_labels(path, seed=9)
        until(lambda: state_of(it) == "fresh")


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


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with pytest.raises(UsageError, match="NAME=DIRECTORY"):
        create_service([("same", path), ("same", path)], Limits())


def test_a_hostile_name_is_a_name(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    service = create_service([(name, write_labels(tmp_path / "reviews"))], Limits())
    assert [model.name for model in service.models] == [name]
    service.close()


def test_a_model_that_vanishes_goes_on_answering(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        shutil.move(path, tmp_path / "away")
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.http.get("/health/ready").status_code == 200
        assert it.post("/v1/states", {"text": "good"}).status_code == 200
        assert 'foretell_model_stale{model="reviews"} 1.0' in it.http.get("/metrics").text
        shutil.move(tmp_path / "away", path)
        until(lambda: state_of(it) == "fresh")


def test_a_directory_that_is_deleted_piece_by_piece_is_no_change(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        for file in path.rglob("*"):
            if file.is_file():
                file.unlink()
                assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        shutil.rmtree(path)
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before


def test_a_broken_model_is_tried_again_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tries, really = write_labels(tmp_path / "reviews"), list[float](), models.open_model
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
