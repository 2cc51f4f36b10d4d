"""The order of texts and the batches made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.config import with_changes
from foretell.data.examples import Examples
from foretell.presets import LABELS_PRESETS
from foretell.runtime.labels.network import pad_end, pad_front
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.batches import EncodedTexts, as_read, batches, epoch_order, padded
from foretell.training.labels.tokens import encode_examples

lengths_lists = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def encode_as_read(texts, targets, n_labels, tokenizer, settings):
    """Return texts as the network reads them."""
    encoded = encode_examples(Examples(texts, ["a"] * len(texts)), tokenizer, ["a", "b"])
    return as_read(encoded.texts, targets, n_labels, tokenizer, settings)


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
    order = np.array([4, 1, 6, 0, 2, 5, 3])
    found = list(batches(texts, order, 3))
    assert [len(ids) for ids, _ in found] == [3, 3, 1]
    for k, (ids, targets) in enumerate(found):
        places = order[3 * k : 3 * k + 3]
        chosen = [rows[i] for i in places]
        expected = pad_front(chosen, length) if length else pad_end(chosen, 99)[0]
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_array_equal(padded(texts, places), expected)
        np.testing.assert_array_equal(np.ravel(targets), texts.targets[places])
        assert targets.shape == ((len(places), 1) if n_labels == 2 else (len(places),))


@settings(max_examples=12, deadline=None)
@given(lengths_lists, st.integers(1, 9), st.integers(0, 8))
def test_batches_go_on_from_any_place(lengths, batch_size, first):
    texts = made(lengths)
    order = epoch_order(texts, batch_size, seed=3, epoch=2)
    whole = list(batches(texts, order, batch_size))[first:]
    rest = list(batches(texts, order, batch_size, first=first))
    assert len(whole) == len(rest)
    for (ids, targets), (other_ids, other_targets) in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(ids, other_ids)
        np.testing.assert_array_equal(targets, other_targets)


def test_the_last_words_are_kept_and_the_articles_padding_is_in_front():
    article = with_changes(LABELS_PRESETS["article"], {"length": 3})
    tokenizer = Tokenizer.train(["a a a b b c"], "keras", lowercase=True, vocabulary=9)
    targets = np.array([0, 1], np.int32)
    texts = encode_as_read(["a b c a b", "c"], targets, 2, tokenizer, article)
    [(ids, _)] = batches(texts, np.arange(2), 2)
    # 1 starts a text, words begin at 4; the start of the long text is cut off with its first words.
    np.testing.assert_array_equal(ids, [[6, 4, 5], [0, 1, 6]])


def test_a_text_without_words_is_one_unknown_word():
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=True, vocabulary=9)
    texts = encode_as_read(["", "a"], np.array([0, 1], np.int32), 2, tokenizer, LABELS_PRESETS["base"])
    np.testing.assert_array_equal(texts.ids, [1, 3])
    np.testing.assert_array_equal(texts.lengths, [1, 1])
