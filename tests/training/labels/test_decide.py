"""What decides: folds or validation texts; pseudo-labels, class weights, hints, too few texts to measure."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import itertools
import random
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from trainers import Notes, train

import foretell
from foretell import TextClassifier
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.data.split import make_split
from foretell.errors import DataError, Interrupted, SettingsError
from foretell.metrics import calibration_error, log_loss
from foretell.ngrams.ensemble import NETWORK_ALONE, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.budget import Budget
from foretell.training.labels import decide, network, one_member
from foretell.training.labels.balance import Balance
from foretell.training.labels.folds import MANY_TEXTS, folds_to_decide, too_few
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.tokens import one_hot, tokenize
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions
from tests.training.labels.few import few_rows

SETTINGS = with_changes(
    LABELS_PRESETS["base"],
    {"units": 4, "embedding_size": 4, "length": 12, "batch_size": 16, "minutes": 0.0, "folds": 2},
)


def train_few(out: Path, *, n: int = 60, settings: LabelsSettings = SETTINGS, **given: Any) -> Any:
    rows, _ = few_rows(n=n)
    labels = [("bad", "good")[target] for target in rows.targets]
    valid = given.pop("valid", None)
    unlabelled = few_rows(n=n + 50)[0].texts[n:] if given.pop("unlabelled", False) else ()
    examples = Examples(list(rows.texts), labels, name="made up")
    fraction = settings.fraction_for(n)
    split = make_split(examples, valid=valid, fraction=fraction, seed=1, unlabelled=unlabelled)
    return train_labels(split, settings, TrainOptions(out=out, **given))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path, Notes]:
    """Return a model of a few labelled texts and others without labels, its directory and the notes."""
    out, notes = tmp_path_factory.mktemp("few") / "m", Notes()
    return train_few(out, unlabelled=True, listener=notes), out, notes


def test_a_few_labels_are_all_learned_from_and_measured_out_of_fold(
    few: tuple[Model, Path, Notes],
) -> None:
    (model, out, notes), metrics = few, few[0].metrics
    assert metrics["texts"] == 60
    assert metrics["valid_texts"] == 0
    assert metrics["measured_on"].startswith("out-of-fold predictions of 2 folds")
    assert sum(each["support"] for each in metrics["labels"].values()) == 60
    assert "60 predictions" in metrics["decided_by"]
    assert metrics["accuracy"] > 0.8
    assert any("linear models (" in note for note in notes)
    assert any("out-of-fold accuracy" in note and note.startswith("network") for note in notes)
    assert "out-of-fold predictions of 2 folds" in (out / "README.md").read_text()
    runtime, texts = LabelsRuntime.open(out), few_rows(n=20)[0]
    answers = runtime.predict_proba(texts.texts)
    assert (answers.argmax(axis=1) == texts.targets).mean() > 0.8
    assert runtime.explain(texts.texts[0]).probability == pytest.approx(answers[0].max(), abs=1e-6)
    assert model.labels == ["bad", "good"]


def test_interrupted_and_resumed_it_is_as_if_never(
    few: tuple[Model, Path, Notes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        train_few(tmp_path / "m", unlabelled=True, stop_after_steps=3, checkpoint_seconds=1e-9)
    monkeypatch.setattr(network, "_train", None)
    resumed = train_few(tmp_path / "m", unlabelled=True, resume=True)
    check_same(few[0], resumed)


def test_a_validation_set_is_for_the_metrics(tmp_path: Path) -> None:
    rows, _ = few_rows(n=90)
    valid = Examples(list(rows.texts[60:]), [("bad", "good")[t] for t in rows.targets[60:]], name="new")
    model = train_few(tmp_path / "m", valid=valid)
    assert model.metrics["measured_on"] == "validation texts (new)"
    assert sum(each["support"] for each in model.metrics["labels"].values()) == len(valid)
    assert "60 predictions" in model.metrics["decided_by"]


def test_with_more_labels_validation_texts_stop_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.config.MAX_WITHOUT_VALIDATION", 40)
    monkeypatch.setattr(decide, "MAX_WITHOUT_VALIDATION", 40)
    settings = with_changes(SETTINGS, {"epochs": 2, "min_steps": 1})
    model = train_few(tmp_path / "m", settings=settings)
    assert model.metrics["valid_texts"] == 6
    assert model.metrics["measured_on"].startswith("validation texts")
    assert "6 predictions" in model.metrics["decided_by"]
    assert "2 folds" in model.metrics["decided_by"]
    monkeypatch.setattr(decide, "MAX_FOLDED_TEXTS", 40)
    model = train_few(tmp_path / "m2", settings=settings)
    assert model.metrics["decided_by"].startswith("linear models and their weights: validation texts")
    assert set(model.metrics["members"]) == {"ngrams", "tfidf", "bayes", "centroids", "svd", "pooled"}


def test_without_time_for_the_folds_the_network_has_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_MARGIN", 1e9)
    notes = Notes()
    settings = with_changes(SETTINGS, {"minutes": 5.0})
    model = train_few(tmp_path / "m", settings=settings, listener=notes)
    assert model.ensemble.network == 0
    assert any("too short for out-of-fold predictions" in note for note in notes)
    assert LabelsRuntime.open(tmp_path / "m").predict_proba(["a1ing word2"]).shape == (1, 2)


def test_a_network_without_weight_on_the_first_folds_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    monkeypatch.setattr(decide, "_network_share", lambda _: 0.0)
    model = train_few(tmp_path / "m", settings=with_changes(SETTINGS, {"folds": 4}), listener=notes)
    assert any("next to no weight after 2 of 4 folds" in note for note in notes)
    assert model.ensemble.network == 0
    assert model.metrics["decided_by"].endswith("the network has no weight")
    assert model.metrics["steps"] > 0


def test_of_many_texts_three_folds_weigh_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    monkeypatch.setattr(network, "_MANY_TEXTS", 60)
    monkeypatch.setattr(decide, "_MIN_NETWORK_SHARE", 0.0)
    model = train_few(tmp_path / "m", settings=with_changes(SETTINGS, {"folds": 5}), listener=notes)
    assert "training the network on 3 of 5 folds" in notes
    assert model.metrics["measured_on"].startswith("out-of-fold predictions of 3 folds")
    assert sum(each["support"] for each in model.metrics["labels"].values()) == 36
    assert "36 predictions" in model.metrics["decided_by"]
    assert model.metrics["accuracy"] > 0.8


def test_with_less_time_the_networks_of_the_folds_have_fewer_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(network, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    monkeypatch.setattr(Budget, "left", lambda _: 33.0)
    monkeypatch.setattr(decide, "_MIN_NETWORK_SHARE", 0.0)
    notes = Notes()
    model = train_few(tmp_path / "m", settings=with_changes(SETTINGS, {"folds": 5}), listener=notes)
    assert "the time limit shortens the networks of the folds: 4 instead of 6 steps" in notes
    assert "60 predictions" in model.metrics["decided_by"]


ONE_MEMBER = with_changes(
    LABELS_PRESETS["base"],
    {"units": 6, "embedding_size": 5, "epochs": 3, "min_steps": 1, "batch_size": 8, "valid_fraction": 0.2,
     "folds": 0, "patience": 0},
)  # fmt: skip
FEW = with_changes(ONE_MEMBER, {"min_steps": 19})
"""More steps than the 60 examples, less those held out, make in their epochs."""


def some_texts(n: int, labels: tuple[str, ...], seed: int) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    names = [labels[i % len(labels)] for i in range(n)]
    texts = [
        " ".join([name, *(rng.choice(["film", "plot", "scene", name]) for _ in range(9)), f"s{seed}n{i}"])
        for i, name in enumerate(names)
    ]
    return texts, names


def examples(labels: tuple[str, ...] = ("neg", "pos")) -> Examples:
    return Examples(*some_texts(60, labels, 0), name="made up")


MORE, _ = some_texts(50, ("neg", "pos"), seed=1)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """Return the model of the labelled texts alone, and its directory."""
    out = tmp_path_factory.mktemp("plain") / "m"
    return train(examples(), ONE_MEMBER, out=out), out


@pytest.fixture
def enough_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the few texts of a test have vectors."""
    monkeypatch.setattr(one_member, "MIN_TOKENS", 1)


def check_mixture(model: Model, out: Path, data: Examples) -> None:
    assert model.linear is not None
    found, runtime = model.metrics, LabelsRuntime.open(out)
    assert found["baseline_accuracy"] > 0.9
    assert found["accuracy"] >= found["network_accuracy"] - 0.1
    right = np.array(runtime.labels)[runtime.predict_proba(data.texts).argmax(axis=1)] == data.labels
    assert right.mean() > 0.9


def test_the_answer_is_the_mixture_that_was_measured(plain: tuple[Model, Path]) -> None:
    check_mixture(*plain, examples())


@pytest.mark.parametrize("settings", [ONE_MEMBER, FEW], ids=["many labels", "few labels"])
def test_unlabelled_texts_are_learned_from(
    plain: tuple[Model, Path], settings: LabelsSettings, tmp_path: Path
) -> None:
    notes, without = Notes(), plain[0]
    model = train(examples(), settings, out=tmp_path / "a", unlabelled=MORE, listener=notes)
    assert model.metrics["unlabelled_texts"] == 50
    assert model.tokenizer.id("s1n7") is not None
    assert model.metrics["linear_accuracy"] >= 0.8
    assert len(model.linear.weights) > len(without.linear.weights)
    if settings == FEW:
        assert "50 unlabelled texts to learn from" in notes
        assert any("pseudo-labels: the linear model labelled" in text for text in notes)
        assert model.metrics["steps"] > without.metrics["steps"]
    else:
        # The network learns from the labels alone.
        assert any("pseudo-labels only help with fewer" in text for text in notes)
        assert model.metrics["steps"] == without.metrics["steps"] == 18


@pytest.mark.usefixtures("enough_words")
def test_vectors_of_texts_help_to_label(tmp_path: Path) -> None:
    notes = Notes()
    model = train(examples(), ONE_MEMBER, out=tmp_path / "a", unlabelled=MORE, listener=notes)
    assert any("pseudo-labels with text vectors" in text for text in notes)
    assert model.metrics["linear_accuracy"] > 0.9


@pytest.mark.usefixtures("enough_words")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"valid_fraction": 0.0, "minutes": 0.0}, "pseudo-labels: the linear model labelled"),
        ({"minutes": 0.5}, "the time limit leaves time for 0 of 50 unlabelled texts"),
        ({}, "need Numba"),
    ],
)
def test_without_valid_texts_time_or_numba_there_are_no_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: str
) -> None:
    if not change:
        monkeypatch.setattr(one_member, "find_spec", lambda _: None)
    notes, settings = Notes(), with_changes(ONE_MEMBER, {"epochs": 1, **change})
    late = time.monotonic() - 60 * change.get("minutes", 0.0)
    model = train(examples(), settings, out=tmp_path / "m", unlabelled=MORE, listener=notes, started=late)
    assert any(expected in text for text in notes)
    assert not any("pseudo-labels with text vectors" in text for text in notes)
    if "valid_fraction" in change:
        # Without validation texts both weigh the same.
        assert (model.ensemble.network, model.ensemble.linear) == (0.5, 0.5)
        assert model.linear is not None


@pytest.mark.soak
@pytest.mark.usefixtures("enough_words")
@pytest.mark.parametrize(("settings", "steps"), [(ONE_MEMBER, 18), (FEW, 30)])
def test_interrupted_with_unlabelled_texts_is_as_if_never(
    settings: LabelsSettings, steps: int, tmp_path: Path
) -> None:
    whole = train(examples(), settings, out=tmp_path / "whole", unlabelled=MORE[:30])
    assert whole.metrics["steps"] == steps
    cut, notes = {"out": tmp_path / "cut", "unlabelled": MORE[:30]}, Notes()
    for i, stop in enumerate([2, 16]):
        with pytest.raises(Interrupted):
            train(examples(), settings, **cut, resume=i > 0, stop_after_steps=stop)
    resumed = train(examples(), settings, **cut, resume=True, listener=notes)
    assert not any("vectors" in text for text in notes)
    check_same(whole, resumed)


def check_same(whole: Model, resumed: Model) -> None:
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)
    for before, after in zip(whole.tfidf, resumed.tfidf, strict=True):
        np.testing.assert_array_equal(before.weights, after.weights)
    assert whole.ensemble == resumed.ensemble


def test_the_linear_model_can_be_switched_off_and_is_still_compared_with(tmp_path: Path) -> None:
    settings = with_changes(ONE_MEMBER, {"linear": False, "epochs": 1})
    model = train(examples(), settings, out=tmp_path / "m")
    assert (model.linear, model.ensemble.linear) == (None, 0)
    assert model.metrics["baseline_accuracy"] > 0.9
    assert not (tmp_path / "m" / "linear.safetensors").exists()
    with pytest.raises(SettingsError, match="unlabelled"):
        train(examples(), settings, out=tmp_path / "o", unlabelled=["a text"])


def test_a_time_limit_ends_it_early_with_a_whole_model(tmp_path: Path) -> None:
    settings = with_changes(ONE_MEMBER, {"epochs": 10_000, "minutes": 1.0})
    # Some seconds are left.
    model = train(examples(), settings, out=tmp_path / "m", started=time.monotonic() - 56)
    assert model.metrics["epochs"] < 10_000
    # Ten seconds of patience with a machine that other programs use.
    assert model.metrics["seconds"] < 70
    assert read_model(tmp_path / "m").metrics["steps"] == model.metrics["steps"]


def test_the_linear_model_is_fitted_again_to_all_texts(plain: tuple[Model, Path], tmp_path: Path) -> None:
    before = train(examples(), with_changes(ONE_MEMBER, {"refit": False}), out=tmp_path / "a")
    after, _ = plain
    assert after.settings.refit
    assert before.ensemble == after.ensemble
    assert before.metrics["accuracy"] == after.metrics["accuracy"]
    assert not np.array_equal(before.linear.bias, after.linear.bias)
    for name, weight in before.weights.items():
        np.testing.assert_array_equal(weight, after.weights[name])


TINY = {"units": 4, "embedding_size": 4, "length": 12, "batch_size": 16, "minutes": 0.0, "epochs": 2,
        "min_steps": 1, "learning_rate": 0.3}  # fmt: skip

BALANCED = with_changes(LABELS_PRESETS["base"], {**TINY, "balance": True, "folds": 2})


def uneven(n: int = 120, share: float = 0.1, seed: int = 1) -> Examples:
    """Return texts of which a share is rare; words hint at the label, but do not prove it."""
    rng = random.Random(seed)
    texts, labels = [], []
    for i in range(n):
        rare = i < share * n
        words = [
            f"{'r' if rng.random() < (0.7 if rare else 0.2) else 'c'}{rng.randint(0, 4)}" for _ in range(4)
        ]
        texts.append(" ".join([*words, f"w{i}"]))
        labels.append("rare" if rare else "common")
    return Examples(texts, labels, name="made up")


def test_the_weights_are_those_of_scikit_learn_and_respect_sample_weights() -> None:
    targets = np.array([0] * 6 + [1] * 3 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(Balance.of(targets, None, 3).weights, expected)
    given = np.arange(1.0, 11.0)
    balance = Balance.of(targets, given, 3)
    mass = np.bincount(targets, given * balance.weights[targets])
    np.testing.assert_allclose(mass, given.sum() / 3)
    # A label without texts changes nothing.
    np.testing.assert_allclose(Balance.of(targets, None, 4).weights, [*expected, 1.0])


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_corrected_linear_model_knows_the_true_shares(n_labels: int) -> None:
    rng = np.random.default_rng(0)
    targets = np.minimum(rng.geometric(0.8, 2_000) - 1, n_labels - 1).astype(np.int32)
    texts = [f"{'abc'[t] if rng.random() < 0.6 else 'x'} y" for t in targets]
    tokenizer, tokenized = tokenize(texts, LABELS_PRESETS["base"])
    balance = Balance.of(targets, None, n_labels)
    weights = balance.weights[targets]
    model = fit_ngrams(tokenized.ids, tokenized.starts, one_hot(targets, n_labels), tokenizer.size, weights)
    before, after = (
        np.exp(linear_log_probabilities(each.scores_of_flat(tokenized.ids, tokenized.starts)))
        for each in (model, balance.corrected_model(model))
    )
    shares = np.bincount(targets) / len(targets)
    np.testing.assert_allclose(after.mean(axis=0), shares, atol=0.03)
    assert abs(before.mean(axis=0) - shares).max() > 0.1
    assert log_loss(targets, after) < log_loss(targets, before)
    # The same correction of the answers instead of the bias.
    np.testing.assert_allclose(balance.corrected(before.astype(np.float32)), after, atol=1e-5)


def test_on_folds_the_answers_are_for_the_true_shares(tmp_path: Path) -> None:
    model = train(uneven(), with_changes(BALANCED, {"valid_fraction": 0.0}), out=tmp_path / "m")
    rows = LabelsRuntime.open(tmp_path / "m").predict_proba(uneven(seed=2).texts)
    assert 0.03 < rows[:, 1].mean() < 0.25
    for member in model.metrics["members"].values():
        assert member["log_loss"] < 0.45
    assert model.settings.balance


def test_with_validation_texts_the_saved_network_is_the_measured_one(tmp_path: Path) -> None:
    settings = with_changes(BALANCED, {"folds": 0, "valid_fraction": 0.3, "refit": False})
    data = uneven(200)
    split = make_split(data, fraction=0.3, seed=1)
    model = train(data, settings, out=tmp_path / "m", unlabelled=uneven(60, seed=3).texts)
    assert split.valid is not None
    runtime = LabelsRuntime.open(tmp_path / "m")
    ids = runtime.tokenizer.encode_batch(split.valid.texts)
    network = runtime._network(ids)
    right = network.argmax(axis=1) == [runtime.labels.index(label) for label in split.valid.labels]
    assert model.metrics["network_accuracy"] == pytest.approx(right.mean())
    expected = calibration_error(network.max(axis=1), right)
    assert model.metrics["network_calibration_error"] == pytest.approx(expected, abs=1e-4)
    assert model.ensemble != NETWORK_ALONE
    assert 0.03 < runtime.predict_proba(uneven(seed=2).texts)[:, 1].mean() < 0.25


def test_a_teacher_and_class_weights_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="leave out one of the two"):
        train(uneven(), BALANCED, out=tmp_path / "m", teacher=object(), unlabelled=["a text"])  # type: ignore[arg-type]


GOOD, BAD = ([f"{kind}{i}" for i in range(20)] for kind in ("good", "bad"))
SIZES = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 2, "valid_fraction": 0.0}
HINTS = {1: GOOD[10:], 0: " ".join(BAD[10:])}


def texts_of(places: range, n: int = 40, seed: int = 1) -> tuple[list[str], list[int]]:
    """Return texts with one word of their kind, from some places, and their labels."""
    rng, texts = random.Random(seed), []
    for i in range(n):
        kind = GOOD if i % 2 else BAD
        texts.append(f"the film {kind[rng.choice(places)]} was number{rng.randrange(9)} x{i}")
    return texts, [i % 2 for i in range(n)]


def classifier() -> TextClassifier:
    return TextClassifier(preset="base", verbose=False, **SIZES)


def accuracy(trained: TextClassifier) -> float:
    texts, labels = texts_of(range(10, 20), seed=2)
    return float(np.mean(np.array(trained.predict(texts)) == labels))


def test_words_of_the_hints_alone_count() -> None:
    texts, labels = texts_of(range(10))
    trained = classifier().fit(texts, labels, label_hints=HINTS)
    assert accuracy(trained) == 1.0
    assert {"hinted_tfidf", "hinted_pooled"} <= set(trained.metrics_["members"])
    assert trained.predict(texts) == labels
    assert trained.classify(texts[:1])[0].flags == ()


def test_wrong_hints_do_no_harm() -> None:
    texts, labels = texts_of(range(20), n=120)
    trained = classifier().fit(texts, labels, label_hints={1: BAD, 0: GOOD})
    members = trained.metrics_["members"]
    assert members["hinted_tfidf"]["accuracy"] < 0.05
    of_same_values = sum(members[name]["weight"] for name in ("tfidf", "bayes", "centroids"))
    assert members["hinted_tfidf"]["weight"] < 0.5 * of_same_values
    assert accuracy(trained) > 0.95


def test_without_any_label_the_answers_are_marked_as_unevaluated(tmp_path: Path) -> None:
    texts, _ = texts_of(range(20), n=120)
    trained = classifier().fit(texts, [None] * len(texts), label_hints=HINTS, out=tmp_path / "m")
    assert accuracy(trained) > 0.95
    assert trained.classes_.tolist() == [0, 1]
    assert all("unevaluated" in verdict.flags for verdict in trained.classify(texts[:5]))
    assert trained.metrics_["measured_on"] == "label hints, while training"
    loaded = TextClassifier.load(tmp_path / "m")
    assert "unevaluated" in loaded.classify(texts[:1])[0].flags


@pytest.mark.soak
def test_other_hints_are_another_training(tmp_path: Path) -> None:
    texts, labels = texts_of(range(10))
    whole = classifier().fit(texts, labels, label_hints=HINTS)
    stopped = {"out": tmp_path / "m", "checkpoint_seconds": 1e-9}

    def stop(event: object) -> None:
        if type(event).__name__ == "Checkpointed":
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Interrupted)):
        classifier().fit(texts, labels, label_hints=HINTS, listener=stop, **stopped)
    with pytest.raises(Exception, match="the data"):
        classifier().fit(texts, labels, label_hints={**HINTS, 0: "dull"}, resume=True, **stopped)
    resumed = classifier().fit(texts, labels, label_hints=HINTS, resume=True, **stopped)
    np.testing.assert_array_equal(resumed.predict_proba(texts), whole.predict_proba(texts))


def test_a_hint_on_an_unknown_label_is_refused() -> None:
    texts, labels = texts_of(range(10))
    with pytest.raises(DataError, match="found 2"):
        classifier().fit(texts, labels, label_hints={**HINTS, 2: "odd"})


SENTENCES = {
    "billing": ["my invoice is wrong", "you charged me twice", "send the bill again", "what does it cost",
                "refund my last payment"],
    "bug": ["the app crashes on start", "the login page shows an error", "nothing loads since the update",
            "the search is broken", "photos do not upload"],
    "delivery": ["where is my parcel", "it is three days late", "change the address", "it arrived damaged",
                 "track my order"],
    "praise": ["I love your service", "great support, thank you", "the design looks wonderful",
               "best purchase this year", "your team was friendly"],
}  # fmt: skip


def fitted(texts: list[str], labels: object, **more: Any) -> foretell.TextClassifier:
    with pytest.warns(foretell.TooFewTextsWarning, match=r"too few different texts to measure \("):
        clf = foretell.TextClassifier("quick", units=4, embedding_size=4).fit(texts, labels, **more)
    assert clf.metrics_["not_measured"].startswith("too few different texts to measure (")
    assert not {"accuracy", "macro_f1", "measured_on", "linear_accuracy", "members"} & set(clf.metrics_)
    return clf


def test_twenty_sentences_of_four_labels_are_learned() -> None:
    texts = [text for each in SENTENCES.values() for text in each]
    labels = [name for name, each in SENTENCES.items() for _ in each]
    clf = fitted(texts, labels)
    assert clf.predict(texts) == labels
    assert clf.predict(["the app shows an error", "you charged me"]) == ["bug", "billing"]


def test_one_text_for_each_of_three_labels_is_learned() -> None:
    texts, labels = ["a red apple", "a green pear", "a yellow banana"], ["x", "y", "z"]
    assert fitted(texts, labels).predict(texts) == labels


def test_thousands_of_repetitions_are_no_evidence_and_report_and_card_claim_nothing(tmp_path: Path) -> None:
    texts, labels = (
        ["good food", "kind people", "bad food", "a long wait"] * 300,
        ["pos", "pos", "neg", "neg"] * 300,
    )
    clf = fitted(texts, labels, out=tmp_path / "m")
    assert clf.predict(texts[:4]) == labels[:4]
    for page in (tmp_path / "m" / "README.md", tmp_path / "m" / "run" / "report.html"):
        assert "too few different texts to measure (4" in page.read_text()
    assert "too few different texts" in str(clf.report())


def test_where_texts_are_enough_folds_decide() -> None:
    texts = [f"text {i}" for i in range(MANY_TEXTS)]
    few = np.array([0] * 26 + [1] * 4, np.int32)
    assert "of the rarest label 4" in too_few(texts[:30], few)
    assert too_few(texts[:30], np.arange(30, dtype=np.int32) % 2) == ""
    assert "measure (29," in too_few(texts[:29], np.arange(29, dtype=np.int32) % 2)
    assert too_few(texts, np.array([0] * 98 + [1] * 2, np.int32)) == ""
    several = np.stack([few, 1 - few], axis=1).astype(np.float32)
    assert not folds_to_decide(texts[:30], several, 5, 1).held.any()
    assert folds_to_decide(texts, np.tile(several[-2:], (50, 1)), 5, 1).count == 5
