"""Tiny models with random weights, and files to read with them. Nothing here starts Ray."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import write_random
from cluster.made_files import text_of

from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = replace(LABELS_PRESETS["base"], units=4, embedding_size=4, linear=False)
    folder = tmp_path_factory.mktemp("models") / "labels"
    write_random(folder, small, ["bad", "good"], seed=1)
    answers = LabelsRuntime(folder).classify([text_of(number) for number in range(99)])
    assert {answer.label for answer in answers} == {"bad", "good"}, "or mixed-up labels would pass"
    return folder


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = replace(WORDS_PRESETS["base"], units=4, embedding_size=4)
    return write_random(tmp_path_factory.mktemp("models") / "words", small)
