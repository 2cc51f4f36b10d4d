"""Bytes of texts, and of the words that a tokenizer does not know."""

from foretell.text.tokenizer import Tokenizer
from foretell.text.utf8 import spelled_bytes, utf8_bytes


def test_bytes_are_those_of_utf_8():
    assert [utf8_bytes(text) for text in ("", "ab", "é", "中", "👍", "\ud800")] == [0, 2, 2, 3, 4, 3]


def test_unknown_words_are_spelled_with_their_ends():
    tokenizer = Tokenizer.train(["the mind"], "words", lowercase=False, vocabulary=9)
    assert spelled_bytes(tokenizer, "the mind") == 0
    # The literal <unk> of the Penn Treebank is a word of its own.
    assert spelled_bytes(tokenizer, "the <unk> café ox") == (5 + 1) + (2 + 1)


def test_nothing_is_spelled_with_an_open_vocabulary():
    tokenizer = Tokenizer.train(["the mind"], "char", lowercase=False, vocabulary=9)
    assert spelled_bytes(tokenizer, "xyz") == 0
