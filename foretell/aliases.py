"""Old names that are still accepted: one table for settings and flags, figures and files.

A model directory or a command written for an earlier version keeps working: every reader passes its names
through `current_names`. Nothing writes an old name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTINGS: dict[str, dict[str, str]] = {
    "words": {
        "held_out": "valid_fraction",
        "ngrams": "kneser_ney",
        "most_ngrams": "max_ngrams",
    },
    "labels": {
        "held_out": "valid_fraction",
        "most_steps": "max_steps",
        "word_vectors": "cooccurrence_embeddings",
    },
}
"""By job: old name of a setting to its name. The flags follow: `--held-out` is `--valid-fraction`."""

FLAGS: dict[str, dict[str, str]] = {
    "classify": {"input": "input-format"},
}
"""By command: old name of an option that is no setting to its name, both without the leading hyphens."""

METRICS: dict[str, str] = {
    "held_out_texts": "valid_texts",
    "kept_epoch": "best_epoch",
}
"""Old key of metrics.json to its key."""

CONFIG: dict[str, dict[str, str]] = {
    "words": {"calibration": "interpolation"},
    "labels": {"calibration": "ensemble"},
}
"""By job: old key of config.json to its key."""

FILES: dict[str, str] = {"ngrams.safetensors": "kneser_ney.safetensors"}
"""Old name of a file of the model directory to its name."""

INTERPOLATION: dict[str, str] = {"ngram_shares": "kneser_ney_weights"}
"""Old key of `interpolation` in config.json to its key."""


def current_names(values: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    """Return `values` with old names replaced; a value under the current name has precedence.

    Args:
        values: name to value.
        table: old name to current name.
    """
    renamed = {table[name]: value for name, value in values.items() if name in table}
    return {**renamed, **{name: value for name, value in values.items() if name not in table}}


def old_options(command: str) -> dict[str, str]:
    """Return the old option names of a command: old name to current name, without the leading hyphens.

    Args:
        command: the words of the command, such as "classify" or "train words".
    """
    job = command.removeprefix("train ") if command.startswith("train ") else ""
    settings = SETTINGS.get(job, {})
    flags = {old.replace("_", "-"): new.replace("_", "-") for old, new in settings.items()}
    return {**flags, **FLAGS.get(command, {})}
