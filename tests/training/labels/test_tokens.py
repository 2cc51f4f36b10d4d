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
from foretell.training.labels.tokens import Tokens, encode_examples, one_hot, tokenize_split
from tests.text.texts import ALL

TRAIN = Examples(["good good thing", "bad", "good thing , really"], ["good", "bad", "good"], name="made up")
VALID = Examples(["good", "bad thing " * 40, "bad"], ["good", "bad", "good"], name="validation")


def tokens(preset: str = "base", unlabelled: tuple[str, ...] = ()) -> Tokens:
    split = Split(train=TRAIN, valid=VALID, unlabelled=unlabelled)
    return tokenize_split(split, LABELS_PRESETS[preset])


@pytest.mark.parametrize("preset", ["base", "article"])
def test_the_lengths_are_those_of_the_training_and_unlabelled_texts(preset: str) -> None:
    # The comma is a token in "base", but not in Keras's conventions.
    longest = 4 if preset == "base" else 3
    assert tokens(preset).lengths() == {"shortest_text": 1, "longest_text": longest}
    more = tokens(preset, ("a thing " * 30, "thing"))
    assert more.lengths() == {"shortest_text": 1, "longest_text": 60}


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


def test_encoding_in_chunks_does_not_show() -> None:
    made = tokens()
    texts = [("good thing " * (i % 3)).strip() or "bad" for i in range(2_500)]
    encoded = encode_examples(Examples(texts, ["bad"] * len(texts)), made.tokenizer, made.labels)
    assert len(encoded.texts) == 2_500
    last = encoded.texts.part(2_499, 2_500)
    assert last.ids.tolist() == made.tokenizer.encode(texts[-1])
    joined = encoded.texts.part(0, 1_000).followed_by(encoded.texts.part(1_000, 2_500))
    np.testing.assert_array_equal(joined.ids, encoded.texts.ids)
    np.testing.assert_array_equal(joined.starts, encoded.texts.starts)


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


def test_one_hot() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0], np.int32), 3), [[0, 0, 1], [1, 0, 0]])
