"""Small models with random weights, written as real model directories."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from foretell.config import LabelsSettings, WordsSettings, with_changes
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.ngrams.linear import LinearModel
from foretell.presets import preset
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import MANY, TEXT, kneser_ney_parts, write_random
from tests.text.texts import ALL

Words = Callable[..., WordsRuntime]
Labels = Callable[..., LabelsRuntime]


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Words:
    """Return a function that makes and opens a words model of a preset with some settings
    changed.
    """

    def make(
        name: str = "base",
        *,
        text: str = TEXT,
        embedding_size: int = 12,
        units: int = 8,
        interpolated: tuple[float, ...] = (),
        **changes: Any,
    ) -> WordsRuntime:
        base = preset("words", name)
        assert isinstance(base, WordsSettings)
        settings = with_changes(base, {"embedding_size": embedding_size, "units": units, **changes})
        path = tmp_path_factory.mktemp("words") / "model"
        parts = kneser_ney_parts(settings, text, interpolated) if interpolated else {}
        write_random(path, settings, text=text, **parts)
        return WordsRuntime(path)

    return make


@pytest.fixture(scope="session")
def lstm(words_model: Words) -> WordsRuntime:
    """Two layers, projected."""
    return words_model(layers=2)


@pytest.fixture(scope="session")
def interpolated(words_model: Words) -> WordsRuntime:
    """A network and a Kneser–Ney model of its text."""
    text = f"{TEXT}\nthe mind adapts the obstacle to action"
    return words_model(text=text, interpolated=(0.1, 0.3, 0.6, 0.8))


@pytest.fixture(scope="session")
def article_words(words_model: Words) -> WordsRuntime:
    return words_model("article")


@pytest.fixture(scope="session")
def open_vocabulary(words_model: Words) -> Callable[[str], WordsRuntime]:
    """Return a function from a style of parts of words to a model with a Kneser–Ney model."""
    text = f"{TEXT}\n{TEXT}\n{ALL[1]}\nthe mind adapts"
    return functools.cache(
        lambda tokens: words_model(tokens=tokens, text=text, interpolated=(0.1, 0.3, 0.6))
    )


@pytest.fixture(scope="session", params=["lstm", "article_words", "subword", "char"])
def any_words(
    request: pytest.FixtureRequest, open_vocabulary: Callable[[str], WordsRuntime]
) -> WordsRuntime:
    """A model of each kind of token in turn."""
    if request.param in ("subword", "char"):
        return open_vocabulary(request.param)
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """Return a function that makes and opens a labels model of a preset with some settings
    changed.
    """

    def make(
        name: str = "base",
        *,
        labels: tuple[str, ...] = ("neg", "pos"),
        ensemble: Ensemble = NETWORK_ALONE,
        linear: LinearModel | None = None,
        metrics: dict[str, Any] | None = None,
        threads: int | None = None,
        **changes: Any,
    ) -> LabelsRuntime:
        base = preset("labels", name)
        assert isinstance(base, LabelsSettings)
        small = {"embedding_size": 6, "units": 5, "length": 30, **changes}
        path = tmp_path_factory.mktemp("labels") / "model"
        parts = {"ensemble": ensemble, "linear": linear, "metrics": metrics or {}}
        # The linear model of a classifier may have more words than the network.
        write_random(
            path,
            with_changes(base, small),
            list(labels),
            vocabulary=MANY if linear is not None else None,
            **parts,
        )
        return LabelsRuntime(path, threads=threads)

    return make


@pytest.fixture(scope="session")
def classifier(labels_model: Labels) -> LabelsRuntime:
    """A network alone, of the preset base."""
    return labels_model()


@pytest.fixture(scope="session", params=["base", "article", "cnn-lstm"])
def any_labels(request: pytest.FixtureRequest, labels_model: Labels) -> LabelsRuntime:
    return labels_model(request.param)
