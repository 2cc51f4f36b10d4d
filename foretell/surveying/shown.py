"""A survey as rows of names and values, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterable

from foretell.data.repeats import Overlap
from foretell.readable import percent
from foretell.surveying.data_survey import RARE, DataSurvey
from foretell.surveying.label_check import MIN_TEXTS

_NAMES_SHOWN = 12


def summary_rows(survey: DataSurvey) -> list[tuple[str, str]]:
    """Return what a survey found, as pairs of a name and a value, in display order."""
    rows = [("texts", f"{survey.texts:,}")]
    rows += [("dropped", f"{count:,} with {reason}") for reason, count in survey.examples.dropped.items()]
    if survey.columns:
        rows.append(("columns", _listed(_columns(survey))))
    if survey.encoding:
        rows.append(("encoding", survey.encoding))
    rows.append((f"{len(survey.labels)} labels", _counted(survey.labels)))
    if survey.rare_labels:
        rows.append((f"fewer than {RARE} texts", f"too rare to learn: {_counted(survey.rare_labels)}"))
    rows += [("differ only in case", " and ".join(names)) for names in survey.similar_labels]
    rows.append(("scripts", _listed(f"{name} {percent(share)}" for name, share in survey.scripts.items())))
    rows += _length_rows(survey)
    rows.append(("duplicates", _number(survey.repeats.duplicates)))
    rows.append(("near-duplicates", _number(survey.repeats.near_duplicates)))
    rows.append(("same text, two labels", _number(len(survey.conflicts))))
    rows += [(f"{each.part} data", _overlap(each)) for each in survey.overlaps]
    return [*rows, *_check_rows(survey)]


def _columns(survey: DataSurvey) -> list[str]:
    shown = []
    for column in survey.columns:
        more = "" if column.distinct_is_whole else "more than "
        facts = [f"{more}{column.distinct:,} different"]
        facts += [f"{column.empty:,} empty"] if column.empty else []
        facts += [f"read as {column.role}"] if column.role else []
        shown.append(f"{column.name} ({', '.join(facts)})")
    return shown


def _length_rows(survey: DataSurvey) -> list[tuple[str, str]]:
    lengths = survey.lengths
    is_part = lengths.texts < survey.texts
    total = f"about {lengths.total:,}" if is_part else f"{lengths.total:,}"
    drawn = f" (of {lengths.texts:,} texts drawn at random)" if is_part else ""
    return [
        ("tokens", total),
        (
            "tokens in a text",
            f"median {lengths.median:,}, 95th percentile {lengths.p95:,}, maximum {lengths.max:,}{drawn}",
        ),
        ("distinct tokens", f"{lengths.distinct:,}{drawn}"),
    ]


def _overlap(each: Overlap) -> str:
    facts = [f"{each.texts:,} texts, {each.equal:,} also in the training data, {each.near:,} nearly so"]
    if each.new_labels:
        facts.append(f"labels that no training text has: {_listed(each.new_labels)}")
    return "; ".join(facts)


def _check_rows(survey: DataSurvey) -> list[tuple[str, str]]:
    check = survey.label_check
    if check is None:
        return []
    found = (
        f"{len(check.errors):,} of {check.judged:,} texts (accuracy out of fold {percent(check.accuracy)})"
    )
    rows = [("likely label errors", found)]
    if check.not_judged:
        rows.append(("labels not judged", f"fewer than {MIN_TEXTS} texts: {_counted(check.not_judged)}"))
    return rows


def _number(count: int) -> str:
    return f"{count:,}" if count else "none"


def _counted(labels: dict[str, int]) -> str:
    return _listed(f"{label} {count:,}" for label, count in labels.items())


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMES_SHOWN:,} more" if len(every) > _NAMES_SHOWN else ""
    return ", ".join(every[:_NAMES_SHOWN]) + more
