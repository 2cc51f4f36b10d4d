"""Tiny models with random weights, and files to read with them. Nothing here starts Ray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import write_random

from foretell.config import LabelsSettings, WordsSettings
from foretell.presets import preset


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = preset("labels", "base")
    assert isinstance(settings, LabelsSettings)
    small = replace(settings, units=4, embedding_size=4, linear=False)
    return write_random(tmp_path_factory.mktemp("models") / "labels", small, ["bad", "good"])


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = preset("words", "base")
    assert isinstance(settings, WordsSettings)
    small = replace(settings, units=4, embedding_size=4)
    return write_random(tmp_path_factory.mktemp("models") / "words", small)
