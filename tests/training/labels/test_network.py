"""A classifier's network: batches, training, interruption, resumption, and its training on
folds.
"""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from trainers import train

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.data.folds import Folds
from foretell.errors import Interrupted, RunError
from foretell.networks.labels import labels_network
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.network import pad
from foretell.text.tokenizer import Tokenizer
from foretell.training.budget import SECONDS_TO_WRITE, Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress
from foretell.training.labels import network as module
from foretell.training.labels import network_fit
from foretell.training.labels.compiled import CompactNetwork, ReadTexts, epoch_order, read_texts
from foretell.training.labels.members import Evidence
from foretell.training.labels.network import fixed_schedule, fold_probabilities
from foretell.training.labels.network_fit import enough_labels, make_schedule
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.plan import Plan
from foretell.training.labels.rows import hard_rows
from foretell.training.labels.tokens import TokenizedTexts, encode
from foretell.training.loop import Evaluation, Schedule

SMALL = {
    "units": 6,
    "embedding_size": 5,
    "length": 12,
    "batch_size": 8,
    "epochs": 2,
    "min_steps": 1,
    "folds": 0,
}
N_TEXTS = 44


def small(preset: str, **changes: Any) -> LabelsSettings:
    return with_changes(LABELS_PRESETS[preset], {**SMALL, **changes})


def made_up(n: int = N_TEXTS, labels: tuple[str, ...] = ("bad", "good"), seed: int = 0) -> Examples:
    """Texts in which one word in three tells the label; all texts differ."""
    rng = random.Random(seed)
    texts = []
    chosen = [labels[i % len(labels)] for i in range(n)]
    for i, label in enumerate(chosen):
        words = [
            rng.choice(["film", "plot", "scene", label, f"word{i}"])
            for _ in range(rng.randint(4, 15))
        ]
        texts.append(" ".join([label, *words, f"n{i}"]))
    return Examples(texts, chosen, name="made up")


def same(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


CASES = {
    "article": small("article"),
    "cnn-lstm": small("cnn-lstm", valid_fraction=0.2, patience=0),
    "bilstm": small("base", valid_fraction=0.2, patience=0, learning_rate=1.0),
}


@pytest.mark.parametrize(
    "case",
    ["bilstm", *(pytest.param(case, marks=pytest.mark.soak) for case in ("article", "cnn-lstm"))],
)
def test_interrupted_it_is_as_if_never(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do checkpoints on the clock change anything: the interrupted run has one after each
    step. The best epoch is the first, before the last resume.
    """
    monkeypatch.setattr(Evaluation, "is_better_than", lambda _, before: before is None)
    settings = CASES[case]
    examples = made_up()
    events = list[Event]()
    whole = train(examples, settings, out=tmp_path / "whole")
    often: dict[str, Any] = {"checkpoint_seconds": 1e-9, "listener": events.append}
    out = tmp_path / "stopped"
    steps = whole.metrics["steps"]
    # In mid-epoch, and at the end of an epoch.
    for i, stop in enumerate([2, steps // settings.epochs]):
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            train(examples, settings, out=out, resume=i > 0, stop_after_steps=stop, **often)
    resumed = train(examples, settings, out=out, resume=True, **often)
    assert {event.step for event in events if isinstance(event, Checkpointed)} == set(
        range(1, steps + 1)
    )
    same(whole.weights, resumed.weights)
    for name in whole.metrics.keys() - {"seconds", "texts_per_second"}:
        assert whole.metrics[name] == resumed.metrics[name], name


def test_article_training_is_plain_keras_on_the_same_batches(tmp_path: Path) -> None:
    settings = small("article", epochs=2)
    examples = made_up()
    model = train(examples, settings, out=tmp_path / "model")
    ids = keras.utils.pad_sequences(
        model.tokenizer.encode_batch(examples.texts), maxlen=12, padding="pre", truncating="pre"
    )
    targets = np.array([label == "good" for label in examples.labels], np.float32)
    keras.utils.set_random_seed(settings.seed)
    plain = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            keras.layers.Embedding(model.tokenizer.size, 5),
            keras.layers.Dropout(0.2),
            keras.layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2),
            keras.layers.Dense(250, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    plain.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    for epoch in range(2):
        order = np.random.default_rng([settings.seed, epoch]).permutation(N_TEXTS)
        history = plain.fit(
            ids[order], targets[order], batch_size=8, shuffle=False, verbose=0
        ).history
    for a, b in zip(plain.get_weights(), model.weights.values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert model.metrics["accuracy"] == pytest.approx(history["accuracy"][0])
    assert model.metrics["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    # All of the texts are learned from, and the last epoch is kept.
    found = [model.metrics[name] for name in ("texts", "valid_texts", "epochs")]
    assert found == [N_TEXTS, 0, 2]


def test_it_learns_and_what_it_reports_is_what_is_measured(tmp_path: Path) -> None:
    labels = ("bad", "fair", "good")
    events = list[Event]()
    settings = small(
        "base", valid_fraction=0.2, learning_rate=1.0, min_steps=90, dropout=0.1, linear=False
    )
    out = tmp_path / "model"
    listen = events.append
    model = train(made_up(120, labels), settings, out=out, listener=listen, tensorboard=tmp_path)
    assert model.metrics["accuracy"] > 0.8
    counts = np.array(model.metrics["confusion"]["counts"])
    assert counts.shape == (3, 3)
    assert counts.sum() == model.metrics["valid_texts"] == 24
    # The others are learned from, eight in a step.
    assert model.metrics["steps"] == 12 * model.metrics["epochs"]
    ends = [event for event in events if isinstance(event, EpochDone)]
    best = max(ends, key=lambda end: (end.valid_accuracy, -end.valid_loss))  # type: ignore[operator]
    assert best.epoch == model.metrics["best_epoch"]
    # Each answer is of the epoch that is best for the other texts.
    assert model.metrics["network_accuracy"] <= best.valid_accuracy
    assert any(isinstance(event, Progress) and 0 <= event.accuracy <= 1 for event in events)
    same(read_model(out).weights, model.weights)
    logged = [json.loads(line) for line in (out / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in logged] == sorted(line["step"] for line in logged)
    assert any("valid_loss" in line for line in logged)
    assert (out / "run" / "report.html").exists()
    assert list(tmp_path.glob("events.out.tfevents*"))


def test_what_the_epochs_have_answered_is_measured_not_what_the_last_network_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = network_fit.TrainableNetwork.evaluate

    def evaluated(trainable: network_fit.TrainableNetwork) -> network_fit.Evaluation:
        found = evaluate(trainable)
        trainable.unseen = np.repeat([[0.98, 0.01, 0.01]], 24, axis=0)
        return found

    monkeypatch.setattr(network_fit.TrainableNetwork, "evaluate", evaluated)
    settings = small("base", valid_fraction=0.2, min_steps=30, linear=False)
    examples = made_up(120, ("bad", "fair", "good"))
    metrics = train(examples, settings, out=tmp_path / "model").metrics
    of_first = sum(metrics["confusion"]["counts"][0])
    assert metrics["network_accuracy"] == of_first / 24


class Watched(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.truth)


def answering(epochs: list[np.ndarray], truth: np.ndarray, **changes: Any) -> Any:
    """Return a network in training that gives the next of these answers after each epoch."""
    network: Any = SimpleNamespace(predict=lambda _: epochs.pop(0), variables=list)
    watched: Any = Watched(truth=truth, texts=None)
    training: Any = SimpleNamespace(settings=small("base", **changes))
    made: Any = network_fit.TrainableNetwork
    return made(network, None, watched, training, None)


def test_each_answer_is_of_the_epoch_that_is_best_for_the_other_texts() -> None:
    """The first epoch is right about all texts but those of one part, the second about these alone.

    Before the second one the training is resumed.
    """
    first = np.eye(2)[(np.arange(20) % 5 == 0).astype(int)]
    epochs = [first, 1 - first]
    begun, resumed = (answering(epochs, np.zeros(20, np.int32)) for _ in range(2))
    assert begun.evaluate().accuracy == 0.8
    arrays = {"unseen": begun.unseen}
    resumed.restore(Checkpoint(0, arrays, {"trainable": begun.values()}))
    assert resumed.evaluate().accuracy == 0.2
    np.testing.assert_array_equal(resumed.unseen, first)


def test_no_text_chooses_the_epoch_of_its_own_answer() -> None:
    """With the texts of the first part the first epoch is better, without them the second one."""
    is_own = np.arange(20) % 5 == 0
    of_others = np.cumsum(~is_own)
    right = [is_own | (of_others <= 6), ~is_own & (of_others > 9)]
    epochs = [np.eye(2)[(~each).astype(int)] for each in right]
    it = answering(epochs.copy(), np.zeros(20, np.int32))
    assert it.evaluate().accuracy > it.evaluate().accuracy
    np.testing.assert_array_equal(it.unseen, np.where(is_own[:, None], *epochs[::-1]))


@pytest.mark.parametrize(("n_labels", "seconds"), [(2, 0), (10_000, 4)])
def test_time_is_left_for_weights_that_are_fitted_to_many_predictions(
    n_labels: int, seconds: float
) -> None:
    it = answering([], np.zeros(500, np.int32))
    it._training.run = SimpleNamespace(budget=Budget(1.5))
    it._training.corpus = SimpleNamespace(labels=["label"] * n_labels)
    for_weights = it.seconds_after_steps() - SECONDS_TO_WRITE
    assert seconds <= for_weights <= seconds + 2


def test_of_several_labels_an_epoch_that_gives_none_is_not_the_best() -> None:
    truth = np.zeros([20, 3], np.float32)
    truth[:4, 0] = 1
    found = np.zeros([20, 3], np.float32)
    found[:9, 0] = 0.9
    epochs = [np.zeros([20, 3], np.float32), found]
    it = answering(epochs, truth, multi_label=",")
    none = it.evaluate()
    some = it.evaluate()
    assert none.accuracy > some.accuracy
    assert some.is_better_than(none)


def test_the_networks_accuracy_is_that_of_the_answers_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_wrong(self: Any) -> Evaluation:
        self.unseen = np.eye(2, dtype=np.float32)[1 - self._watched.truth]
        return Evaluation(loss=1.0, accuracy=0.0)

    monkeypatch.setattr(network_fit.TrainableNetwork, "evaluate", all_wrong)
    metrics = train(few_films(), FOUR_EPOCHS, out=tmp_path / "m").metrics
    assert metrics["network_accuracy"] == 0


def test_patience_stops_early(tmp_path: Path) -> None:
    # Labels by chance: nothing learned helps on texts not seen.
    rng = random.Random(1)
    labels = made_up().labels
    examples = Examples([f"{rng.random()} word" for _ in labels], labels, name="chance")
    changes = {
        "epochs": 40,
        "patience": 2,
        "valid_fraction": 0.3,
        "learning_rate": 2.0,
        "linear": False,
    }
    model = train(examples, small("base", **changes), out=tmp_path / "model")
    assert model.metrics["epochs"] == model.metrics["best_epoch"] + 2 < 40


FOUR_EPOCHS = small("base", epochs=4, valid_fraction=0.25, patience=0, linear=False)


def few_films() -> Examples:
    labels = [("bad", "good")[k % 2] for k in range(32)]
    return Examples(
        [f"a {label} film n{k}" for k, label in enumerate(labels)], labels, name="made up"
    )


def test_an_epoch_whose_validation_loss_is_nan_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 0.7, math.nan, 0.8])
    accuracies = iter([1.0, 0.5, 1.0, 0.5])

    def of_epoch(values: Iterator[float]) -> Callable[..., float]:
        """Return the same value for the eight texts, and for those of the parts before them."""
        now = [0.0]

        def value(truth: Any, *_: Any) -> float:
            if len(seen) % 6 == 0:
                now[0] = next(values)
            seen.append(len(truth))
            return now[0]

        seen = list[int]()
        return value

    monkeypatch.setattr(network_fit, "log_loss", of_epoch(losses))
    monkeypatch.setattr(network_fit, "mean_accuracy", of_epoch(accuracies))
    events: list[Event] = []
    model = train(few_films(), FOUR_EPOCHS, out=tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [event.is_best for event in done] == [False, True, False, False]
    assert model.metrics["best_epoch"] == 2


def test_a_loss_of_nan_stops_and_keeps_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []

    def trained(until: int) -> Model:
        """Train until a step whose learning rate is NaN; an epoch has 3 steps."""
        rate = lambda step, _steps, peak: math.nan if step >= until else peak  # noqa: E731
        monkeypatch.setattr(network_fit, "learning_rate", rate)
        return train(few_films(), FOUR_EPOCHS, out=tmp_path / f"{until}", listener=events.append)

    model = trained(7)
    assert len([event for event in events if isinstance(event, EpochDone)]) == 2
    assert any(isinstance(event, Note) and "--learning-rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())
    with pytest.raises(RunError, match="lower learning rate"):
        trained(0)
    assert not (tmp_path / "0").exists()


def test_without_time_a_resumed_training_measures_and_writes_what_it_has(tmp_path: Path) -> None:
    settings = small("base", epochs=3, valid_fraction=0.2, linear=False, minutes=10.0)
    with pytest.raises(Interrupted):
        train(made_up(), settings, out=tmp_path / "m", stop_after_steps=2)
    (tmp_path / "m.run" / "spent.json").write_text('{"seconds": 600}')
    model = train(made_up(), settings, out=tmp_path / "m", resume=True)
    assert model.metrics["steps"] == 3
    assert math.isfinite(model.metrics["valid_loss"])
    assert 0 <= model.metrics["accuracy"] <= 1
    assert model.metrics["seconds"] > 600
    read_model(tmp_path / "m")


def made(lengths: list[int], n_labels: int = 2) -> ReadTexts:
    """Return texts with random words and labels."""
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 99, sum(lengths)).astype(np.int32)
    texts = TokenizedTexts(
        ids=ids, starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    )
    targets = rng.integers(0, n_labels, len(lengths)).astype(np.int32)
    return ReadTexts(texts=texts, rows=hard_rows(targets, np.ones(len(targets)), n_labels))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 5))
@pytest.mark.parametrize("preset", ["base", "article"])
def test_each_text_once_an_epoch(
    preset: str, lengths: list[int], batch_size: int, epoch: int
) -> None:
    texts = made(lengths).texts
    chosen = small(preset, batch_size=batch_size)
    order = epoch_order(texts, chosen, epoch)
    assert sorted(order) == list(range(len(lengths)))
    np.testing.assert_array_equal(order, epoch_order(texts, chosen, epoch))


@pytest.mark.parametrize(("preset", "length"), [("base", 12), ("article", 12), ("article", 30)])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_batches_hold_what_the_tokenizer_pads(preset: str, length: int, n_labels: int) -> None:
    texts = made([1, 5, 12, 3, 8, 2, 11], n_labels)
    chosen = small(preset, length=length)
    network = CompactNetwork(
        labels_network(chosen, 99, n_labels), np.arange(99, dtype=np.int32), chosen, n_labels
    )
    starts = texts.texts.starts
    rows = [list(texts.texts.ids[a:b]) for a, b in itertools.pairwise(starts)]
    for places in (np.array([4, 1, 6]), np.array([3])):
        given = [rows[i] for i in places]
        front = preset == "article"
        expected = pad(given, length if front else 99, front=front)[0]
        ids, targets = network.batch(texts, places)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_array_equal(np.ravel(targets), texts.truth[places])
        assert targets.shape == ((len(places), 1) if n_labels == 2 else (len(places),))


def test_the_last_words_are_read_and_a_text_without_words_is_one_unknown_word() -> None:
    def read(texts: list[str], tokenizer: Tokenizer, chosen: LabelsSettings) -> list[list[int]]:
        encoded = encode(texts, tokenizer)
        training: Any = SimpleNamespace(
            corpus=SimpleNamespace(tokenizer=tokenizer), settings=chosen
        )
        found = read_texts(encoded, training)
        return [found.part(i, i + 1).ids.tolist() for i in range(len(found))]

    # 1 starts a text, words begin at 4; the start of the long text is cut off with its first words.
    tokenizer = Tokenizer.train(["a a a b b c"], "keras", lowercase=True, vocabulary=9)
    assert read(["a b c a b", "c"], tokenizer, small("article", length=3)) == [[6, 4, 5], [1, 6]]
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    assert read(["", "a", "", "b a", ""], tokenizer, small("base")) == [[1], [3], [1], [4, 3], [1]]


def test_words_that_only_the_linear_model_has_are_unknown_to_the_network() -> None:
    tokenizer = Tokenizer.train(["a a a b b c"], "words", lowercase=True, vocabulary=9)
    training: Any = SimpleNamespace(
        corpus=SimpleNamespace(tokenizer=tokenizer), settings=small("base", vocabulary=1)
    )
    assert read_texts(encode(["a b c"], tokenizer), training).ids.tolist() == [3, 1, 1]


def test_the_weights_of_texts_have_a_mean_of_1() -> None:
    texts = made([1, 2, 3])
    rows = hard_rows(np.zeros(3, np.int32), np.array([2.0, 4.0, 6.0]), 2)
    assert ReadTexts(texts=texts.texts, rows=rows).weights == pytest.approx([0.5, 1.0, 1.5])


def lengths(schedule: Schedule) -> tuple[int, int, int]:
    return schedule.epoch_steps, schedule.epochs, schedule.patience


def test_small_data_sets_are_repeated_for_more_epochs() -> None:
    base = LABELS_PRESETS["base"]
    few = make_schedule(base, 300)
    assert lengths(make_schedule(base, 25_000)) == (391, base.epochs, base.patience)
    # A time limit bounds them, or steps that were asked for.
    assert lengths(make_schedule(base, 75_000)) == (1_172, base.epochs, base.patience)
    bounded = with_changes(base, {"max_steps": 3_600})
    assert lengths(make_schedule(bounded, 75_000)) == (1_172, 3, 2)
    assert make_schedule(bounded, 1_000_000).epochs == 1
    assert few.steps >= base.min_steps > few.steps - few.epoch_steps
    assert few.patience > base.patience
    enough = base.batch_size * base.min_steps // base.epochs
    assert enough_labels(base, enough)
    assert not enough_labels(base, enough - base.batch_size)


def test_what_was_given_is_not_replaced() -> None:
    base = with_changes(LABELS_PRESETS["base"], {"epochs": 3, "patience": 1})
    assert lengths(make_schedule(base, 300, frozenset({"epochs", "patience"}))) == (5, 3, 1)
    assert make_schedule(base, 300, frozenset({"epochs", "min_steps"})).steps >= base.min_steps
    assert make_schedule(base, 300, frozenset({"patience"})).patience == 1
    assert make_schedule(base, 1_000_000, frozenset({"epochs"})).epochs == 3
    # The bound of a model that is continued, which was trained with one.
    bounded = with_changes(base, {"max_steps": 3_600})
    assert make_schedule(bounded, 1_000_000, frozenset({"epochs"})).epochs == 3
    assert make_schedule(bounded, 1_000_000, frozenset({"epochs", "max_steps"})).epochs == 1
    # A time limit that was given is used to its end.
    assert make_schedule(bounded, 1_000_000, frozenset({"minutes"})).epochs == base.epochs
    few = fixed_schedule(base, frozenset({"epochs", "batch_size"}))
    assert (few.epochs, few.batch_size, few.min_steps) == (3, base.batch_size, 1)
    assert fixed_schedule(base, frozenset()).batch_size < base.batch_size


class Known:
    """A network whose answers are known: the label of each text, as its only word."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.restarts = 0
        self.begun = list[Any]()
        self.steps = 0
        self.now = 0.0
        self.seconds = seconds

    def restart(self, embeddings: Any = None) -> None:
        self.restarts += 1
        self.begun.append(embeddings)

    def step(self, *_: Any) -> dict[str, float]:
        self.steps = self.steps + 1
        self.now = self.now + self.seconds
        return {"loss": 0.0, "accuracy": 1.0}

    def predict(self, texts: TokenizedTexts) -> Any:
        return np.eye(2, dtype=np.float32)[texts.ids]


def on_folds(
    network: Known,
    monkeypatch: pytest.MonkeyPatch,
    *,
    n: int = 60,
    left: float = math.inf,
    pays: bool = True,
    network_folds: int = 5,
) -> tuple[Any, Any, list[str]]:
    """Return the targets, out-of-fold probabilities of five folds, and the notes."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: network.now))
    targets = (np.arange(n) % 2).astype(np.int32)
    notes = list[str]()
    texts = TokenizedTexts(ids=targets, starts=np.arange(n + 1))
    training: Any = SimpleNamespace(
        corpus=SimpleNamespace(
            tokenized=texts,
            labels=["a", "b"],
            tokenizer=SimpleNamespace(unknown=1, size=9, is_open=True),
        ),
        settings=small("base"),
        run=SimpleNamespace(
            note=notes.append,
            stage=lambda *_: None,
            budget=SimpleNamespace(left=lambda: left - network.now),
            interrupt=SimpleNamespace(check=int, stop_after_steps=None),
        ),
        stages=SimpleNamespace(found=lambda _: {}, keep=lambda *_: None),
    )
    folds = Folds(fold_of=(np.arange(n) // 2 % 5).astype(np.int32))
    evidence = Evidence(
        texts=np.arange(n),
        targets=targets,
        known=np.ones(n, bool),
        folds=folds,
        outputs=OneLabel(2),
    )
    plan = Plan(folds=5, network_folds=network_folds)
    rows = hard_rows(targets, np.ones(n), 2)
    answers = fold_probabilities(
        network,  # type: ignore[arg-type]
        rows.of_texts,
        evidence,
        plan,
        training,
        lambda *_: pays,
        np.flatnonzero,
    )
    assert network.restarts > 0
    for fold, begun in enumerate(network.begun[:-1]):
        np.testing.assert_array_equal(begun, np.flatnonzero(folds.fold_of != fold))
    return targets, answers, notes


def test_each_text_is_answered_by_a_network_of_the_other_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets, answers, notes = on_folds(Known(), monkeypatch)
    np.testing.assert_array_equal(answers.argmax(axis=1), targets)
    assert notes == []


def test_three_folds_are_answered_where_the_plan_has_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, answers, _ = on_folds(Known(), monkeypatch, network_folds=3)
    assert np.isfinite(answers).all(axis=1).sum() == 36


def test_a_network_without_weight_on_the_first_folds_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Known()
    _, answers, notes = on_folds(network, monkeypatch, pays=False)
    assert answers is None
    assert network.restarts == 3
    assert "next to no weight after 2 of 5 folds" in notes[-1]


def test_without_time_for_the_folds_the_network_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Known(seconds=1.0)
    _, answers, notes = on_folds(network, monkeypatch, left=40.0)
    assert answers is None
    assert "too short for out-of-fold predictions" in notes[-1]
    assert network.steps < 10
