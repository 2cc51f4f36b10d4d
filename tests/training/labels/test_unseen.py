"""What is measured: texts that people have labelled, each by what other parts have decided."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretell.data.folds import Folds
from foretell.metrics.multi_label import mean_log_loss
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.training.labels.corpus import Measuring, Origin
from foretell.training.labels.members import Evidence, nested_logits
from foretell.training.labels.outputs import OneLabel, Outputs, SeveralLabels
from foretell.training.labels.rows import hard_rows
from foretell.training.labels.unseen import metrics_of, of_validation_set, unseen_predictions

N = 120
KINDS = [OneLabel(2), SeveralLabels(2)]


def evidence(outputs: Outputs) -> Evidence:
    """Return texts from place 100 on, which are held out in three folds."""
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=(N, 2))
    fold_of = np.full(100 + N, -1, np.int32)
    fold_of[100:] = np.arange(N) * 7 % 3
    return Evidence(
        texts=np.arange(100, 100 + N),
        targets=labels.astype(np.float32) if isinstance(outputs, SeveralLabels) else labels[:, 0],
        known=np.ones(N, bool),
        folds=Folds(fold_of=fold_of),
        outputs=outputs,
    )


def scores(n_members: int, seed: int = 2) -> Any:
    """Return logits by chance, [member, text, label]: log-probabilities as well as log-odds."""
    drawn = np.random.default_rng(seed).standard_normal((n_members, N, 2))
    return drawn - np.logaddexp.reduce(drawn, axis=2, keepdims=True)


@pytest.mark.parametrize("outputs", KINDS, ids=["one", "several"])
def test_each_text_is_measured_by_what_the_other_parts_decide(outputs: Outputs) -> None:
    held = evidence(outputs)
    (linear,) = scores(1)
    network: Any = np.exp(scores(1, seed=3)[0]).astype(np.float32)
    # The last folds of the network had no time.
    network[-9:] = np.nan
    unseen = unseen_predictions(held, linear, network)
    origin = np.arange(100 + N) % 2 * int(Origin.REPLAY)
    corpus: Any = SimpleNamespace(origin=origin, texts_at=list)
    measured = unseen.measured(corpus, "out of fold")
    assert measured is not None
    assert measured.texts == list(range(100, 100 + N - 9, 2))
    part_of = held.part_of[: N - 9]
    for part in np.unique(part_of):
        others = np.flatnonzero(part_of != part)
        ensemble = outputs.fit_ensemble(held.targets[others], network[others], linear[others])
        rows = np.flatnonzero(part_of[::2] == part)
        expected = ensemble(network[2 * rows], linear[2 * rows])
        np.testing.assert_allclose(measured.answers[rows], expected, rtol=1e-5)
        np.testing.assert_array_equal(
            measured.decided[rows], outputs.decide(ensemble, measured.answers[rows])
        )
    np.testing.assert_array_equal(measured.targets, held.targets[: N - 9 : 2])
    np.testing.assert_array_equal(measured.network, network[: N - 9 : 2])
    corpus.origin = origin * 0 + Origin.REPLAY
    assert unseen.measured(corpus, "out of fold") is None


@pytest.mark.parametrize("outputs", KINDS, ids=["one", "several"])
def test_the_pool_that_answers_a_text_is_of_the_other_parts(outputs: Outputs) -> None:
    held = evidence(outputs)
    members = scores(4)
    found = nested_logits(members, held)
    for part in np.unique(held.part_of):
        inside = held.part_of == part
        share = outputs.fit_pool(held.targets[~inside], members[:, ~inside])
        expected = outputs.of_scores(np.tensordot(share, members[:, inside], 1))
        np.testing.assert_allclose(found[inside], expected)


def test_texts_whose_label_no_member_knows_decide_nothing() -> None:
    known = np.arange(N) % 4 > 0
    held = replace(evidence(KINDS[0]), known=known)
    members = scores(4)
    of_network: Any = np.exp(scores(1, seed=3)[0]).astype(np.float32)

    def decided(members: Any, network: Any) -> tuple[Any, ...]:
        return (
            held.loss(members[0]),
            held.pool_weights(members),
            nested_logits(members, held)[known],
            unseen_predictions(held, members[0], network).ensemble(),
        )

    expected = decided(members, of_network)
    of_known = held.of(known)
    assert expected[0] == KINDS[0].loss(of_known.targets, members[0][known])
    changed = members.copy()
    changed[:, ~known] = changed[:, ~known, ::-1]
    other_network = of_network.copy()
    other_network[~known] = other_network[~known, ::-1]
    found = decided(changed, other_network)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    # Where every label is known they would decide.
    assert replace(held, known=np.ones(N, bool)).loss(changed[0]) != expected[0]
    nobody = replace(held, known=np.zeros(N, bool))
    assert nobody.loss(members[0]) == 0
    np.testing.assert_array_equal(nobody.pool_weights(members), 0.25)


def test_texts_of_one_fold_are_measured_in_parts() -> None:
    held = evidence(KINDS[0])
    network: Any = np.exp(scores(1)[0]).astype(np.float32)
    # The network was trained on one fold only.
    network[held.part_of > 0] = np.nan
    assert len(np.unique(unseen_predictions(held, None, network).evidence.part_of)) > 1


def test_the_metrics_of_a_validation_set_are_of_the_finished_classifier() -> None:
    held = evidence(KINDS[0])
    valid: Any = Measuring(
        texts=list("ab"), tokenized=Any, rows=hard_rows(held.targets, np.ones(N), 2), name="new"
    )  # type: ignore[arg-type]
    (linear,) = scores(1)
    network = np.exp(scores(1, seed=3)[0])
    for ensemble in (NETWORK_ALONE, Ensemble(network=0.0, linear=1.0)):
        found = of_validation_set(valid, ensemble, KINDS[0], network, linear)
        np.testing.assert_array_equal(found.answers, ensemble(network, linear))
        metrics: Any = metrics_of(found, ["x", "y"], ensemble)
        right = found.answers.argmax(axis=1) == held.targets
        assert metrics["accuracy"] == pytest.approx(right.mean())
        assert metrics["measured_on"] == "validation texts (new)"
        of_network = (network.argmax(axis=1) == held.targets).mean()
        expected = pytest.approx(of_network) if ensemble == NETWORK_ALONE else None
        assert metrics.get("network_accuracy") == expected
        assert "caution" not in metrics
        of_folds = replace(found, name="2 folds")
        assert "caution" not in metrics_of(of_folds, ["x", "y"], ensemble)
        first = {"targets": held.targets[:29], "answers": found.answers[:29]}
        of_few = replace(of_folds, **first, network=None)
        few: Any = metrics_of(of_few, ["x", "y"], ensemble)
        assert "with 14.5 texts of each label on average" in few["caution"]
        assert "caution" not in metrics_of(replace(of_few, name="new"), ["x", "y"], ensemble)


def test_of_several_labels_the_loss_is_that_of_the_answers() -> None:
    outputs = KINDS[1]
    held = evidence(outputs)
    network: Any = np.exp(scores(1)[0]).astype(np.float32)
    ensemble = outputs.fit_ensemble(held.targets, network, None)
    valid: Any = Measuring(
        texts=[""] * N, tokenized=Any, rows=hard_rows(held.targets, np.ones(N), 2), name="new"
    )  # type: ignore[arg-type]
    found = of_validation_set(valid, ensemble, outputs, network, None)
    metrics: Any = metrics_of(found, ["x", "y"], ensemble)
    assert metrics["valid_loss"] == pytest.approx(mean_log_loss(held.targets, found.answers))
    right = ((held.targets == 1) == found.decided).all(axis=1)
    assert metrics["accuracy"] == pytest.approx(right.mean())
