"""Labels keep the type that the data had: numbers, booleans and text."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("tensorflow")

import foretell
from foretell.artifacts.directory import open_verified
from foretell.config import LabelsSettings
from foretell.data.examples import read_examples
from foretell.data.label_types import (
    classes_of_names,
    common_type,
    json_value,
    ordered,
    type_of,
)
from foretell.errors import ArtifactError
from tests.builders import rewrite_json, write_random

TEXTS = [f"{word} thing number {n}" for n in range(8) for word in ("good", "awful")]
TINY: dict[str, Any] = {
    "preset": "cnn-lstm", "units": 4, "embedding_size": 4, "epochs": 1, "length": 12, "filters": 4,
    "dense_units": 4, "valid_fraction": 0.0,
}  # fmt: skip
FIRST, SECOND = dt.date(2025, 12, 31), dt.date(2026, 1, 2)


@pytest.mark.parametrize(
    ("pair", "label_type", "classes"),
    [
        ((10, 9), "integer", [9, 10]),
        ((True, False), "boolean", [False, True]),
        ((1.0, 0.0), "number", [0.0, 1.0]),
        ((SECOND, FIRST), "text", [str(FIRST), str(SECOND)]),
        (("b", "a"), "text", ["a", "b"]),
    ],
)
def test_fitted_saved_and_loaded_labels_are_of_their_type(
    tmp_path: Path, pair: tuple[Any, Any], label_type: str, classes: list[Any]
) -> None:
    model = foretell.TextClassifier(**TINY).fit(TEXTS, list(pair) * 8, out=tmp_path / "m", baseline=False)
    loaded = foretell.load(tmp_path / "m")
    for each in (model, loaded):
        assert each.classes_.tolist() == classes
        (answer,) = each.predict([TEXTS[0]])
        assert answer in classes
        assert type(answer) is type(classes[0])
        (verdict,) = each.classify([TEXTS[0]])
        assert list(verdict.probabilities) == classes
        assert verdict.label == answer
        assert each.explain(TEXTS[0]).label == answer
    np.testing.assert_array_equal(model.predict_proba(TEXTS), loaded.predict_proba(TEXTS))
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config.get("label_type", "text") == label_type
    assert loaded.evaluate(TEXTS, list(pair) * 8)["texts"] == 16
    plain = verdict.plain()
    assert json.loads(json.dumps(plain.label)) == json_value(answer)
    assert list(plain.probabilities) == [str(each) for each in classes]


def test_a_table_keeps_the_types_and_csv_has_none(tmp_path: Path) -> None:
    rows = [{"text": text, "label": 1 + i % 2} for i, text in enumerate(TEXTS)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.csv").write_text(
        "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows)
    )
    assert read_examples(tmp_path / "a.jsonl").label_type == "integer"
    assert read_examples(tmp_path / "a.csv").label_type == "text"
    frame = pd.DataFrame(rows)
    assert read_examples(frame).label_type == "integer"
    # With a gap pandas makes 1.0 of 1.
    assert read_examples(frame.assign(label=[None, *frame.label[1:]])).label_type == "integer"
    assert read_examples(frame.assign(label=frame.label == 1)).label_type == "boolean"
    assert read_examples(frame.assign(label=[1, "x"] * 8)).label_type == "text"
    # A file of a model's own kind of labels is compared by their names.
    model = foretell.TextClassifier(**TINY).fit(str(tmp_path / "a.jsonl"), baseline=False)
    assert model.classes_.tolist() == [1, 2]
    assert model.evaluate(str(tmp_path / "a.csv"))["accuracy"] == model.evaluate(frame)["accuracy"]


def test_types_of_values() -> None:
    assert [type_of(each) for each in (True, np.bool_(False), 3, np.int8(3), 3.0, 2.5, FIRST, "x")] == [
        "boolean", "boolean", "integer", "integer", "integer", "number", "text", "text",
    ]  # fmt: skip
    assert common_type(["integer", "number"]) == "number"
    assert common_type(["integer", "boolean"]) == "text"
    assert ordered(["10", "9", "10"], "integer") == ["9", "10"]
    assert classes_of_names([str(1 << 70)], "integer").dtype == object


@pytest.mark.parametrize(
    ("label_type", "labels"), [("decimal", ["1", "2"]), ("integer", ["a", "b"]), ("integer", ["01", "1"]),
                               ("boolean", ["no", "yes"]), ("integer", ["10", "9"])]
)  # fmt: skip
def test_a_directory_whose_labels_are_not_of_their_type_is_refused(
    tmp_path: Path, label_type: str, labels: list[str]
) -> None:
    # No training: the directory is refused before anything is predicted.
    write_random(tmp_path / "m", LabelsSettings(units=3, embedding_size=2), ["1", "2"])
    rewrite_json(
        tmp_path / "m", "config.json", lambda config: config.update(label_type=label_type, labels=labels)
    )
    with pytest.raises(ArtifactError):
        open_verified(tmp_path / "m")
