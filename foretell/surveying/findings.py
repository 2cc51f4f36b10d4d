"""The table of a survey: a row for each text that something was found about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from foretell.surveying.result import DataSurvey

COLUMNS = (
    "finding",
    "row",
    "text",
    "label",
    "suggested",
    "probability",
    "suggested_probability",
    "accept",
)


def findings(survey: DataSurvey) -> Iterator[dict[str, object]]:
    """Yield a row for each text that something was found about: label errors, conflicts, repeated
    texts.
    """
    for error in () if survey.label_check is None else survey.label_check.errors:
        yield {"finding": "likely label error", **asdict(error)}
    repeats = survey.repeats
    groups = [("different labels", each.places) for each in survey.conflicts]
    groups += [("duplicate", group[1:]) for group in repeats.equal]
    groups += [("near-duplicate", group[1:]) for group in repeats.near]
    groups += [
        (f"also in the {each.part} data", tuple(pair[0] for pair in each.examples))
        for each in survey.overlaps
    ]
    texts = survey.examples.texts
    labels = survey.examples.labels
    for finding, places in groups:
        for place in places:
            row = survey.rows[place]
            yield {"finding": finding, "row": row, "text": texts[place], "label": labels[place]}
