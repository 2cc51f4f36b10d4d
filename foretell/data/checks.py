"""Checks of examples before training: errors for what cannot be learned from, notes on what looks wrong."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence

from foretell.data.columns import MIN_TO_JUDGE, are_dates
from foretell.data.examples import Examples
from foretell.data.records import spelled
from foretell.errors import DataError
from foretell.readable import listed

SINGLE_TOKEN_SHARE = 0.5
"""Share of texts with a single token above which `data_notes` warns, 0 to 1."""
MAJORITY_SHARE = 0.8
"""Share of texts with one label above which a warning says that accuracy shows little, 0 to 1."""
UNIQUE_SHARE = 0.8
"""Number of labels, as a share of the number of texts, above which nothing can be learned."""
_SEVERAL_SHARE = 0.1
_NAMES_SHOWN = 5
_MAX_SINGLE = 5
"""Labels of one text each that can be a first try; more of them are no labels but identifiers."""


def check_learnable(examples: Examples) -> None:
    """Check that a classifier can be trained on `examples`.

    Raises:
        DataError: no texts, fewer than two labels, or a label of its own for nearly every text.
    """
    if not len(examples):
        reasons = ", ".join(f"{count:,} dropped with {reason}" for reason, count in examples.dropped.items())
        found = f"none ({reasons})" if reasons else "none"
        raise DataError(expected="texts with labels", found=found, where=examples.name)
    names, n_texts = examples.label_names, len(examples)
    choose = f"name another column with {spelled('label', 'COLUMN')}"
    if len(names) < 2:
        found = f"only '{names[0]}', {n_texts:,} times" if names else "none"
        fix = f"add texts with another label, or {choose}"
        raise DataError(expected="two labels or more", found=found, where=examples.name, fix=fix)
    is_unique = len(names) == n_texts > _MAX_SINGLE or MIN_TO_JUDGE <= n_texts < len(names) / UNIQUE_SHARE
    if is_unique and examples.sets is None:
        dates = " (dates)" if are_dates(names) else ""
        found = f"{len(names):,} different labels for {n_texts:,} texts{dates}"
        expected = "labels that several texts share"
        raise DataError(expected=expected, found=found, where=examples.name, fix=choose)


def data_notes(examples: Examples, *, single: int) -> list[str]:
    """Return warnings about the examples, one sentence each.

    They concern labels that differ only in case or white space, labels that seem to be several, and texts
    that look like an identifier: `single` is the number of texts for which `is_single` is true.
    """
    labels = examples.labels if examples.sets is None else examples.sets.names
    notes = _similar_label_notes(labels)
    if examples.sets is None:
        notes += _several_label_notes(labels)
    if len(examples) and single / len(examples) > SINGLE_TOKEN_SHARE:
        share = f"{100 * single / len(examples):.0f} % of the texts consist of a single token"
        notes.append(f"{share}: check that they come from the right column")
    return notes


def is_single(text: str, tokens: Sequence[str]) -> bool:
    """Return whether a text looks like an identifier: no white space inside, and not several words.

    Two words can be neighbours without white space or punctuation only in a script that has no spaces.
    """
    if len(text.split(None, 1)) != 1:
        return False
    return not any(a[:1].isalnum() and b[:1].isalnum() for a, b in itertools.pairwise(tokens))


def rare_label_notes(train: Sequence[str], valid: Sequence[str]) -> list[str]:
    """Return a note on the labels in `train` that no validation text has, if there are any."""
    counts = Counter(train)
    missing = sorted(counts.keys() - set(valid), key=lambda label: (counts[label], label))
    if not missing:
        return []
    shown = listed((f"'{label}' ({counts[label]:,})" for label in missing), _NAMES_SHOWN)
    labels = "1 label has" if len(missing) == 1 else f"{len(missing):,} labels have"
    return [f"{labels} no validation text (training texts in brackets): {shown}"]


def majority_notes(labels: Sequence[str]) -> list[str]:
    """Return a warning where more than `MAJORITY_SHARE` of the texts have the same label."""
    label, count = Counter(labels).most_common(1)[0] if labels else ("", 0)
    if count <= MAJORITY_SHARE * len(labels):
        return []
    share = f"{100 * count / len(labels):.0f} %"
    return [
        f"{share} of the texts have the label '{label}', so an accuracy of {share} needs no model: "
        "compare macro F1 and the metrics of each label"
    ]


def _similar_label_notes(labels: Sequence[str]) -> list[str]:
    """Return a note on labels that differ only in case or white space."""
    counts, variants = Counter(labels), defaultdict[str, list[str]](list)
    for label in sorted(counts):
        variants[" ".join(label.casefold().split())].append(label)
    alike = [names for names in variants.values() if len(names) > 1]
    if not alike:
        return []
    shown = [" and ".join(f"'{name}' ({counts[name]:,})" for name in names) for names in alike[:_NAMES_SHOWN]]
    more = f"; {len(alike) - _NAMES_SHOWN} more" if len(alike) > _NAMES_SHOWN else ""
    return [f"labels that differ only in case or white space: {'; '.join(shown)}{more}"]


def _several_label_notes(labels: Sequence[str]) -> list[str]:
    """Return a hint where labels seem to be several, with a separator between them."""
    for separator in ";|":
        joined = sum(separator in label for label in labels)
        parts = {part.strip() for label in set(labels) for part in label.split(separator)} - {""}
        if joined > _SEVERAL_SHARE * len(labels) and len(parts) < len(set(labels)):
            share = f"{100 * joined / len(labels):.0f} % of the labels contain '{separator}'"
            fix = f"if a text may have several labels, set multi-label to '{separator}' (--multi-label)"
            return [f"{share}: {fix}"]
    return []
