"""The list of models."""

from __future__ import annotations

from pathlib import Path

from service_workplace import (
    Running,
)

from foretell.runtime.labels.classifier import LabelsRuntime

Models = tuple[Path, Path]


def test_models_are_listed_by_name(served: Running, models: Models) -> None:
    found = {model["id"]: model for model in served.http.get("/v1/models").json()["data"]}
    assert found["reviews"]["labels"] == LabelsRuntime.open(models[0]).labels
    assert found["notes"]["layers"] == [{"name": "lstm_1", "units": 8}, {"name": "lstm_2", "units": 8}]
    assert served.http.get("/v1/models/notes").json() == found["notes"]
    assert served.http.get("/v1/models/nosuch").status_code == 404
