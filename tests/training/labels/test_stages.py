"""What a classifier's training remembers of its texts and measures of its answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.config import LABELS_PRESETS
from foretell.data.examples import Examples
from foretell.training.events import silent
from foretell.training.labels.stages import Stages

TRAIN = Examples(["good good thing", "bad", "good thing , really"], ["good", "bad", "good"], name="made up")
HELD_OUT = Examples(["good", "bad thing " * 40, "bad"], ["good", "bad", "good"], name="held out")


def stages(preset: str = "base", unlabelled: tuple[str, ...] = ()) -> Stages:
    return Stages(TRAIN, HELD_OUT, unlabelled, ["bad", "good"], LABELS_PRESETS[preset], silent)


@pytest.mark.parametrize("preset", ["base", "article"])
def test_the_lengths_are_those_of_the_texts_learned_from(preset: str) -> None:
    # The comma is a word of "base", and none of Keras's.
    longest = 4 if preset == "base" else 3
    assert stages(preset).lengths() == {"shortest_text": 1, "longest_text": longest}
    more = stages(preset, ("a thing " * 30, "thing"))
    assert more.lengths() == {"shortest_text": 1, "longest_text": 60}


def test_the_figures_say_how_far_the_answers_can_be_trusted() -> None:
    targets = np.array([1, 0, 1], np.int32)
    of_network: Any = np.array([[0.4, 0.6], [0.6, 0.4], [0.9, 0.1]], np.float32)
    answers: Any = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], np.float32)
    found = stages().figures(targets, of_network, answers)
    assert found["network_accuracy"] == pytest.approx(2 / 3)
    assert found["network_calibration_error"] == pytest.approx((0.4 + 0.4 + 0.9) / 3)
    assert sum(each["texts"] for each in found["reliability"]) == 3
    gaps = [each["texts"] * abs(each["accuracy"] - each["confidence"]) for each in found["reliability"]]
    assert sum(gaps) / 3 == pytest.approx(found["calibration_error"])
    assert [row["accuracy"] for row in found["coverage"]] == pytest.approx([2 / 3, 1 / 2])
    assert (found["shortest_text"], found["longest_text"]) == (1, 4)


def test_a_network_starts_from_vectors_of_the_words_where_there_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from foretell.artifacts.weights import network_size
    from foretell.networks.labels import labels_network
    from foretell.training.labels import stages as module

    made = stages()
    network = labels_network(made.settings, network_size(made.settings, made.tokenizer), 2)
    before = network.get_layer("embedding").embeddings.numpy()
    made.give_vectors(network)
    np.testing.assert_array_equal(network.get_layer("embedding").embeddings.numpy(), before)
    monkeypatch.setattr(module, "_LEAST_WORDS", 1)
    made.give_vectors(network)
    after = network.get_layer("embedding").embeddings.numpy()
    # "bad" is the whole of its text and stands near nothing; so do the padding and the unknown word.
    alone = [0, 1, made.tokenizer.id("bad")]
    np.testing.assert_array_equal(after[alone], before[alone])
    together = made.tokenizer.id("thing")
    assert (after[together] != before[together]).any()
