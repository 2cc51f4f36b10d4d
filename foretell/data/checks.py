"""Checks of labels: that there are some, and which look alike."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from foretell.data.columns import MIN_TO_JUDGE, are_dates
from foretell.data.examples import Examples
from foretell.data.records import spelled
from foretell.errors import DataError
from foretell.readable import isolated, listed

UNIQUE_SHARE = 0.8
"""Number of labels, as a share of the number of texts, above which nothing can be learned."""
_SEVERAL_SHARE = 0.1
_NAMES_SHOWN = 5
_MAX_SINGLE = 5
"""Labels of one text each that can be a first try; more of them are no labels but identifiers."""
_LOOK_ALIKE = str.maketrans("аеорсухіјѕԁһκονρτυχ", "aeopcyxijsdhkovptux")


def check_learnable(examples: Examples) -> None:
    """Check that a classifier can be trained on `examples`.

    Raises:
        DataError: no texts, fewer than two labels, or a label of its own for nearly every text.
    """
    check_any(examples)
    names = examples.label_names
    n_texts = len(examples)
    choose = f"name another column with {spelled('label', 'COLUMN')}"
    if len(names) < 2:
        found = f"only '{names[0]}', {n_texts:,} times" if names else "none"
        raise DataError(
            "two labels or more",
            found,
            where=examples.name,
            fix=f"add texts with another label, or {choose}",
        )
    is_unique = (
        len(names) == n_texts > _MAX_SINGLE or MIN_TO_JUDGE <= n_texts < len(names) / UNIQUE_SHARE
    )
    if is_unique and examples.sets is None:
        dates = " (dates)" if are_dates(names) else ""
        found = f"{len(names):,} different labels for {n_texts:,} texts{dates}"
        raise DataError("labels that several texts share", found, where=examples.name, fix=choose)


def check_any(examples: Examples) -> None:
    """Raise DataError where there are no texts with labels."""
    if not len(examples):
        reasons = ", ".join(
            f"{count:,} dropped with {reason}" for reason, count in examples.dropped.items()
        )
        found = f"none ({reasons})" if reasons else "none"
        # The reason is often in a note, which is not shown where reading ends in an error.
        notes = [note for note in examples.notes if ": dropped " not in note]
        fix = "; ".join(("give records with a text and a label", *notes))
        raise DataError("texts with labels", found, where=examples.name, fix=fix)


def _looks(label: str) -> str:
    """Return what labels that look alike have in common."""
    plain = unicodedata.normalize("NFKC", label).casefold().translate(_LOOK_ALIKE)
    visible = (each for each in plain if unicodedata.category(each) != "Cf")
    return " ".join("".join(visible).split())


def similar_label_notes(labels: Sequence[str]) -> list[str]:
    counts = Counter(labels)
    variants = defaultdict[str, list[str]](list)
    for label in sorted(counts):
        variants[_looks(label)].append(label)
    alike = [names for names in variants.values() if len(names) > 1]
    if not alike:
        return []
    groups = (
        " and ".join(f"'{isolated(name)}' ({counts[name]:,})" for name in names) for names in alike
    )
    shown = listed(groups, _NAMES_SHOWN)
    return [f"labels that look alike (case, white space, invisible or similar letters): {shown}"]


def data_notes(examples: Examples) -> list[str]:
    """Return warnings: of labels that look alike, or that seem to be several."""
    if examples.sets is not None:
        return similar_label_notes(examples.sets.names)
    return similar_label_notes(examples.labels) + _several_label_notes(examples.labels)


def _several_label_notes(labels: Sequence[str]) -> list[str]:
    for separator in ";|":
        joined = sum(separator in label for label in labels)
        parts = {part.strip() for label in set(labels) for part in label.split(separator)} - {""}
        if joined > _SEVERAL_SHARE * len(labels) and len(parts) < len(set(labels)):
            share = f"{100 * joined / len(labels):.0f} % of the labels contain '{separator}'"
            fix = (
                f"if a text may have several labels, set multi-label to '{separator}' "
                f"(--multi-label)"
            )
            return [f"{share}: {fix}"]
    return []
