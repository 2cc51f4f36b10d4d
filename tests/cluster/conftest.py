"""Tiny models with random weights, and files to read with them. Nothing here starts Ray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import write_random

from foretell.presets import LABELS_PRESETS, WORDS_PRESETS


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = replace(LABELS_PRESETS["base"], units=4, embedding_size=4, linear=False)
    return write_random(tmp_path_factory.mktemp("models") / "labels", small, ["bad", "good"])


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = replace(WORDS_PRESETS["base"], units=4, embedding_size=4)
    return write_random(tmp_path_factory.mktemp("models") / "words", small)
