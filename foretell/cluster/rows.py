"""The output row of an input row: its columns, and the parts of the answer under names that are free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from foretell.data.records import is_missing

if TYPE_CHECKING:
    from foretell.cluster.reading import Row
    from foretell.runtime.labels.verdict import Verdict
    from foretell.runtime.words.scoring import Score

Command = Literal["classify", "score", "evaluate"]

ANSWER = ("label", "probability", "probabilities", "reason", "flags")
"""The parts of the answer of a model for labels, in the order in which they are written."""
SCORE = (
    "tokens", "words", "characters", "bytes", "unknown", "log_probability", "perplexity",
    "bits_per_character", "bits_per_byte", "reason",
)  # fmt: skip
"""The parts of the answer of `score`: `foretell.runtime.words.scoring.Score`, and why there is none."""


def free_names(columns: Sequence[str] | Mapping[str, object], parts: Sequence[str]) -> dict[str, str]:
    """Return a name for each part of the answer: where a column has it, `foretell_` is put in front."""
    names = {}
    for part in parts:
        name = part
        while name in columns:
            name = f"foretell_{name}"
        names[part] = name
    return names


def kept(row: Row, *, keep_columns: bool) -> dict[str, object]:
    """Return the columns of a record with None for every kind of missing value, as JSON has it."""
    if not keep_columns:
        return {"text": None if row.problem else row.record.text}
    return {
        name: value if type(value) is str or not is_missing(value) else None
        for name, value in row.record.fields.items()
    }


LABELS = "labels"
"""A further part of the answer, where texts may have several labels: a list of them."""


def verdict_parts(verdict: Verdict) -> dict[str, object]:
    """Return the parts of the answer of a model for labels."""
    verdict = verdict.plain()
    return {
        "label": verdict.label,
        "probability": round(float(verdict.probability), 6),
        "probabilities": {name: round(float(p), 6) for name, p in verdict.probabilities.items()},
        "reason": verdict.reason,
        "flags": list(verdict.flags),
    }


def score_parts(score: Score) -> dict[str, object]:
    """Return the parts of the answer of `score`."""
    return {**asdict(score), "reason": ""}


def no_answer(parts: Sequence[str], reason: str) -> dict[str, object]:
    """Return the answer of a row that has none."""
    empty: dict[str, object] = dict.fromkeys(parts)
    if "flags" in empty:
        empty |= {"label": "", "flags": []}
    return {**empty, "reason": reason}
