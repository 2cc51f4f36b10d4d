"""A hub on this machine, and models to push. The real client of huggingface_hub talks to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.config import LabelsSettings, WordsSettings
from tests.builders import random_linear_model, write_random
from tests.hub.hub_fixture import hub

__all__ = ["hub"]

TEXT = "good food and kind people bad food and a long wait"
MISTAKE = "bad food and a long wait, and nobody said that they were sorry"
SMALL = {"embedding_size": 4, "units": 4}
METRICS = {"accuracy": 0.75, "macro_f1": 0.7, "valid_texts": 12, "labels": {"bad": {"f1": 0.7}}}


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a linear model, metrics, a report and a text in its metrics."""
    path = tmp_path_factory.mktemp("models") / "reviews-model"
    write_random(
        path,
        LabelsSettings(**SMALL),
        ["bad", "good"],
        text=TEXT,
        linear=random_linear_model(12, 1),
        metrics={
            **METRICS,
            "mistakes": [{"text": MISTAKE, "label": "good"}],
            "measured_on": "12 validation texts",
            "notes": ["a text that nobody expected here", "/home/ada/texts.csv"],
            "vectors": {"name": "vectors.txt", "words": 3, "known_words": 2, "more_words": 1},
        },
    )
    (path / "run").mkdir()
    (path / "run" / "report.html").write_text(MISTAKE)
    return path


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model without metrics."""
    path = tmp_path_factory.mktemp("models") / "notes-model"
    return write_random(path, WordsSettings(**SMALL), text=TEXT)
