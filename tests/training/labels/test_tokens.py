"""Texts as tokens: one vocabulary for all parts of a split, and the lengths that training saw."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from foretell.artifacts.weights import network_size
from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.presets import LABELS_PRESETS
from foretell.training.labels.tokens import Tokens, tokenize_split
from tests.text.texts import ALL

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
