"""Trainings with very many labels: the memory that they need, stated before it is taken.

Linear models need several arrays [text, label] at a time. Above `MAX_CELLS` of them the network learns alone:
it needs such an array for one batch and for the validation texts only.
"""

from __future__ import annotations

import math
from dataclasses import replace

from foretell.artifacts.weights import weight_shapes
from foretell.config import LabelsSettings
from foretell.data.split import Split

MAX_CELLS = 20_000_000
"""Texts times labels up to which linear models are fitted."""

STATED_FROM = 500_000_000
"""Bytes for many labels from which the memory is stated."""

# Measured as the peak memory of trainings with 10,000 and 1,000 labels (`test_many_labels.py`), rounded up.
_FIXED = 1_300_000_000
_PER_CELL, _PER_VALID_CELL, _PER_WEIGHT, _PER_CHARACTER = 160, 80, 24, 40


def without_linear(split: Split, settings: LabelsSettings) -> tuple[Split, LabelsSettings, str]:
    """Return a split and settings without linear models where labels are too many for them, and a note.

    The note is "" where nothing changed. Unlabelled texts are left out too: a linear model would label them.
    """
    n_labels = len(split.train.label_names)
    if not settings.linear or len(split.train) * n_labels <= MAX_CELLS:
        return split, settings, ""
    unlabelled = " and no texts without labels" if split.unlabelled else ""
    note = (
        f"{n_labels:,} labels and {len(split.train):,} texts are too many for linear models: the network "
        f"learns alone{unlabelled}"
    )
    changed = replace(settings, linear=False, folds=0, refit=False, text_vectors=False)
    return replace(split, unlabelled=()), changed, note


def memory_needed(split: Split, settings: LabelsSettings) -> int:
    """Return the bytes that a training needs, at most.

    Args:
        split: the texts.
        settings: the configuration, after `without_linear`.
    """
    n_labels = len(split.train.label_names)
    n_valid = 0 if split.valid is None else len(split.valid)
    shapes = weight_shapes(settings, settings.vocabulary, n_labels)
    cells = (len(split.train) + n_valid) * n_labels if settings.linear else 0
    return (
        _FIXED
        + _PER_CELL * cells
        + _PER_VALID_CELL * n_valid * n_labels
        + _PER_WEIGHT * sum(map(math.prod, shapes.values()))
        + _PER_CHARACTER * sum(map(len, (*split.train.texts, *split.unlabelled)))
    )


def memory_note(split: Split, settings: LabelsSettings) -> str:
    """Return what is stated before a training with many labels; "" where labels take little memory."""
    n_labels = len(split.train.label_names)
    if len(split.train) * n_labels * 8 < STATED_FROM:
        return ""
    needed = memory_needed(split, settings)
    return f"the training needs at most {needed / 1e9:.1f} GB of memory ({n_labels:,} labels)"
