"""Metrics of unseen texts cannot lie: labels that mean nothing are reported at chance, known noise
as noise.

A metric that is better than the truth by more than two standard errors fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import foretell
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples, read_examples
from foretell.data.split import make_split
from foretell.presets import LABELS_PRESETS
from foretell.training.labels import train
from foretell.training.labels.ancestor import read_ancestor
from foretell.training.labels.continued import split_of
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions

N = 200
SETTINGS = with_changes(
    LABELS_PRESETS["quick"],
    {"units": 4, "embedding_size": 4, "length": 20, "epochs": 2, "batch_size": 32, "minutes": 0.0},
)
SEEDS = [
    pytest.param((1,), id="one seed"),
    pytest.param(range(10), id="ten seeds", marks=pytest.mark.soak),
]


def texts_and_random_labels(seed: int, n: int = N) -> Examples:
    """Real reviews, each with a label by chance.

    Each is drawn for itself: of as many heads as tails, the held-out ones are the opposite of the
    others.
    """
    texts = read_examples("reviews").texts[:n]
    labels = np.random.default_rng(seed).integers(2, size=n)
    return Examples(
        texts, [("heads", "tails")[label] for label in labels.tolist()], name="by chance"
    )


def assert_at_chance(shares: Sequence[float], n: int, chance: float = 0.5) -> None:
    """Assert that shares of `n` texts each are together not better than chance.

    Ten of them may be better by two standard errors. One seed is compared for several members, so
    that one of these is often better by two: three are allowed.
    """
    error = (chance * (1 - chance) / (n * len(shares))) ** 0.5
    assert np.mean(shares) <= chance + (2 if len(shares) == 10 else 3) * error, shares


def chance_of(labels: Iterable[Sequence[object]]) -> float:
    """Return the mean accuracy of the most frequent label, which no text is needed for: of 200,
    52.8 %.
    """
    return float(np.mean([max(Counter(each).values()) / len(each) for each in labels]))


def metrics_of(
    examples: Examples, out: Path, settings: LabelsSettings = SETTINGS
) -> dict[str, Any]:
    split = make_split(examples)
    return train_labels(
        split, settings, TrainOptions(out=out, preset="quick", restart=True, overwrite=True)
    ).metrics


@pytest.mark.parametrize("seeds", SEEDS)
def test_ensemble_members_and_network_are_at_chance(
    seeds: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would be given up.
    monkeypatch.setattr(train, "_MIN_NETWORK_SHARE", 0.0)
    found = [metrics_of(texts_and_random_labels(seed), tmp_path / "m") for seed in seeds]
    chance = chance_of(texts_and_random_labels(seed).labels for seed in seeds)
    for key in ("accuracy", "network_accuracy", "linear_accuracy", "baseline_accuracy"):
        assert_at_chance([each[key] for each in found], N, chance)
    for name in found[0]["members"]:
        assert_at_chance([each["members"][name]["accuracy"] for each in found], N, chance)
    # Two labels, each as probable as the other: no loss below ln 2.
    assert np.mean([each["valid_loss"] for each in found]) > np.log(2) - 0.02
    assert np.mean([each["coverage"][-1]["accuracy"] for each in found]) < 0.75


@pytest.mark.parametrize("seeds", SEEDS)
def test_a_continued_classifier_is_at_chance(
    seeds: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.labels.replay.MIN_TEXTS", 40)
    shares: list[tuple[float, ...]] = []
    settings = with_changes(SETTINGS, {"folds": 2})
    for seed in seeds:
        metrics_of(texts_and_random_labels(seed, N // 2), tmp_path / "old", settings)
        ancestor = read_ancestor(tmp_path / "old")
        whole = texts_and_random_labels(seed)
        new = Examples(whole.texts[N // 2 :], whole.labels[N // 2 :], name="new")
        split, continued = split_of(new, settings, ancestor)
        options = TrainOptions(out=tmp_path / "m", preset="quick", restart=True, overwrite=True)
        metrics = train_labels(split, settings, options, continued=continued).metrics
        assert metrics["continued"]["new"]["texts"] == N // 2
        member = metrics["members"]["ngrams"]
        shares.append((metrics["accuracy"], metrics["linear_accuracy"], member["accuracy"]))
        # Each is of the new texts alone, without those that the old classifier labelled.
        assert all(
            N // 2 * share == pytest.approx(round(N // 2 * share), abs=1e-3) for share in shares[-1]
        )
    chance = chance_of(texts_and_random_labels(seed).labels[N // 2 :] for seed in seeds)
    for each in zip(*shares, strict=True):
        assert_at_chance(each, N // 2, chance)


@pytest.mark.parametrize("seeds", SEEDS)
def test_annotation_is_at_chance(seeds: Sequence[int], tmp_path: Path) -> None:
    shares = []
    for seed in seeds:
        examples = texts_and_random_labels(seed, 200)
        label_of = dict(zip(examples.texts, examples.labels, strict=True))
        out = tmp_path / f"{seed}.jsonl"
        with foretell.annotate(
            examples.texts, labels=["heads", "tails"], out=out, by="ada"
        ) as annotation:
            while (item := annotation.next()) is not None:
                annotation.answer(item, label_of[item.text])
            shares.append(annotation.metrics(fresh=True).accuracy)
    right = sum(each.value * each.texts for each in shares)
    assert_at_chance(
        [right / sum(each.texts for each in shares)], sum(each.texts for each in shares)
    )


def test_the_label_check_is_at_chance() -> None:
    examples = texts_and_random_labels(1)
    found = foretell.survey(examples.texts, examples.labels, check_labels=True).label_check
    assert_at_chance([found.accuracy], found.judged)
