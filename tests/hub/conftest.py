"""A hub on this machine, and models to push. The real client of huggingface_hub talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from foretell.config import LabelsSettings, WordsSettings
from tests.builders import random_linear_model, write_random
from tests.hub.stand_in import TOKEN, Hub, Repository, serving

TEXT = "good food and kind people bad food and a long wait"
SECRET = "bad food and a long wait, and nobody said that they were sorry"
SMALL = {"embedding_size": 4, "units": 4}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub, with a token that may write and an empty cache."""
    home = tmp_path / "hf"
    with serving() as started:
        # The client reads its environment when it is imported, which another test may have done.
        values: dict[str, object] = {
            "ENDPOINT": started.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": started.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_OFFLINE": False,
        }
        for name, value in values.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield started
        close_session()


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a linear model, metrics, a report and a text in its metrics."""
    path = tmp_path_factory.mktemp("models") / "reviews-model"
    metrics = {
        "accuracy": 0.75,
        "labels": {"bad": {"f1": 0.7}},
        "examples": [{"text": SECRET, "label": "good"}],
        "measured_on": "12 validation texts",
        "notes": ["a text that nobody expected here", "/home/ada/texts.csv"],
        "vectors": {"name": "vectors.txt", "words": 3, "known_words": 2, "more_words": 1},
    }
    linear = random_linear_model(12, 1)
    write_random(
        path, LabelsSettings(**SMALL), ["bad", "good"], text=TEXT, linear=linear, metrics=metrics
    )
    (path / "run").mkdir()
    (path / "run" / "report.html").write_text(SECRET)
    return path


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model without metrics."""
    path = tmp_path_factory.mktemp("models") / "notes-model"
    return write_random(path, WordsSettings(**SMALL), text=TEXT)


@pytest.fixture
def pushed(hub: Hub, labels_model: Path) -> Repository:
    """The classifier at ada/reviews with files of other programs, as if pushed; test_push.py
    pushes.
    """
    files = {each.name: each.read_bytes() for each in labels_model.iterdir() if each.is_file()}
    return hub.add(
        "ada/reviews", {**files, "pytorch_model.bin": b"a pickle", "modeling.py": b"import os"}
    )
