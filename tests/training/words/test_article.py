"""What makes the article's training the article's: ids, walk, RMSProp, gradient; and its run."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import with_changes
from foretell.data.corpus import open_corpus
from foretell.errors import Interrupted
from foretell.networks import weights_of
from foretell.networks.words import ArticleNetwork
from foretell.presets import WORDS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import EpochDone, Event, Note, Progress
from foretell.training.words.article import ArticleSteps, OffsetWalk
from tests.training.words.small import trained

TINY = with_changes(WORDS_PRESETS["article"], {"units": 8, "iterations": 600})


def test_golden_ids_of_the_sample() -> None:
    tokenizer = Tokenizer.train(
        open_corpus("meditations"), "white-space", lowercase=False, vocabulary=100, min_count=1
    )
    text = next(iter(open_corpus("meditations")))
    ids = tokenizer.encode(text)
    assert (len(ids), tokenizer.size) == (89, 69)
    words = text.split()
    # The most frequent first, ties by the alphabet.
    ranked = sorted(set(words), key=lambda word: (-words.count(word), word))
    assert ids == [ranked.index(word) for word in words]


# Two rounds over the 89 words, then the third from another offset.
GOLDEN_WALK = [*range(2, 83, 4), *range(2, 83, 4), *range(3, 32, 4)]


def test_golden_walk() -> None:
    assert list(itertools.islice(OffsetWalk(89, 3, seed=1), 50)) == GOLDEN_WALK


@pytest.mark.parametrize("words", [8, 9, 89])
def test_the_walk_follows_the_rule(words: int) -> None:
    offsets = list(itertools.islice(OffsetWalk(words, 3, seed=3), 3000))
    assert min(offsets) == 0
    assert max(offsets) <= words - 4
    starts = {b for a, b in itertools.pairwise(offsets) if a + 4 > words - 4}
    assert starts == set(range(min(5, words - 4 + 1)))
    assert all(b == a + 4 for a, b in itertools.pairwise(offsets) if a + 4 <= words - 4)


def test_one_iteration_equals_plain_autodiff_and_tensorflow_1_rmsprop() -> None:
    words = np.array([3, 1, 4, 1, 5, 2, 6, 0])
    network = ArticleNetwork(TINY, 7)
    reference = ArticleNetwork(TINY, 7)
    steps = ArticleSteps(network, words, TINY)
    slots = [np.ones(v.shape) for v in reference.trainable_variables]
    for offset in (2, 0):
        loss, _ = steps.iteration(tf.constant(words[offset : offset + 4], tf.int32))
        with tf.GradientTape() as tape:
            logits, _ = reference.forward(tf.constant(words[offset : offset + 3]))
            one_hot = tf.one_hot([words[offset + 3]], 7)
            expected = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(one_hot, logits))
        gradients = tape.gradient(expected, reference.trainable_variables)
        assert float(loss) == pytest.approx(float(expected), rel=1e-6)
        for k, variable in enumerate(reference.trainable_variables):
            g = gradients[k].numpy().astype(np.float64)
            slots[k] = 0.9 * slots[k] + 0.1 * g**2
            variable.assign(
                (variable.numpy() - 0.001 * g / np.sqrt(slots[k] + 1e-10)).astype("float32")
            )
    for name, value in weights_of(reference).items():
        np.testing.assert_allclose(weights_of(network)[name], value, atol=2e-7)


def test_compiled_iterations_equal_single_ones(tmp_path: Path) -> None:
    """Each window is counted once, whatever the compiled calls."""
    settings = with_changes(TINY, {"iterations": 40})
    events = list[Event]()
    options = {
        "preset": "article",
        "listener": events.append,
        "given": frozenset({"epochs", "iterations"}),
    }
    model = trained(open_corpus("meditations"), settings, tmp_path / "m", **options)
    assert Note(text="without effect on the network article: epochs") in events
    words = np.array(model.tokenizer.encode(next(iter(open_corpus("meditations")))))
    network = ArticleNetwork(settings, 69)
    single = ArticleSteps(network, words, settings)
    walk = OffsetWalk(89, 3, settings.seed)
    offsets = itertools.islice(walk, 40)
    expected = [single.iteration(tf.constant(words[k : k + 4], tf.int32)) for k in offsets]
    for name, value in weights_of(network).items():
        np.testing.assert_allclose(model.weights[name], value, atol=1e-5)
    metrics = model.metrics
    assert metrics["accuracy"] == pytest.approx(np.mean([float(hit) for _, hit in expected]))
    assert metrics["perplexity"] == pytest.approx(
        np.exp(np.mean([float(loss) for loss, _ in expected])), rel=1e-4
    )
    assert (metrics["steps"], metrics["words"]) == (40, 89)
    assert metrics["measured_on"] == "the last 40 iterations"
    assert metrics["words_per_second"] == pytest.approx(3 * metrics["iterations_per_second"])
    # Each call's averages are of all iterations so far, the last ones the metrics'.
    calls = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in calls] == sorted({event.step for event in calls})
    assert (calls[-1].step, calls[-1].accuracy) == (40, metrics["accuracy"])


@pytest.mark.soak
def test_the_articles_training_resumes_bit_for_bit(tmp_path: Path) -> None:
    corpus = open_corpus("meditations")
    events = list[Event]()
    whole = trained(corpus, TINY, tmp_path / "whole", preset="article", listener=events.append)
    # In the middle of a block of compiled iterations.
    with pytest.raises(Interrupted, match="step 471"):
        trained(corpus, TINY, tmp_path / "parts", preset="article", stop_after_steps=471)
    parts = trained(corpus, TINY, tmp_path / "parts", preset="article", resume=True)
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    assert parts.metrics["accuracy"] == whole.metrics["accuracy"]
    [done] = [event for event in events if isinstance(event, EpochDone)]
    assert (done.step, done.accuracy) == (600, whole.metrics["accuracy"])
