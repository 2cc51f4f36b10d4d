"""A model in memory answers without its files; what needs them is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from service_workplace import REVIEWS, running, state_of, until, write_labels

pytestmark = pytest.mark.usefixtures("often")


def test_a_model_that_vanishes_goes_on_answering(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        shutil.move(path, tmp_path / "away")
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.http.get("/health/ready").status_code == 200
        # What needs the files says so.
        states = it.post("/v1/states", {"text": "good"})
        assert (states.status_code, states.json()["error"]["code"]) == (503, "model_unavailable")
        # Nothing of where they were.
        assert str(tmp_path) not in states.text
        assert 'foretell_model_stale{model="reviews"} 1.0' in it.http.get("/metrics").text
        shutil.move(tmp_path / "away", path)
        until(lambda: state_of(it) == "fresh")
        assert it.post("/v1/states", {"text": "good"}).status_code == 200


def test_a_directory_that_is_deleted_piece_by_piece_is_no_change(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "reviews")
    with running(path) as it:
        before = it.post("/v1/classify", {"texts": REVIEWS}).json()
        # The weights first: the states need them and no other file.
        for file in sorted(path.rglob("*"), key=lambda each: each.name != "model.safetensors"):
            if file.is_file():
                file.unlink()
                assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
                assert it.post("/v1/states", {"text": "good"}).json()["error"]["code"] == "model_unavailable"
        shutil.rmtree(path)
        until(lambda: state_of(it) == "stale")
        assert it.post("/v1/classify", {"texts": REVIEWS}).json() == before
        assert it.post("/v1/states", {"text": "good"}).status_code == 503
