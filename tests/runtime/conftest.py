"""Small models with random weights, written as real model directories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size, weight_shapes
from foretell.config import Job, LabelsSettings, WordsSettings, preset, with_changes
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.linear import LinearModel
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from foretell.text.tokenizer import Tokenizer
from foretell.training.words.kneser_ney_fit import count

TEXT = (
    "the mind adapts and converts to its own purposes the obstacle to our acting . the impediment , to action"
)

Words = Callable[..., WordsRuntime]
Labels = Callable[..., LabelsRuntime]


def write_random(
    path: Path, settings: Any, labels: list[str] | None = None, *, text: str = TEXT, **parts: Any
) -> Path:
    """Write a model with random weights, far enough from uniform to tell answers apart."""
    # The linear model of a classifier knows more words than the network may.
    vocabulary = 1000 if parts.get("linear") is not None else settings.vocabulary
    tokenizer = Tokenizer.train(
        [text],
        settings.tokens,
        lowercase=settings.lowercase,
        vocabulary=vocabulary,
        min_count=settings.min_count,
    )
    shapes = weight_shapes(settings, network_size(settings, tokenizer), len(labels or []))
    random = np.random.default_rng(7)
    # Wide layers of large weights are chaotic: rounding would grow from step to step.
    scale = 0.5 if settings.units < 50 else 0.1
    weights = {name: random.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    job: Job = "labels" if labels else "words"
    write_model(
        Model(
            job=job,
            preset="base",
            settings=settings,
            tokenizer=tokenizer,
            weights=weights,
            labels=labels,
            **parts,
        ),
        path,
    )
    return path


def _ngrams(settings: Any, text: str, shares: tuple[float, ...]) -> dict[str, Any]:
    """Return the n-gram model of a text as the part of a model that gives so much of the answer."""
    tokenizer = Tokenizer.train(
        [text], settings.tokens, lowercase=settings.lowercase, vocabulary=settings.vocabulary, min_count=1
    )
    ids = [id for line in text.split("\n") for id in [*tokenizer.encode(line), tokenizer.end_of_line]]
    counted = count(np.array(ids, np.int32), tokenizer.size, order=len(shares))
    return {"kneser_ney": counted.model, "interpolation": Interpolation(shares)}


@pytest.fixture(scope="session")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Words:
    """Return a function that makes and opens a words model of a preset with some settings changed."""

    def make(
        name: str = "base",
        *,
        text: str = TEXT,
        embedding_size: int = 12,
        units: int = 8,
        mixed: tuple[float, ...] = (),
        **changes: Any,
    ) -> WordsRuntime:
        base = preset("words", name)
        assert isinstance(base, WordsSettings)
        settings = with_changes(base, {"embedding_size": embedding_size, "units": units, **changes})
        path = tmp_path_factory.mktemp("words") / "model"
        write_random(path, settings, text=text, **_ngrams(settings, text, mixed) if mixed else {})
        return WordsRuntime.open(path)

    return make


@pytest.fixture(scope="session")
def lstm(words_model: Words) -> WordsRuntime:
    """Two layers, projected."""
    return words_model(layers=2)


@pytest.fixture(scope="session")
def mixed(words_model: Words) -> WordsRuntime:
    """With an n-gram model of its text as a part of the answer."""
    return words_model(text=f"{TEXT}\nthe mind adapts the obstacle to action", mixed=(0.1, 0.3, 0.6, 0.8))


@pytest.fixture(scope="session")
def article_words(words_model: Words) -> WordsRuntime:
    return words_model("article")


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """Return a function that makes and opens a labels model of a preset with some settings changed."""

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
        small = {"embedding_size": 6, "units": 5, "dense_units": 4, "length": 30, "filters": 4, **changes}
        path = tmp_path_factory.mktemp("labels") / "model"
        parts = {"ensemble": ensemble, "linear": linear, "metrics": metrics or {}}
        write_random(path, with_changes(base, small), list(labels), **parts)
        return LabelsRuntime.open(path, threads=threads)

    return make


@pytest.fixture(scope="session", params=["base", "article", "cnn-lstm"])
def any_labels(request: pytest.FixtureRequest, labels_model: Labels) -> LabelsRuntime:
    return labels_model(request.param)
