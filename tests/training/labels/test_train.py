"""Training a classifier: same seed, same weights; interrupted anywhere, same weights."""

import json
import random

import keras
import numpy as np
import pytest
from trainers import train

from foretell.artifacts.directory import read_model
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.errors import Interrupted, RunError
from foretell.presets import LABELS_PRESETS
from foretell.training.events import Checkpointed, EpochDone, Progress

SMALL = {
    "units": 6,
    "embedding_size": 5,
    "dense_units": 7,
    "filters": 4,
    "length": 12,
    "batch_size": 8,
    "epochs": 3,
    "min_steps": 1,
    "folds": 0,
}
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
def test_interrupted_at_three_points_is_as_if_never(case, tmp_path):
    settings, examples = CASES[case], made_up()
    whole = train(examples, settings, out=tmp_path / "whole")
    out, steps = tmp_path / "stopped", whole.metrics["steps"]
    # In mid-epoch, at the end of an epoch, and one step before the end of all.
    stops = [2, steps // settings.epochs, steps - 1]
    for i, stop in enumerate(stops):
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            train(examples, settings, out=out, resume=i > 0, stop_after_steps=stop)
    resumed = train(examples, settings, out=out, resume=True)
    same(whole.weights, resumed.weights)
    timing = ("seconds", "texts_per_second")
    for name in whole.metrics.keys() - set(timing):
        assert whole.metrics[name] == resumed.metrics[name], name


def test_checkpoints_on_the_clock_change_nothing(tmp_path):
    settings, examples, events = CASES["bilstm"], made_up(), []
    plain = train(examples, settings, out=tmp_path / "plain")
    saved = train(examples, settings, out=tmp_path / "saved", checkpoint_seconds=1e-9, listener=events.append)
    same(plain.weights, saved.weights)
    assert sum(isinstance(event, Checkpointed) for event in events) == saved.metrics["steps"]


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
            keras.layers.Dense(7, activation="relu"),
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


@pytest.mark.parametrize("labels", [("bad", "good"), ("bad", "fair", "good")])
def test_base_learns_and_tells(labels, tmp_path):
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
