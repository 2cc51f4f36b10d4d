"""Small models of every network with random weights, written as real model directories."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size, weight_shapes
from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.ngrams.linear import LinearModel
from foretell.text.tokenizer import Tokenizer

TEXT = (
    "the mind adapts and converts to its own purposes the obstacle to our acting . the impediment , to "
    "action advances action ! what stands in the way becomes the way ? ΑΣ café don't"
)
TWO, THREE = ["bad", "good"], ["<b>bad</b>", "good", 'so "so"']
FIXED = {"units": 7, "embedding_size": 5, "length": 23, "dense_units": 6}

MODELS: dict[str, tuple[Settings, list[str] | None]] = {
    "words": (WordsSettings(units=9, embedding_size=6, layers=2), None),
    "words-article": (
        WordsSettings(network="article", tokens="white-space", units=9, layers=2, window=3), None
    ),
    "labels": (LabelsSettings(units=7, embedding_size=5, length=12, vocabulary=15), TWO),
    "labels-3": (LabelsSettings(units=7, embedding_size=5, length=12), THREE),
    "labels-article": (LabelsSettings(network="article", tokens="keras", **FIXED), TWO),
    "labels-cnn-lstm": (
        LabelsSettings(network="cnn-lstm", tokens="keras", filters=4, kernel_size=3, pool_size=4, **FIXED),
        THREE,
    ),
}  # fmt: skip
ENSEMBLES = {
    "labels": Ensemble(network=0.6, linear=1.3, offsets=(0.25, -0.25)),
    "labels-3": Ensemble(network=0.8, linear=0.7),
    "labels-article": Ensemble(network=0.9),
}


def linear_model(size: int, n_columns: int) -> LinearModel:
    """Return a linear model that knows every word, every pair and some triples of ids below `size`."""
    rng = np.random.default_rng(3)
    pairs = size * (np.arange(2, size)[:, None] + 1) + np.arange(2, size)
    triples = size * (rng.choice(pairs.ravel(), 40, replace=False) + 1) + rng.integers(2, size, 40)
    keys = np.unique(np.concatenate([np.arange(2, size), pairs.ravel(), triples])).astype(np.int64)
    weights = rng.normal(0, 0.3, (len(keys), n_columns)).astype(np.float32)
    return LinearModel(keys, weights, rng.normal(0, 0.3, n_columns).astype(np.float32), size)


def write_random(path: Path, name: str, ensemble: Ensemble | None = None) -> Path:
    """Write one of MODELS with random weights; `ensemble` in place of its own."""
    settings, labels = MODELS[name]
    ensemble = ensemble or ENSEMBLES.get(name, NETWORK_ALONE)
    tokenizer = Tokenizer.train([TEXT], settings.tokens, lowercase=settings.lowercase, vocabulary=1000)  # type: ignore[attr-defined]
    rng = np.random.default_rng(7)
    shapes = weight_shapes(settings, network_size(settings, tokenizer), len(labels or ()))
    n_columns = 1 if labels == TWO else 3
    write_model(
        Model(
            job="words" if labels is None else "labels",
            preset="base",
            settings=settings,
            tokenizer=tokenizer,
            weights={key: rng.normal(0, 0.5, shape).astype(np.float32) for key, shape in shapes.items()},
            labels=labels,
            linear=linear_model(tokenizer.size, n_columns) if ensemble.linear else None,
            ensemble=ensemble,
        ),
        path,
    )
    return path
