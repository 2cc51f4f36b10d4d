"""A classifier's training: folds or validation texts, pseudo-labels, class weights, hints, few
texts.
"""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from trainers import Notes, train

import foretell
from foretell import TextClassifier
from foretell.arrays import one_hot
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.folds import MANY_TEXTS, Folds, folds_of, too_few
from foretell.data.split import Split, make_split
from foretell.errors import DataError, Interrupted, SettingsError
from foretell.metrics import log_loss
from foretell.ngrams.ensemble import NETWORK_ALONE, linear_log_probabilities
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.labels import network, plan
from foretell.training.labels import pseudo_labels as pseudo
from foretell.training.labels import train as module
from foretell.training.labels.balance import Balance
from foretell.training.labels.checks import Outside, request_of
from foretell.training.labels.corpus import Origin, make_corpus, part_of
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.members import evidence_of
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.pseudo_labels import PseudoLabels, pseudo_labels
from foretell.training.labels.tokens import tokenize
from foretell.training.labels.train import train_labels
from foretell.training.options import TrainOptions
from tests.training.labels.few import FewTraining, evidence, few_corpus

SETTINGS = with_changes(
    LABELS_PRESETS["base"],
    {"units": 4, "embedding_size": 4, "length": 12, "batch_size": 16, "minutes": 0.0, "folds": 2},
)


def few_texts(n: int) -> tuple[list[str], list[str]]:
    """Return texts in which some words show the label, and their labels."""
    corpus = few_corpus(n=n, n_unlabelled=0)
    return list(corpus.texts), [("bad", "good")[place % 2] for place in range(n)]


def train_few(out: Path, *, n: int = 60, settings: Any = SETTINGS, **given: Any) -> Any:
    texts, labels = few_texts(n)
    valid = given.pop("valid", None)
    unlabelled = few_texts(n + 50)[0][n:] if given.pop("unlabelled", False) else ()
    examples = Examples(texts, labels, name="made up")
    split = make_split(examples, valid=valid, unlabelled=unlabelled)
    return train_labels(split, settings, TrainOptions(out=out, **given))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """Return a model of a few labelled texts and others without labels, and its directory."""
    out = tmp_path_factory.mktemp("few") / "m"
    return train_few(out, unlabelled=True), out


def test_a_few_labels_are_all_learned_from_and_measured_out_of_fold(
    few: tuple[Model, Path],
) -> None:
    (model, out), metrics = few, few[0].metrics
    assert (metrics["texts"], metrics["valid_texts"], model.labels) == (60, 0, ["bad", "good"])
    assert metrics["measured_on"].startswith("out-of-fold predictions of 2 folds")
    assert "caution" not in metrics
    assert sum(each["support"] for each in metrics["labels"].values()) == 60
    assert metrics["accuracy"] > 0.8
    assert "out-of-fold predictions of 2 folds" in (out / "README.md").read_text()
    runtime = LabelsRuntime(out)
    texts, labels = few_texts(20)
    answers = runtime.predict_proba(texts)
    right = [runtime.labels[row.argmax()] for row in answers]
    assert np.mean(np.array(right) == labels) > 0.8
    assert runtime.explain(texts[0]).probability == pytest.approx(answers[0].max(), abs=1e-6)


def test_interrupted_and_resumed_it_is_as_if_never(
    few: tuple[Model, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is that of the time and the pace at the first start."""
    planned = list[dict[str, Any]]()
    make_plan = module.make_plan

    def noted(*given: Any, **how: Any) -> Any:
        planned.append(how)
        return make_plan(*given, **how)

    monkeypatch.setattr(module, "make_plan", noted)
    with pytest.raises(Interrupted):
        train_few(tmp_path / "m", unlabelled=True, stop_after_steps=3, checkpoint_seconds=1e-9)
    monkeypatch.setattr(network, "_train_fold", None)
    check_same(few[0], train_few(tmp_path / "m", unlabelled=True, resume=True))
    assert planned[0] == planned[1]


def check_same(whole: Model, resumed: Model) -> None:
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    assert whole.linear is not None
    assert resumed.linear is not None
    np.testing.assert_array_equal(whole.linear.weights, resumed.linear.weights)
    for before, after in zip(whole.tfidf, resumed.tfidf, strict=True):
        np.testing.assert_array_equal(before.weights, after.weights)
    assert whole.ensemble == resumed.ensemble


def test_a_validation_set_is_for_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_EPOCHS", 12)
    texts, labels = few_texts(90)
    valid = Examples(texts[60:], labels[60:], name="new")
    model = train_few(tmp_path / "m", valid=valid)
    assert model.metrics["measured_on"] == "validation texts (new)"
    assert "caution" not in model.metrics
    assert sum(each["support"] for each in model.metrics["labels"].values()) == len(valid)
    # Nothing is decided on it: where all of its labels are wrong the classifier is the same.
    wrong = Examples(valid.texts, valid.labels[::-1], name="new")
    again = train_few(tmp_path / "wrong", valid=wrong)
    check_same(model, again)
    assert again.metrics["accuracy"] == pytest.approx(1 - model.metrics["accuracy"])


def test_with_more_labels_validation_texts_stop_the_network_and_then_decide_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MANY_TEXTS", 6)
    settings = with_changes(SETTINGS, {"epochs": 2, "min_steps": 1})
    model = train_few(tmp_path / "m", settings=settings)
    assert model.metrics["valid_texts"] == 6
    assert model.metrics["measured_on"].startswith("validation texts")
    # A tenth set aside would leave too few of these: none is, and folds give the network its
    # weight.
    between = train_few(tmp_path / "between", settings=settings, n=44)
    assert "out-of-fold" in between.metrics["measured_on"]
    assert between.metrics.get("network_accuracy") is not None
    # The whole of each training is in its metrics, and in one line of its log.
    assert model.metrics["plan"]["network_folds"] == 1
    assert between.metrics["plan"]["network_folds"] == between.metrics["plan"]["folds"] == 2
    assert set(model.metrics["members"]) == {
        "words",
        "ngrams",
        "tfidf",
        "bayes",
        "centroids",
        "svd",
        "pooled",
    }


def test_a_network_that_no_fold_needs_has_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    drawn = list[Any]()

    def noted(*given: Any) -> Folds:
        drawn.append(given[2:4])
        return folds_of(*given)

    monkeypatch.setattr(module, "folds_of", noted)
    monkeypatch.setattr(module, "network_share", lambda _: 0.0)
    settings = with_changes(SETTINGS, {"folds": 4, "seed": 7})
    model = train_few(tmp_path / "m", settings=settings, listener=notes)
    assert drawn == [(4, 7)]
    assert any("next to no weight after 2 of 4 folds" in note for note in notes)
    assert model.ensemble.network == 0
    assert model.metrics["steps"] > 0
    assert LabelsRuntime(tmp_path / "m").predict_proba(["a1ing word2"]).shape == (1, 2)


ONE_MEMBER = with_changes(
    LABELS_PRESETS["base"],
    {
        "units": 6,
        "embedding_size": 5,
        "epochs": 3,
        "min_steps": 1,
        "batch_size": 8,
        "valid_fraction": 0.2,
        "folds": 0,
        "patience": 0,
        "minutes": 0.0,
    },
)
FEW = with_changes(ONE_MEMBER, {"min_steps": 19})
"""More steps than the 60 examples, less those held out, make in their epochs."""


def some_texts(n: int, labels: tuple[str, ...], seed: int) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    names = [labels[i % len(labels)] for i in range(n)]
    texts = [
        " ".join(
            [name, *(rng.choice(["film", "plot", "scene", name]) for _ in range(9)), f"s{seed}n{i}"]
        )
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


@pytest.mark.parametrize("settings", [ONE_MEMBER, FEW], ids=["many labels", "few labels"])
def test_unlabelled_texts_are_learned_from(
    plain: tuple[Model, Path], settings: Any, tmp_path: Path
) -> None:
    without = plain[0]
    model = train(examples(), settings, out=tmp_path / "a", unlabelled=MORE)
    assert model.metrics["unlabelled_texts"] == 50
    assert model.tokenizer.id("s1n7") is not None
    assert model.metrics["linear_accuracy"] >= 0.8
    assert model.linear is not None
    assert without.linear is not None
    assert len(model.linear.weights) > len(without.linear.weights)
    if settings == FEW:
        assert model.metrics["steps"] > without.metrics["steps"]
    else:
        # The network learns from the labels alone.
        assert model.metrics["steps"] == without.metrics["steps"] == 18


def labelled_texts(
    settings: Any = ONE_MEMBER, n_folds: int = 1, *, swap_held: bool = False, **given: Any
) -> tuple[PseudoLabels, Any]:
    """Return pseudo-labels of unlabelled texts, and the training that made them; where
    `swap_held`, the labels of the held-out texts are wrong.
    """
    data = examples()
    parts = {Origin.LABELS: part_of(data, ["neg", "pos"])}
    corpus = make_corpus(parts, MORE, ["neg", "pos"], settings)
    fold_of = evidence(corpus, 5).folds.fold_of
    folds = Folds(fold_of=np.where(fold_of < n_folds, fold_of, -1).astype(np.int32))
    if swap_held:
        label = corpus.rows.label ^ folds.held[corpus.rows.text]
        corpus = replace(corpus, rows=replace(corpus.rows, label=label))
    training: Any = FewTraining(corpus, **given)
    training.settings = settings
    held = evidence_of(corpus, folds, OneLabel(2))
    return pseudo_labels(training, held), training


def test_held_out_labels_decide_no_pseudo_label() -> None:
    one, two = (labelled_texts(swap_held=swapped)[0].labelled for swapped in (False, True))
    np.testing.assert_array_equal(one.target, two.target)


def test_pseudo_labels_have_the_class_weights() -> None:
    _, training = labelled_texts()
    corpus = replace(training.corpus, balance=Balance(np.array([0.5, 2.0])))
    soft = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    made = pseudo._made(corpus, soft, None)
    np.testing.assert_allclose(made.labelled.weights, [1.25, 0.5])


def test_without_labels_the_network_learns_from_the_hints() -> None:
    parts = {Origin.HINTS: part_of(examples(), ["neg", "pos"])}
    corpus = make_corpus(parts, MORE, ["neg", "pos"], ONE_MEMBER)
    rows = pseudo.rows_for_network(corpus, None, np.ones(len(corpus), bool))
    assert len(rows) == len(corpus.hinted(np.ones(len(corpus), bool))) > 0


def test_text_vectors_label_and_a_resumed_training_takes_what_they_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pseudo, "MIN_TOKENS", 1)
    made, training = labelled_texts()
    right = [text.split()[0] == "pos" for text in MORE]
    assert (made.labelled.truth() == right).mean() > 0.9
    assert made.by_vectors is not None
    monkeypatch.setattr(pseudo, "label_by_vectors", None)
    again, _ = labelled_texts(before=training.stages.arrays)
    np.testing.assert_array_equal(again.labelled.target, made.labelled.target)
    assert again.by_vectors is not None
    np.testing.assert_array_equal(again.by_vectors.weights, made.by_vectors.weights)


@pytest.mark.parametrize(
    ("n_folds", "left", "expected"),
    [
        (0, None, None),
        (1, 0.0, "the time limit leaves time for 0 of 50 unlabelled texts"),
        (1, None, "text vectors, which improve pseudo-labels, need Numba: pip install numba"),
    ],
    ids=["no held-out texts", "no time", "no Numba"],
)
def test_without_held_out_texts_time_or_numba_there_are_no_text_vectors(
    monkeypatch: pytest.MonkeyPatch, n_folds: int, left: float | None, expected: str | None
) -> None:
    monkeypatch.setattr(pseudo, "MIN_TOKENS", 1)
    monkeypatch.setattr(pseudo, "find_spec", lambda _: None)
    monkeypatch.setattr(pseudo, "label_by_vectors", None)
    given = {} if left is None else {"left": left}
    made, training = labelled_texts(n_folds=n_folds, **given)
    assert training.notes == ([] if expected is None else [expected])
    assert len(made.labelled) == 0 or left is None


def test_a_training_is_resumed_only_with_the_same_texts_labels_weights_and_hints() -> None:
    def digest(
        labels: str = "ab", weights: Any = None, hints: Any = None, keep: bool = False
    ) -> str:
        given = Examples(["one text", "another"], list(labels), weights=weights)
        split = Split(train=given, valid=None, unlabelled=("more",), hints=hints)
        return request_of(split, SETTINGS, Outside(keep_teacher=keep)).data

    hints = [Examples(["word", text], ["a", "b"]) for text in ("word", "other")]
    all_of_them = [digest(), digest("ba"), digest(weights=[1.0, 2.0]), digest(keep=True)]
    all_of_them += [digest(hints=each) for each in hints]
    assert len(set(all_of_them)) == 6
    assert digest() == all_of_them[0]


def test_the_linear_model_can_be_switched_off(tmp_path: Path) -> None:
    settings = with_changes(ONE_MEMBER, {"linear": False, "epochs": 1})
    model = train(examples(), settings, out=tmp_path / "m")
    assert (model.linear, model.ensemble.linear) == (None, 0)
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


def test_where_memory_is_too_small_the_network_learns_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MEMORY", 100)
    settings = with_changes(ONE_MEMBER, {"epochs": 1})
    model = train(examples(tuple("abcdef")), settings, out=tmp_path / "m")
    assert model.linear is None
    assert not model.metrics["plan"]["members"]


def test_texts_that_there_is_no_memory_for_are_held_out_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MANY_TEXTS", 6)
    monkeypatch.setattr(plan, "MEMORY", 6_000)
    settings = with_changes(SETTINGS, {"epochs": 1, "min_steps": 1})
    model = train_few(tmp_path / "m", settings=settings, n=300)
    assert 0.2 < model.metrics["plan"]["share"] < 0.8
    assert model.metrics["valid_texts"] == 30
    assert model.metrics["members"]["words"]["accuracy"] > 0.9


BALANCED = with_changes(
    SETTINGS, {"epochs": 2, "min_steps": 1, "learning_rate": 0.3, "balance": True}
)


def uneven(n: int = 120, share: float = 0.1, seed: int = 1) -> Examples:
    """Return texts of which a share is rare; words hint at the label, but do not prove it."""
    rng = random.Random(seed)
    texts = []
    labels = []
    for i in range(n):
        rare = i < share * n
        own = 0.7 if rare else 0.2
        words = [f"{'r' if rng.random() < own else 'c'}{rng.randint(0, 4)}" for _ in range(4)]
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
    model = fit_ngrams(
        tokenized.ids, tokenized.starts, one_hot(targets, n_labels), tokenizer.size, weights
    )
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
    rows = LabelsRuntime(tmp_path / "m").predict_proba(uneven(seed=2).texts)
    assert 0.03 < rows[:, 1].mean() < 0.25
    for member in model.metrics["members"].values():
        assert member["log_loss"] < 0.45
    with pytest.raises(SettingsError, match="leave out one of the two"):
        train(uneven(), BALANCED, out=tmp_path / "o", teacher=object(), unlabelled=["a text"])  # type: ignore[arg-type]


def test_with_a_held_out_part_the_answers_are_for_the_true_shares(tmp_path: Path) -> None:
    settings = with_changes(BALANCED, {"folds": 0, "valid_fraction": 0.3})
    model = train(uneven(200), settings, out=tmp_path / "m", unlabelled=uneven(60, seed=3).texts)
    assert model.metrics["measured_on"].startswith("validation texts (30 %")
    assert model.ensemble != NETWORK_ALONE
    runtime = LabelsRuntime(tmp_path / "m")
    assert 0.03 < runtime.predict_proba(uneven(seed=2).texts)[:, 1].mean() < 0.25


GOOD, BAD = ([f"{kind}{i}" for i in range(20)] for kind in ("good", "bad"))
SIZES = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 2, "valid_fraction": 0.0}
HINTS = {1: GOOD[10:], 0: " ".join(BAD[10:])}


def texts_of(places: range, n: int = 40, seed: int = 1) -> tuple[list[str], list[int]]:
    """Return texts with one word of their kind, from some places, and their labels."""
    rng = random.Random(seed)
    texts = []
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
    with pytest.raises(DataError, match="found 2"):
        classifier().fit(texts, labels, label_hints={**HINTS, 2: "odd"})


def test_wrong_hints_do_no_harm() -> None:
    texts, labels = texts_of(range(20), n=120)
    trained = classifier().fit(texts, labels, label_hints={1: BAD, 0: GOOD})
    members = trained.metrics_["members"]
    assert members["hinted_tfidf"]["accuracy"] < 0.05
    of_same_values = sum(
        members[name]["weight"] for name in ("words", "tfidf", "bayes", "centroids")
    )
    assert members["hinted_tfidf"]["weight"] < 0.5 * of_same_values
    assert accuracy(trained) > 0.95


def test_without_any_label_the_answers_are_marked_as_unevaluated(tmp_path: Path) -> None:
    texts, _ = texts_of(range(20), n=120)
    trained = classifier().fit(texts, [None] * len(texts), label_hints=HINTS, out=tmp_path / "m")
    assert accuracy(trained) > 0.95
    assert trained.classes_.tolist() == [0, 1]
    assert trained.metrics_["measured_on"] == "label hints, while training"
    for each in (trained, TextClassifier.load(tmp_path / "m")):
        assert all("unevaluated" in verdict.flags for verdict in each.classify(texts[:5]))


SENTENCES = {
    "billing": [
        "my invoice is wrong",
        "you charged me twice",
        "send the bill again",
        "what does it cost",
        "refund my last payment",
    ],
    "bug": [
        "the app crashes on start",
        "the login page shows an error",
        "nothing loads since the update",
        "the search is broken",
        "photos do not upload",
    ],
    "delivery": [
        "where is my parcel",
        "it is three days late",
        "change the address",
        "it arrived damaged",
        "track my order",
    ],
    "praise": [
        "I love your service",
        "great support, thank you",
        "the design looks wonderful",
        "best purchase this year",
        "your team was friendly",
    ],
}


def fitted(texts: list[str], labels: object, **more: Any) -> foretell.TextClassifier:
    with pytest.warns(foretell.TooFewTextsWarning, match=r"too few different texts to measure \("):
        clf = foretell.TextClassifier("quick", units=4, embedding_size=4).fit(texts, labels, **more)
    assert clf.metrics_["not_measured"].startswith("too few different texts to measure (")
    assert not {"accuracy", "macro_f1", "measured_on", "linear_accuracy", "members"} & set(
        clf.metrics_
    )
    return clf


def test_twenty_sentences_of_four_labels_are_learned() -> None:
    texts = [text for each in SENTENCES.values() for text in each]
    labels = [name for name, each in SENTENCES.items() for _ in each]
    clf = fitted(texts, labels)
    assert clf.predict(texts) == labels
    assert clf.predict(["the app shows an error", "you charged me"]) == ["bug", "billing"]


def test_repetitions_are_no_evidence_and_report_and_card_claim_nothing(tmp_path: Path) -> None:
    texts = ["good food", "kind people", "bad food", "a long wait"]
    labels = ["pos", "pos", "neg", "neg"]
    clf = fitted(texts * 50, labels * 50, out=tmp_path / "m")
    assert clf.predict(texts) == labels
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
    assert too_few(texts[:30], several)
    for targets in (np.arange(100, dtype=np.int32) % 2, np.tile(several[-2:], (50, 1))):
        assert too_few(texts, targets) == ""
        assert folds_of(texts, targets, 5, 1).count == 5
        # The first fold has a share of its own.
        sizes = np.bincount(folds_of(texts, targets, 5, 1, first=0.1).fold_of)
        assert sizes[0] == 10
        assert len(sizes) == 5
