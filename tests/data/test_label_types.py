"""Labels keep the type that the data had: numbers, booleans and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import foretell
from foretell.artifacts.directory import read_model
from foretell.config import LabelsSettings
from foretell.data.examples import read_examples
from foretell.data.label_types import LabelType, classes_of_names, json_value
from foretell.errors import ArtifactError
from tests.builders import rewrite_json, write_random

TEXTS = [f"{word} thing number {n}" for n in range(8) for word in ("good", "awful")]
SETTINGS = LabelsSettings(units=3, embedding_size=2)


@pytest.mark.parametrize(
    ("label_type", "classes"), [("integer", [9, 10]), ("boolean", [False, True])]
)
def test_answers_of_a_model_are_of_the_type_of_its_labels(
    tmp_path: Path, label_type: LabelType, classes: list[Any]
) -> None:
    write_random(tmp_path / "m", SETTINGS, list(map(str, classes)), label_type=label_type)
    loaded = foretell.load(tmp_path / "m")
    assert loaded.classes_.tolist() == classes
    (answer,), (verdict,) = loaded.predict([TEXTS[0]]), loaded.classify([TEXTS[0]])
    assert answer in classes
    assert type(answer) is type(classes[0])
    assert list(verdict.probabilities) == classes
    assert verdict.label == loaded.explain(TEXTS[0]).label == answer
    assert json.loads(json.dumps(verdict.plain().label)) == json_value(answer)


def test_a_table_keeps_the_types_and_csv_has_none(tmp_path: Path) -> None:
    rows = [{"text": text, "label": 1 + i % 2} for i, text in enumerate(TEXTS)]
    frame = pd.DataFrame(rows)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source, label_type in (
        (tmp_path / "a.jsonl", "integer"),
        (tmp_path / "a.csv", "text"),
        (frame, "integer"),
        # With a gap pandas makes 1.0 of 1.
        (frame.assign(label=[None, *frame.label[1:]]), "integer"),
        (frame.assign(label=frame.label == 1), "boolean"),
        (frame.assign(label=[1, "x"] * 8), "text"),
    ):
        assert read_examples(source).label_type == label_type
    assert classes_of_names([str(1 << 70)], "integer").dtype == object


@pytest.mark.parametrize(
    ("label_type", "labels"),
    [
        ("decimal", ["1", "2"]),
        ("integer", ["a", "b"]),
        ("integer", ["01", "1"]),
        ("boolean", ["no", "yes"]),
        ("integer", ["10", "9"]),
    ],
)
def test_a_directory_whose_labels_are_not_of_their_type_is_refused(
    tmp_path: Path, label_type: str, labels: list[str]
) -> None:
    write_random(tmp_path / "m", SETTINGS, ["1", "2"])
    rewrite_json(
        tmp_path / "m",
        "config.json",
        lambda config: config.update(label_type=label_type, labels=labels),
    )
    with pytest.raises(ArtifactError):
        read_model(tmp_path / "m")
