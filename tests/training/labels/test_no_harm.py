"""What is given beside the labels does no harm: unlabelled texts, word vectors, a teacher, on real
sets.
"""

from __future__ import annotations

import csv
import io
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell import TextClassifier
from tests.encoders import minilm

pytestmark = pytest.mark.soak

FULL_SETS = Path(os.environ.get("FORETELL_DATA", Path(__file__).parents[4] / "shared" / "data"))
ENGLISH = ("TREC", "MR", "CR", "banking77")
SETS = (*ENGLISH, "germeval18", "waimai", "thucnews")
DRAWS = (1, 2, 3)
LABELS = 300
UNLABELLED = 3_000
TESTED = 2_000
MAX_LOSS = 0.01
"""Accuracy that may be lost, mean of three draws: twice the standard error of 6,000 answers is
about that.
"""

# A tiny network: the linear members are what learns from the other things.
SIZES: dict[str, Any] = {"units": 4, "embedding_size": 8, "length": 60}


def records_of(name: str) -> list[tuple[str, str]]:
    path = FULL_SETS / "few-labels.zip"
    if not path.is_file():
        pytest.skip("needs few-labels.zip in the folder that FORETELL_DATA names")
    with zipfile.ZipFile(path) as file:
        inside = next(each for each in file.namelist() if each.endswith(f"{name}.train.csv"))
        lines = io.TextIOWrapper(file.open(inside), "utf-8", newline="")
        return [(row["text"], row["label"]) for row in csv.DictReader(lines)]


def accuracy(name: str, draw: int, given: dict[str, Any], *, unlabelled: bool) -> float:
    records = records_of(name)
    random.Random(draw).shuffle(records)
    tested = records[:TESTED]
    records = records[TESTED:]
    labelled = records[:LABELS]
    others = records[LABELS : LABELS + UNLABELLED]
    trained = TextClassifier(preset="base", verbose=False, seed=draw, **SIZES).fit(
        [text for text, _ in labelled],
        [label for _, label in labelled],
        unlabelled=[text for text, _ in others] if unlabelled else None,
        **given,
    )
    predicted = trained.predict([text for text, _ in tested])
    return float(
        np.mean([answer == label for answer, (_, label) in zip(predicted, tested, strict=True)])
    )


@pytest.mark.parametrize("name", SETS)
def test_more_knowledge_is_not_less_accuracy(name: str, tmp_path: Path) -> None:
    # GloVe has English words. With texts in another language it must do no harm either.
    variants: dict[str, dict[str, Any]] = {
        "unlabelled": {},
        "unlabelled, vectors": {"vectors": "glove"},
    }
    if name in ENGLISH:
        variants |= {
            "vectors": {"vectors": "glove"},
            "teacher": {"teacher": minilm(tmp_path / "minilm")},
        }
    without = [accuracy(name, draw, {}, unlabelled=False) for draw in DRAWS]
    for variant, given in variants.items():
        gained = [
            accuracy(name, draw, given, unlabelled=variant != "vectors") - before
            for draw, before in zip(DRAWS, without, strict=True)
        ]
        assert np.mean(gained) > -MAX_LOSS, f"{variant}: {gained}"
