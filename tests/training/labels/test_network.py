"""The network's step: its embeddings start from co-occurrence statistics where there are enough tokens."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from foretell.artifacts.weights import network_size
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.networks.labels import labels_network
from foretell.presets import LABELS_PRESETS
from foretell.training.events import silent
from foretell.training.labels import network as module
from foretell.training.labels.network import initialise_embeddings
from foretell.training.labels.tokens import tokenize_split

TRAIN = Examples(["good good thing", "bad", "good thing , really"], ["good", "bad", "good"], name="made up")


def test_embeddings_start_from_co_occurrence_statistics_of_enough_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = LABELS_PRESETS["base"]
    tokens = tokenize_split(Split(train=TRAIN, valid=None), settings)
    network = labels_network(settings, network_size(settings, tokens.tokenizer), 2)
    before = network.get_layer("embedding").embeddings.numpy()
    initialise_embeddings(network, tokens, settings.seed, silent)
    np.testing.assert_array_equal(network.get_layer("embedding").embeddings.numpy(), before)
    monkeypatch.setattr(module, "MIN_TOKENS", 1)
    initialise_embeddings(network, tokens, settings.seed, silent)
    after = network.get_layer("embedding").embeddings.numpy()
    # "bad" is a whole text and occurs near no other word; so do padding and the unknown word.
    alone = [0, 1, tokens.tokenizer.id("bad")]
    np.testing.assert_array_equal(after[alone], before[alone])
    together = tokens.tokenizer.id("thing")
    assert (after[together] != before[together]).any()
