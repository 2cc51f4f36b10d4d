"""Settings with which a trial takes a second."""

from __future__ import annotations

from typing import Any

TINY: dict[str, Any] = {
    "embedding_size": 4, "epochs": 1, "min_steps": 2, "max_steps": 4, "folds": 0, "length": 20,
    "batch_size": 32, "tokens": "words", "learning_rate": 0.5,
}  # fmt: skip
TINY_WORDS: dict[str, Any] = {
    "embedding_size": 4, "units": 4, "epochs": 1, "min_steps": 2, "streams": 2, "window": 5,
    "precision": "float32", "learning_rate": 5.0,
}  # fmt: skip
