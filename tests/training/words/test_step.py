"""A step of training beside plain formulas, and the state that is carried between steps."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from foretell.config import with_changes
from foretell.networks import weights_of
from foretell.networks.words import LstmNetwork
from foretell.training.words.data import NONE
from foretell.training.words.step import Steps, drawn_words, predict, sampled_loss, seed_of
from foretell.training.words.token_file import TokenFile
from foretell.training.words.weight_average import WeightAverage
from tests.training.words.small import SMALL, noisy_corpus, trained


def test_a_sampled_softmax_judges_the_first_eight_streams_of_every_eighth_step() -> None:
    network = LstmNetwork(SMALL, 300)
    steps = Steps(network, SMALL)
    states = network.first_states(11)
    ids = np.random.default_rng(0).integers(0, 300, [11, 10]).astype(np.int32)
    hidden, _ = network.hidden(ids, states, seed_of(SMALL, 8))
    targets = np.full_like(ids, NONE)
    targets[:, -1] = network.logits(hidden[:, -1]).numpy().argmax(axis=-1)
    for step in range(17):
        _, right, judged, _ = steps.forward(ids, targets, states, seed_of(SMALL, step), 20)
        assert float(judged) == (0 if step % 8 else 8)
        assert step != 8 or float(right) == 8


def test_pads_take_no_part_in_the_loss() -> None:
    settings = with_changes(SMALL, {"dropout": 0.0})
    network = LstmNetwork(settings, 9)
    steps = Steps(network, settings)
    ids = np.array([[1, 2, 0], [3, 4, 5]], np.int32)
    targets = np.array([[2, NONE, NONE], [4, 5, 6]], np.int32)
    states = network.first_states(2)
    losses, right, _ = steps.evaluate(ids, targets, states)
    hidden, _ = network.hidden(ids, states)
    chosen = tf.nn.log_softmax(network.logits(tf.reshape(hidden, [-1, 8])))
    by_hand = np.array(
        [[-float(chosen[0, 2]), 0, 0], [-float(chosen[k, k + 1]) for k in (3, 4, 5)]]
    )
    np.testing.assert_allclose(losses, by_hand, rtol=1e-5)
    assert right.numpy()[0, 1:].tolist() == [0, 0]
    # The loss of a step is the mean over the other targets.
    loss, _, _ = steps.train(ids, targets, states, seed_of(settings, 0), tf.constant(0.0), 9)
    assert float(loss) == pytest.approx(by_hand.sum() / 4, rel=1e-5)


def test_every_token_but_the_first_is_predicted_in_the_order_of_the_text(tmp_path: Path) -> None:
    network = LstmNetwork(SMALL, 9)
    ids = np.random.default_rng(0).integers(0, 9, 150).astype(np.uint16)
    (tmp_path / "t.uint16").write_bytes(ids.tobytes())
    checked = []
    file = TokenFile(tmp_path / "t.uint16")
    predictions = predict(Steps(network, SMALL), file, lambda: checked.append(1))
    # Three streams of 50, 50 and 49 words, in windows of 10; each stream begins with an empty
    # state.
    assert len(checked) == 5
    expected = []
    for first in (0, 50, 100):
        stream = ids[first : first + 51].astype(np.int32)
        hidden, _ = network.hidden(stream[None, :-1], network.first_states(1))
        logs = tf.nn.log_softmax(network.logits(hidden[0])).numpy()
        expected += logs[np.arange(len(stream) - 1), stream[1:]].tolist()
    np.testing.assert_allclose(predictions.logs, expected, rtol=1e-4)


def test_no_two_steps_have_one_seed() -> None:
    seeds = {tuple(seed_of(SMALL, step).tolist()) for step in (0, 1, 999_999, 1_000_000, 1_000_001)}
    assert len(seeds) == 5


@pytest.mark.parametrize(
    ("size", "count"), [(2, 1), (40, 30), (1_000, 999), (20_000, 1_024), (1_000_000, 64)]
)
def test_a_word_is_drawn_once_and_as_often_as_its_chance_says(size: int, count: int) -> None:
    often = np.zeros(size)
    chance = np.full(size, np.nan)
    draw = tf.function(lambda seed: drawn_words(size, count, seed))
    for number in range(300):
        words, chances = (each.numpy() for each in draw(tf.constant([number, 7])))
        assert len(set(words.tolist())) == count
        assert words.min() >= 0
        often[words] += 1
        chance[words] = chances
    assert (often[chance == 1] == 300).all()
    drawn = ~np.isnan(chance)
    assert (np.diff(chance[drawn]) <= 0).all(), "the frequent words come first"
    # In 300 draws, within five standard deviations; rare words, which stand for many, all together.
    usual = drawn & (300 * chance >= 5)
    assert (abs(often - 300 * chance)[usual] <= 5 * np.sqrt(300 * chance[usual])).all()
    assert (often[drawn] / chance[drawn]).sum() / 300 == pytest.approx(size, rel=0.05)


def test_loss_and_gradients_are_those_of_the_plain_formula() -> None:
    network = LstmNetwork(SMALL, 40)
    size = 40
    count = 30
    seed = tf.constant([1, 2])
    rng = np.random.default_rng(0)
    network.embedding.embeddings.assign(rng.normal(size=[size, 8]))
    network.bias.assign(rng.normal(size=size))
    hidden = tf.constant(rng.normal(size=[25, 8]), tf.float32)
    drawn, chances = (each.numpy() for each in drawn_words(size, count, seed))
    targets = tf.constant(rng.integers(0, size, 25), tf.int32)
    assert np.isin(targets, drawn).any(), "a drawn word is a target"
    assert not np.isin(targets, drawn).all()

    def plain() -> tf.Tensor:
        logits = hidden @ tf.transpose(network.embedding.embeddings.value) + network.bias.value
        own = tf.gather(logits, targets, batch_dims=1)
        terms = tf.exp(tf.gather(logits, drawn, axis=1)) / chances
        sums = tf.reduce_sum(terms * tf.cast(drawn[None] != targets[:, None], tf.float32), axis=1)
        return tf.math.log(tf.exp(own) + sums) - own

    sources = [hidden, network.embedding.embeddings.value, network.bias.value]
    found = []
    for loss_of in (plain, lambda: sampled_loss(network, hidden, targets, count, seed)):
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            losses = loss_of()
            mean = tf.reduce_mean(losses * tf.range(25.0))
        gradients = [tf.convert_to_tensor(each).numpy() for each in tape.gradient(mean, sources)]
        found.append([losses.numpy(), *gradients])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def walk(steps: int) -> list[npt.NDArray[np.float32]]:
    """Return the weights after each step of a random walk."""
    rng = np.random.default_rng(0)
    return list(rng.normal(size=(steps, 2, 3)).cumsum(axis=0).astype(np.float32))


def average_of(values: list[npt.NDArray[np.float32]]) -> tuple[WeightAverage, keras.Variable]:
    variable = keras.Variable(np.zeros((2, 3), np.float32))
    average = WeightAverage(SimpleNamespace(trainable_variables=[variable]))
    for step, value in enumerate(values, start=1):
        variable.assign(value)
        average.after(step)
    return average, variable


def test_it_is_the_papers_average_of_each_eighth_step() -> None:
    values = walk(100)
    wanted = np.zeros((2, 3))
    for n, value in enumerate(values[7::8], start=1):
        share = 9 / (n + 8)  # Shamir & Zhang 2013, with eta = 8
        wanted = (1 - share) * wanted + share * value
    average, variable = average_of(values)
    with average.in_place():
        np.testing.assert_allclose(variable.numpy(), wanted, rtol=1e-5)
    with pytest.raises(ZeroDivisionError), average.in_place():
        variable.assign(values[0] / np.float64(1 // 0))
    np.testing.assert_array_equal(variable.numpy(), values[-1])
    # After a few steps it is the weights.
    average, variable = average_of(values[:5])
    average.put()
    np.testing.assert_allclose(variable.numpy(), values[4], rtol=1e-6)


def test_the_model_has_the_average_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    put = WeightAverage.put

    def recorded(self: WeightAverage) -> None:
        last = weights_of(self._network)["output/bias"]
        put(self)
        seen.append((last, weights_of(self._network)["output/bias"]))

    monkeypatch.setattr(WeightAverage, "put", recorded)
    settings = with_changes(SMALL, {"word_dropout": 0.1, "valid_fraction": 0.0, "patience": 0})
    bias = trained(noisy_corpus(words=1_000), settings, tmp_path / "m").weights["output/bias"]
    [(last, mean)] = seen
    np.testing.assert_array_equal(bias, mean)
    assert not np.array_equal(bias, last)
