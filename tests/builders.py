"""Small models with random weights, and changes to their directories. No training, so no
TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts import manifest
from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size, weight_shapes
from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.keys import LONGEST
from foretell.ngrams.kneser_ney import Interpolation, KneserNey
from foretell.ngrams.linear import LinearModel
from foretell.text.spacing import Spacing
from foretell.text.tokenizer import Tokenizer

TEXT = (
    "the mind adapts and converts to its own purposes the obstacle to our acting . the "
    "impediment , to action"
)
MANY = 1000
"""More words than any text here has."""


def random_model(
    settings: WordsSettings | LabelsSettings,
    labels: list[str] | None = None,
    *,
    text: str = TEXT,
    vocabulary: int | None = None,
    seed: int = 7,
    scale: float | None = None,
    **parts: Any,
) -> Model:
    """Return a model with random weights and the words of a text, for labels or (None) for words.

    Args:
        vocabulary: words of its tokenizer, at most; None: as many as the network's.
        scale: standard deviation of the weights; None: 0.5, far enough from uniform answers, and
            0.1 for wide layers, which are chaotic with larger weights: rounding errors would grow
            from step to step.
        **parts: further fields of the model, such as `linear` and `ensemble`.
    """
    tokenizer = tokenizer_of(settings, text, vocabulary)
    shapes = weight_shapes(settings, network_size(settings, tokenizer), len(labels or ()))
    scale = (0.5 if settings.units < 50 else 0.1) if scale is None else scale
    random = np.random.default_rng(seed)
    fields: dict[str, Any] = {
        "job": "words" if labels is None else "labels",
        "preset": "base",
        "settings": settings,
        "tokenizer": tokenizer,
        "weights": {
            name: random.normal(0, scale, s).astype(np.float32) for name, s in shapes.items()
        },
        "labels": labels or [],
    }
    return Model(**{**fields, **parts})


def write_random(path: Path, *args: Any, **parts: Any) -> Path:
    """Write `random_model` of the other arguments as a model directory."""
    write_model(random_model(*args, **parts), path)
    return path


def write_classifier(path: Path, *, seed: int = 7, **parts: Any) -> Path:
    """Write a small classifier of a network and a linear model, with random weights."""
    settings = LabelsSettings(units=5, embedding_size=6, length=30)
    linear = random_linear_model(size=20, n_columns=1, seed=seed)
    members = {"ensemble": Ensemble(network=1, linear=1), "linear": linear}
    return write_random(path, settings, ["neg", "pos"], seed=seed, **members, **parts)


def tokenizer_of(
    settings: WordsSettings | LabelsSettings, text: str, vocabulary: int | None = None
) -> Tokenizer:
    """Return a tokenizer of the words of a text."""
    return Tokenizer.train(
        [text],
        settings.tokens,
        lowercase=settings.lowercase,
        vocabulary=settings.vocabulary if vocabulary is None else vocabulary,
    )


def kneser_ney_parts(
    settings: WordsSettings, text: str, weights: tuple[float, ...]
) -> dict[str, Any]:
    """Return a Kneser–Ney model of a text and its interpolation weights, as parts of a model."""
    from foretell.training.words.kneser_ney_fit import count

    tokenizer = tokenizer_of(settings, text)
    ids = [
        id for line in text.split("\n") for id in [*tokenizer.encode(line), tokenizer.end_of_line]
    ]
    model: KneserNey = count(np.array(ids, np.int32), tokenizer.size, order=len(weights)).model
    return {"kneser_ney": model, "interpolation": Interpolation(weights)}


def random_linear_model(
    size: int, n_columns: int, *, longest: int = LONGEST, seed: int = 3
) -> LinearModel:
    """Return a linear model of every word and pair, and 40 triples, of ids below `size`: random
    weights.
    """
    random = np.random.default_rng(seed)
    keys = np.arange(2, size)
    by_length = [keys]
    for length in range(2, longest + 1):
        extended = size * (by_length[-1][:, None] + 1) + np.arange(2, size)
        n = extended.size if length == 2 else min(40, extended.size)
        by_length.append(random.choice(extended.ravel(), n, replace=False))
    keys = np.unique(np.concatenate(by_length)).astype(np.int64)
    weights = random.normal(0, 0.3, (len(keys), n_columns)).astype(np.float32)
    return LinearModel(
        keys, weights, random.normal(0, 0.3, n_columns).astype(np.float32), size, longest
    )


def rewrite_json(directory: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change a JSON file of a model directory and correct its entry in the manifest."""
    value = json.loads((directory / name).read_text())
    change(value)
    rewrite(directory, name, json.dumps(value).encode())


def rewrite(directory: Path, name: str, content: bytes) -> None:
    """Replace a file of a model directory and correct its entry in the manifest."""
    (directory / name).write_bytes(content)
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite_manifest(directory, lambda listed: listed["files"].update({name: entry}))


def rewrite_manifest(directory: Path, change: Callable[[Any], object]) -> None:
    """Change the manifest of a model directory and correct its own SHA-256."""
    path = directory / manifest.MANIFEST
    listed = json.loads(path.read_bytes())
    del listed["sha256"]
    change(listed)
    path.write_bytes(manifest.seal(listed))


def decoded(tokenizer: Tokenizer, ids: Iterable[int]) -> str:
    """Return ids as text, without padding and the start of a text; an end of line is a line
    break.
    """
    spacing = Spacing(tokenizer.style)
    hidden = (tokenizer.pad, tokenizer.start, 3 if tokenizer.style == "keras" else None)
    words = (
        "\n" if i == tokenizer.end_of_line else tokenizer.word(i) for i in ids if i not in hidden
    )
    return "".join(map(spacing.piece, words)) + spacing.end()
