"""A language model that several tests compare others with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from foretell.artifacts.model import Model
from foretell.config import WordsSettings


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[WordsSettings], tuple[Model, Path]]:
    """Return a function that trains on `noisy_corpus` without interruption, with each settings once."""
    folder = tmp_path_factory.mktemp("whole")

    @functools.cache
    def train_once(settings: WordsSettings) -> tuple[Model, Path]:
        from tests.training.words.small import noisy_corpus, trained

        out = folder / f"model-{len(list(folder.iterdir()))}"
        return trained(noisy_corpus(), settings, out), out

    return train_once
