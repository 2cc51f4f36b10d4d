"""Dynamic evaluation: each segment is scored before it is learned from, and the model stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.adaptation import dynamic_network
from foretell.adaptation.dynamic_evaluation import score_dynamically
from foretell.adaptation.dynamic_network import SEGMENT, DynamicNetwork
from foretell.artifacts.directory import open_verified, read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings, with_changes
from foretell.errors import MissingExtraError, SettingsError, UsageError
from foretell.networks import set_weights, weights_of
from foretell.networks.words import LstmNetwork
from foretell.presets import preset
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import TEXT, kneser_ney_parts, random_model, write_random

LINES = [TEXT, "the obstacle to our acting", "the mind adapts the mind", TEXT]


def settings_of(name: str) -> WordsSettings:
    base = preset("words", name)
    assert isinstance(base, WordsSettings)
    return with_changes(base, {"embedding_size": 6, "units": 5, "layers": 2})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Opened for prediction: two layers, a projection, a Kneser–Ney model."""
    settings, path = settings_of("base"), tmp_path_factory.mktemp("dynamic") / "model"
    write_random(path, settings, **kneser_ney_parts(settings, TEXT, (0.1, 0.3, 0.6)))
    return open_verified(path)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger steps, so that a few segments matter."""
    monkeypatch.setattr(dynamic_network, "_RATE", 0.05)
    monkeypatch.setattr(dynamic_network, "_DECAY", 0.1)


def network_of(model: Model) -> DynamicNetwork:
    assert isinstance(model.settings, WordsSettings)
    return DynamicNetwork(model.settings, read_model(model.directory).require_weights())


def by_definition(model: Model, ids: np.ndarray) -> list[float]:
    """The log-probability of each id but the first, by the update rule in float64, one weight at a time."""
    trained = read_model(model.directory).require_weights()
    assert isinstance(model.settings, WordsSettings)
    network = LstmNetwork(model.settings, len(trained["embedding"]))
    set_weights(network, trained)
    mean = {name: np.zeros(value.shape) for name, value in trained.items()}
    states, logps = network.first_states(1), []
    for segment, start in enumerate(range(0, len(ids) - 1, SEGMENT), 1):
        part = ids[start : start + SEGMENT + 1]
        with tf.GradientTape() as tape:
            hidden, states = network.hidden(tf.constant(part[None, :-1]), states)
            each = tf.nn.log_softmax(network.logits(hidden[0]))
            scored = tf.gather(each, part[1:], axis=1, batch_dims=1)
            loss = -tf.reduce_mean(scored)
        logps += scored.numpy().tolist()
        found = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        gradients = [tf.convert_to_tensor(one).numpy().astype(float) for one in found]
        norm = np.sqrt(sum((one**2).sum() for one in gradients))
        now = weights_of(network)
        for name, gradient in zip(now, gradients, strict=True):
            gradient = gradient / max(1.0, norm)
            mean[name] += (gradient**2 - mean[name]) / segment
            step = 0.05 * gradient / (np.sqrt(mean[name]) + 1e-3)
            now[name] = (now[name] - step + 0.1 * (trained[name] - now[name])).astype(np.float32)
        set_weights(network, now)
    return logps


@pytest.mark.usefixtures("fast")
def test_the_weights_follow_the_update_rule_and_no_word_is_learned_before_it_is_scored(model: Model) -> None:
    ids = np.random.default_rng(1).integers(2, model.tokenizer.size, 3 * SEGMENT + 6)
    network = network_of(model)
    logps, state = network.score_later(ids, network.zero_state())
    np.testing.assert_allclose(logps(), by_definition(model, ids), rtol=2e-3)
    assert [part.shape for part in state] == [(1, len(ids) - 1, 6), *[(1, 5)] * 4]
    # Other words from the last whole segment on change nothing before them.
    other = np.append(ids[: 2 * SEGMENT + 1], ids[: SEGMENT + 5])
    again = network_of(model)
    changed = again.score_later(other, again.zero_state())[0]()
    np.testing.assert_array_equal(changed[: 2 * SEGMENT], logps()[: 2 * SEGMENT])
    assert not np.allclose(changed[2 * SEGMENT :], logps()[2 * SEGMENT :])
    # Read with the weights as they are now, the same words have other probabilities.
    logits, _ = network.read(ids.tolist()[:-1])
    assert logits.shape == (1, model.tokenizer.size)
    assert not np.allclose(logits, network_of(model).read(ids.tolist()[:-1])[0])


@pytest.mark.parametrize("cache", [0, 7])
def test_without_steps_it_is_the_score_of_the_model(
    model: Model, cache: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic_network, "_RATE", 0.0)
    expected = WordsRuntime(model).score(LINES, cache=cache)
    found = score_dynamically(model, LINES, cache=cache)
    assert found.log_probability == pytest.approx(expected.log_probability, rel=1e-5)
    counts = ("tokens", "words", "characters", "bytes", "unknown")
    assert [getattr(found, name) for name in counts] == [getattr(expected, name) for name in counts]


@pytest.mark.usefixtures("fast")
def test_a_repeated_text_is_learned_and_the_model_stays_as_it_is(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = WordsRuntime(model).score(LINES * 3)
    found = score_dynamically(model, LINES * 3)
    assert found.perplexity < 0.98 * before.perplexity
    assert WordsRuntime(model).score(LINES * 3) == before
    # The size of the pieces that are read, in whole segments, changes no number.
    monkeypatch.setattr("foretell.runtime.words.scoring.MAX_STEPS", SEGMENT + 3)
    again = score_dynamically(model, LINES * 3)
    assert again.log_probability == pytest.approx(found.log_probability, rel=1e-6)


def test_what_cannot_be_scored_is_one_error(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    article = random_model(settings_of("article"))
    base = preset("labels", "base")
    assert isinstance(base, LabelsSettings)
    labels = random_model(with_changes(base, {"embedding_size": 4, "units": 3}), ["a", "b"])
    for other, found in ((article, "words"), (labels, "labels")):
        with pytest.raises(UsageError, match=f"dynamic: .*for {found} without a state; evaluate without it"):
            score_dynamically(other, LINES)
    with pytest.raises(SettingsError, match="10,000"):
        score_dynamically(model, LINES, cache=10_001)
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"dynamic evaluation.*foretell\[train\]"):
        score_dynamically(model, LINES)
