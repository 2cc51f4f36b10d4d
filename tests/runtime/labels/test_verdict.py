"""Flags of texts that are unlike those of the training."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.verdict import Verdict


def flags(runtime: LabelsRuntime, text: str) -> tuple[str, ...]:
    (verdict,) = runtime.classify([text])
    return verdict.flags


@pytest.mark.parametrize("name", ["base", "article"])
def test_odd_texts_are_flagged(labels_model: Callable[..., LabelsRuntime], name: str) -> None:
    runtime = labels_model(name, metrics={"shortest_text": 6, "longest_text": 10})
    for text in ("", " \n\t"):
        assert flags(runtime, text) == ("empty",)
    assert flags(runtime, "the mind adapts") == ()
    assert flags(runtime, "the mind") == ("far shorter than any seen in training",)
    assert flags(runtime, "mind " * 20) == ()
    assert flags(runtime, "mind " * 21) == ("far longer than any seen in training",)
    assert flags(runtime, "the mind zebra quux") == ()
    assert flags(runtime, "the zebra quux") == ("mostly unknown words",)
    assert flags(runtime, "zebra " * 21) == ("mostly unknown words", "far longer than any seen in training")
    together = runtime.classify(["the mind adapts", "", "the mind", "the zebra quux"])
    assert [len(verdict.flags) for verdict in together] == [0, 1, 1, 1]


def test_a_model_without_the_metrics_flags_no_lengths(labels_model: Callable[..., LabelsRuntime]) -> None:
    for metrics in ({}, {"shortest_text": None, "longest_text": "many"}):
        runtime = labels_model(metrics=metrics)
        assert flags(runtime, "the " * 5000) == flags(runtime, "the") == ()
        assert flags(runtime, "zebra") == ("mostly unknown words",)


def test_a_text_of_which_only_the_end_is_read_has_its_whole_length(
    labels_model: Callable[..., LabelsRuntime],
) -> None:
    text = "the mind " * 20_000
    assert flags(labels_model(metrics={"longest_text": 21_000}), text) == ()
    assert flags(labels_model(metrics={"longest_text": 19_000}), text) == (
        "far longer than any seen in training",
    )


def test_a_notebook_shows_the_most_probable_labels_and_why_there_is_none() -> None:
    probabilities = {f"<{i}>": p for i, p in enumerate([0.05, 0.5, 0.1, 0.05, 0.2, 0.1])}
    html = Verdict("", 0.5, probabilities, reason="below 0.8", flags=("empty",))._repr_html_()
    assert "(no label)" in html
    assert html.index("50.00 %") < html.index("20.00 %")
    assert html.count("%") == 5
    assert "below 0.8; empty" in html
    assert "<1>" not in html
