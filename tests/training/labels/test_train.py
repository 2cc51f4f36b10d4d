"""A classifier's network: tokens, batches, training, interruption and resumption."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import dataclasses
import json
import math
import random
import unicodedata
from pathlib import Path

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from trainers import Notes, train

from foretell.artifacts.directory import read_model
from foretell.artifacts.weights import network_size
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.errors import Interrupted, RunError
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.network import pad
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Checkpointed, EpochDone, Event, Note, Progress
from foretell.training.labels import network_fit
from foretell.training.labels.batches import EncodedTexts, as_read, batch, epoch_order
from foretell.training.labels.compiled import new_network
from foretell.training.labels.tokens import Tokens, encode_examples, tokenize_split
from tests.text.texts import ALL, TEXTS

SMALL = {
    "units": 6, "embedding_size": 5, "length": 12, "batch_size": 8,
    "epochs": 2, "min_steps": 1, "folds": 0,
}  # fmt: skip

N_TEXTS = 44


def small(preset, **changes):
    return with_changes(LABELS_PRESETS[preset], {**SMALL, **changes})


def made_up(n=N_TEXTS, labels=("bad", "good"), seed=0):
    """Texts in which one word in three tells the label; all texts differ."""
    rng = random.Random(seed)
    texts, chosen = [], []
    for i in range(n):
        label = labels[i % len(labels)]
        words = [rng.choice(["film", "plot", "scene", label, f"word{i}"]) for _ in range(rng.randint(4, 15))]
        texts.append(" ".join([label, *words, f"n{i}"]))
        chosen.append(label)
    return Examples(texts, chosen, name="made up")


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


CASES = {
    "article": small("article"),
    "cnn-lstm": small("cnn-lstm", valid_fraction=0.2, patience=0),
    "bilstm": small("base", valid_fraction=0.2, patience=0, learning_rate=1.0),
}


@pytest.mark.parametrize(
    "case", ["bilstm", *(pytest.param(case, marks=pytest.mark.soak) for case in ("article", "cnn-lstm"))]
)
def test_interrupted_it_is_as_if_never(case, tmp_path):
    """Nor do checkpoints on the clock change anything: the interrupted run has one after each step."""
    settings, examples, events = CASES[case], made_up(), []
    whole = train(examples, settings, out=tmp_path / "whole")
    often = {"checkpoint_seconds": 1e-9, "listener": events.append}
    out, steps = tmp_path / "stopped", whole.metrics["steps"]
    # In mid-epoch, and at the end of an epoch.
    stops = [2, steps // settings.epochs]
    for i, stop in enumerate(stops):
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            train(examples, settings, out=out, resume=i > 0, stop_after_steps=stop, **often)
    resumed = train(examples, settings, out=out, resume=True, **often)
    assert {event.step for event in events if isinstance(event, Checkpointed)} == set(range(1, steps + 1))
    same(whole.weights, resumed.weights)
    timing = ("seconds", "texts_per_second")
    for name in whole.metrics.keys() - set(timing):
        assert whole.metrics[name] == resumed.metrics[name], name


def test_article_training_is_plain_keras_on_the_same_batches(tmp_path):
    settings, examples = small("article", epochs=2), made_up()
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
        history = plain.fit(ids[order], targets[order], batch_size=8, shuffle=False, verbose=0).history
    for a, b in zip(plain.get_weights(), model.weights.values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert model.metrics["accuracy"] == pytest.approx(history["accuracy"][0])
    assert model.metrics["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    # All of the texts are learned from, and the last epoch is kept.
    assert (model.metrics["texts"], model.metrics["valid_texts"], model.metrics["epochs"]) == (
        N_TEXTS,
        0,
        2,
    )


def test_base_learns_and_tells(tmp_path):
    labels = ("bad", "fair", "good")
    settings = small("base", valid_fraction=0.2, learning_rate=1.0, min_steps=90, dropout=0.1, linear=False)
    events = []
    model = train(
        made_up(120, labels), settings, out=tmp_path / "model", listener=events.append, tensorboard=tmp_path
    )
    assert model.metrics["accuracy"] > 0.9
    assert model.labels == list(labels)
    counts = np.array(model.metrics["confusion"]["counts"])
    assert counts.shape == (len(labels), len(labels))
    assert counts.sum() == model.metrics["valid_texts"] == 24
    ends = [event for event in events if isinstance(event, EpochDone)]
    # The best epoch is kept, and what is told of it is what is measured at the end.
    best = max(ends, key=lambda end: (end.valid_accuracy, -end.valid_loss))
    assert best.epoch == model.metrics["best_epoch"]
    assert model.metrics["network_accuracy"] == pytest.approx(best.valid_accuracy)
    assert any(isinstance(event, Progress) and 0 <= event.accuracy <= 1 for event in events)
    same(read_model(tmp_path / "model").weights, model.weights)
    lines = (tmp_path / "model" / "run" / "metrics.jsonl").read_text().splitlines()
    logged = [json.loads(line) for line in lines]
    assert [line["step"] for line in logged] == sorted(line["step"] for line in logged)
    assert any("valid_loss" in line for line in logged)
    assert (tmp_path / "model" / "run" / "report.html").exists()
    assert list(tmp_path.glob("events.out.tfevents*"))


def test_patience_stops_early(tmp_path):
    # Labels by chance: nothing learned helps on texts not seen.
    examples = made_up()
    rng = random.Random(1)
    examples = Examples([f"{rng.random()} word" for _ in examples.texts], examples.labels, name="chance")
    settings = small("base", epochs=40, patience=2, valid_fraction=0.3, learning_rate=2.0)
    model = train(examples, settings, out=tmp_path / "model")
    assert model.metrics["epochs"] == model.metrics["best_epoch"] + 2 < 40


def test_only_the_same_training_is_resumed(tmp_path):
    settings, out = small("base"), tmp_path / "model"
    with pytest.raises(RunError, match="an unfinished run"):
        train(made_up(), settings, out=out, resume=True)
    with pytest.raises(Interrupted):
        train(made_up(), settings, out=out, stop_after_steps=2)
    with pytest.raises(RunError, match=r"resume.*restart"):
        train(made_up(), settings, out=out)
    with pytest.raises(RunError, match="units=6"):
        train(made_up(), small("base", units=7), out=out, resume=True)
    with pytest.raises(RunError, match="the data"):
        train(made_up(seed=5), settings, out=out, resume=True)
    train(made_up(), settings, out=out, restart=True)
    assert read_model(out).job == "labels"


NETWORK_ALONE = with_changes(
    LABELS_PRESETS["base"],
    {"folds": 0, "units": 4, "embedding_size": 4, "length": 8, "batch_size": 8, "epochs": 4, "min_steps": 1,
     "valid_fraction": 0.25, "patience": 0},
)  # fmt: skip


def few_films() -> Examples:
    labels = [("bad", "good")[k % 2] for k in range(32)]
    return Examples([f"a {label} film n{k}" for k, label in enumerate(labels)], labels, name="made up")


def test_an_epoch_whose_held_out_loss_is_nan_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 0.7, math.nan, 0.8])
    accuracies = iter([1.0, 0.5, 1.0, 0.5])
    monkeypatch.setattr(network_fit, "mean_loss", lambda *_: next(losses))
    monkeypatch.setattr(network_fit, "mean_accuracy", lambda *_: next(accuracies))
    events: list[Event] = []
    model = train(few_films(), NETWORK_ALONE, out=tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [event.is_best for event in done] == [False, True, False, False]
    assert model.metrics["best_epoch"] == 2


def test_a_loss_of_nan_stops_and_keeps_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = 2 * 3 + 1  # two epochs of 24 texts, and a step
    monkeypatch.setattr(
        network_fit, "learning_rate", lambda step, _steps, peak: math.nan if step >= until else peak
    )
    events: list[Event] = []
    model = train(few_films(), NETWORK_ALONE, out=tmp_path / "m", listener=events.append)
    assert len([event for event in events if isinstance(event, EpochDone)]) == 2
    assert any(isinstance(event, Note) and "--learning-rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())


def test_a_loss_of_nan_before_any_epoch_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_fit, "learning_rate", lambda *_: math.nan)
    with pytest.raises(RunError, match="lower learning rate"):
        train(few_films(), NETWORK_ALONE, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_large_gradient_is_clipped(optimizer: str) -> None:
    # Nesterov's first step is the gradient times the rate and 1.9.
    rate = {"adam": 0.003, "sgd": 1 / 1.9}[optimizer]
    settings = with_changes(NETWORK_ALONE, {"optimizer": optimizer, "learning_rate": rate})
    model = new_network(settings, 9, 2)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        # The gradient of what is multiplied by large weights is large.
        scale = 50 if "output/kernel" in variable.path else 0.1
        variable.assign(scale * rng.standard_normal(variable.shape))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(np.arange(1, 9, dtype=np.int32).reshape(1, 8), np.array([[0.0]]))
    steps = [new.numpy() - old for new, old in zip(model.trainable_variables, before, strict=True)]
    if optimizer == "adam":
        # Its steps have one length at first: its mean of gradients shows theirs.
        steps = [10 * each.numpy() for each in model.optimizer.variables if "_momentum" in each.path]
    assert sum(float((step**2).sum()) for step in steps) ** 0.5 == pytest.approx(1.0, rel=0.02)


def test_without_time_a_resumed_training_measures_and_writes_what_it_has(tmp_path: Path) -> None:
    settings = small("base", epochs=3, valid_fraction=0.2, linear=False, minutes=10.0)
    examples = made_up()
    with pytest.raises(Interrupted):
        train(examples, settings, out=tmp_path / "m", stop_after_steps=2)
    (tmp_path / "m.run" / "spent.json").write_text('{"seconds": 600}')
    model = train(examples, settings, out=tmp_path / "m", resume=True)
    assert model.metrics["steps"] == 3
    assert math.isfinite(model.metrics["valid_loss"])
    assert 0 <= model.metrics["accuracy"] <= 1
    assert model.metrics["seconds"] > 600
    read_model(tmp_path / "m")


def test_weights_of_texts_move_the_network_and_the_linear_model(tmp_path: Path) -> None:
    examples, settings = made_up(40), small("base", valid_fraction=0.2, learning_rate=0.5)
    uneven = dataclasses.replace(examples, weights=[5.0 if i % 2 else 1.0 for i in range(40)])
    plain, other = (train(data, settings, out=tmp_path / f"{i}") for i, data in enumerate((examples, uneven)))
    # The label with the larger weights is more probable a priori.
    assert other.linear.bias[0] > plain.linear.bias[0] + 0.5
    assert not np.array_equal(plain.weights["output/bias"], other.weights["output/bias"])


lengths_lists = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def encode_as_read(texts, targets, n_labels, tokenizer, settings):
    """Return texts as the network reads them."""
    encoded = encode_examples(Examples(texts, ["a"] * len(texts)), tokenizer, ["a", "b"])
    return as_read(dataclasses.replace(encoded, targets=targets), n_labels, tokenizer, settings)


def made(lengths, *, length=None, n_labels=2):
    rng = np.random.default_rng(0)
    return EncodedTexts(
        ids=rng.integers(1, 99, sum(lengths)).astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        targets=rng.integers(0, n_labels, len(lengths)).astype(np.int32),
        n_labels=n_labels,
        length=length,
    )


@settings(deadline=None)
@given(lengths_lists, st.integers(1, 9), st.integers(0, 5), st.booleans())
def test_each_text_once_an_epoch(lengths, batch_size, epoch, fixed):
    texts = made(lengths, length=30 if fixed else None)
    order = epoch_order(texts, batch_size, seed=1, epoch=epoch)
    assert sorted(order) == list(range(len(lengths)))
    np.testing.assert_array_equal(order, epoch_order(texts, batch_size, seed=1, epoch=epoch))


@pytest.mark.parametrize("length", [None, 12, 30])
@pytest.mark.parametrize("n_labels", [2, 3])
def test_batches_hold_what_the_tokenizer_pads(length, n_labels):
    lengths = [1, 5, 12, 3, 8, 2, 11]
    texts = made(lengths, length=length, n_labels=n_labels)
    rows = [list(texts.ids[a:b]) for a, b in zip(texts.starts, texts.starts[1:], strict=False)]
    for places in (np.array([4, 1, 6]), np.array([3])):
        chosen = [rows[i] for i in places]
        expected = pad(chosen, length or 99, front=bool(length))[0]
        ids, targets = batch(texts, places)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_array_equal(np.ravel(targets), texts.targets[places])
        assert targets.shape == ((len(places), 1) if n_labels == 2 else (len(places),))


def test_the_last_words_are_kept_and_the_articles_padding_is_in_front():
    article = with_changes(LABELS_PRESETS["article"], {"length": 3})
    tokenizer = Tokenizer.train(["a a a b b c"], "keras", lowercase=True, vocabulary=9)
    targets = np.array([0, 1], np.int32)
    texts = encode_as_read(["a b c a b", "c"], targets, 2, tokenizer, article)
    ids, _ = batch(texts, np.arange(2))
    # 1 starts a text, words begin at 4; the start of the long text is cut off with its first words.
    np.testing.assert_array_equal(ids, [[6, 4, 5], [0, 1, 6]])


def test_a_text_without_words_is_one_unknown_word():
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    texts = encode_as_read(["", "a"], np.array([0, 1], np.int32), 2, tokenizer, LABELS_PRESETS["base"])
    np.testing.assert_array_equal(texts.ids, [1, 3])
    np.testing.assert_array_equal(texts.lengths, [1, 1])


TRAIN = Examples(["good good thing", "bad", "good thing , really"], ["good", "bad", "good"], name="made up")

VALID = Examples(["good", "bad thing " * 40, "bad"], ["good", "bad", "good"], name="validation")


def tokens(preset: str = "base", unlabelled: tuple[str, ...] = ()) -> Tokens:
    split = Split(train=TRAIN, valid=VALID, unlabelled=unlabelled)
    return tokenize_split(split, LABELS_PRESETS[preset])


def test_each_part_is_encoded_with_the_vocabulary_of_training_and_unlabelled_texts() -> None:
    made = tokens(unlabelled=("entirely new",))
    assert made.labels == ["bad", "good"]
    assert made.train.targets.tolist() == [1, 0, 1]
    assert len(made.unlabelled) == 1
    encode = made.tokenizer.encode
    parts = ((made.train.texts, TRAIN.texts), (made.unlabelled, ["entirely new"]))
    for part, texts in parts:
        for i, text in enumerate(texts):
            assert part.ids[part.starts[i] : part.starts[i + 1]].tolist() == encode(text)
    assert made.valid is not None
    assert made.valid.texts.ids.tolist() == [token for text in VALID.texts for token in encode(text)]
    np.testing.assert_array_equal(made.hard, [[0, 1], [1, 0], [0, 1]])


@pytest.mark.parametrize("style", ["subword", "char"])
def test_an_open_vocabulary_is_one_for_both_models(style: str) -> None:
    settings = with_changes(LABELS_PRESETS["base"], {"tokens": style, "vocabulary": 12})
    train = Examples(ALL, ["a", "b", "c"] * 3)
    made = tokenize_split(Split(train=train, valid=None, unlabelled=()), settings)
    assert made.tokenizer.size <= 3 + 12 + 256
    # The network reads every token: a character that is none is spelled in bytes, which are the last ids.
    assert network_size(settings, made.tokenizer) == made.tokenizer.size
    rows = [made.train.texts.part(i, i + 1).ids.tolist() for i in range(len(ALL))]
    assert rows == [made.tokenizer.encode(text) for text in ALL]
    for text, ids in zip(ALL, rows, strict=True):
        low = "".join(letter.lower() for letter in unicodedata.normalize("NFC", text))
        assert made.tokenizer.decode(ids) == low


def test_texts_in_every_script(tmp_path: Path) -> None:
    """The label is the script: a linear model of characters finds it."""
    texts = [f"{text} {number}" for number in range(8) for text in TEXTS.values()]
    labels = [name for _ in range(8) for name in TEXTS]
    settings = small("base", tokens="char", length=60, vocabulary=200, valid_fraction=0.25)
    train(Examples(texts, labels, name="scripts"), settings, out=tmp_path / "m")
    runtime = LabelsRuntime.open(tmp_path / "m")
    found = [verdict.label for verdict in runtime.classify(list(TEXTS.values()))]
    assert sum(map(str.__eq__, found, TEXTS)) >= 7
    for text in TEXTS.values():
        explanation = runtime.explain(text)
        assert "".join(word.text for word in explanation.words) == text
    # Nothing but bytes: a script that no training text had.
    (verdict,) = runtime.classify(["ⲁⲛⲟⲕ ⲡⲉ"])
    assert any("unknown" in flag for flag in verdict.flags)


def test_too_many_labels_leave_linear_models_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.training.labels.one_member.MAX_CELLS", 100)
    notes = Notes()
    settings, data = small("base", valid_fraction=0.2), made_up(60, tuple("abcdef"))
    model = train(data, settings, out=tmp_path / "m", unlabelled=["a text more"], listener=notes)
    assert any("too many for linear models" in note and "no texts without labels" in note for note in notes)
    assert model.linear is None
    assert "baseline_accuracy" not in model.metrics
    assert model.metrics["unlabelled_texts"] == 0
