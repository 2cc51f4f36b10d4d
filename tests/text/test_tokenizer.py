"""The tokenizer: each style's rule, ids, offsets, round trips, and padding."""

import itertools
import unicodedata
from collections import Counter

import pytest
from builders import decoded
from hypothesis import example, given
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.text.tokenizer import Tokenizer
from tests.text.texts import DRAWN, trained

STYLES = ("white-space", "keras", "words")


def without_surrogates(text):
    return text.encode(errors="replace").decode()


def without_newer_letters(text):
    """Without what this Python's Unicode does not know, which the tokenizer's may fold to lower
    case.
    """
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cn")


def keras_words(text):
    """keras_preprocessing's text_to_word_sequence, as published in Keras 2."""
    filters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
    text = text.lower()
    text = text.translate(str.maketrans(dict.fromkeys(filters, " ")))
    return [word for word in text.split(" ") if word]


def test_white_space_ids_are_the_articles():
    text = "b a c a b a d"
    tokenizer = trained([text], "white-space")
    ranks = {word: i for i, (word, _) in enumerate(Counter(text.split()).most_common())}
    assert tokenizer.encode(text) == [ranks[word] for word in text.split()]
    assert (tokenizer.size, tokenizer.pad, tokenizer.unknown, tokenizer.end_of_line) == (
        4,
        None,
        None,
        None,
    )
    assert tokenizer.encode("a zzz d") == [0, -1, 3]
    assert decoded(tokenizer, [0, -1, 3]) == "a <unk> d"
    # A literal <unk> is a word.
    assert trained(["<unk> a"], "white-space").encode("<unk> a b") == [0, 1, -1]


@given(DRAWN.map(without_surrogates).filter(lambda text: text.split()))
def test_white_space_splits_as_python_does(text):
    tokenizer = trained([text], "white-space")
    assert [tokenizer.word(i) for i in tokenizer.encode(text)] == text.split()


def test_keras_ids():
    tokenizer = trained(["good film, good cast", "bad film"], "keras", lowercase=True)
    assert [tokenizer.word(i) for i in range(4, tokenizer.size)] == ["film", "good", "bad", "cast"]
    assert tokenizer.encode("Good, awful FILM!") == [1, 5, 2, 4]
    assert (tokenizer.pad, tokenizer.start, tokenizer.unknown) == (0, 1, 2)
    assert decoded(tokenizer, [0, 0, 1, 5, 2, 4]) == "good <unk> film"
    # The article's: a vocabulary of 996 gives 1,000 ids.
    assert trained([" ".join(f"w{i}" for i in range(2000))], "keras", vocabulary=996).size == 1000


@given(DRAWN.map(without_surrogates).map(without_newer_letters).filter(keras_words))
@example("\ua7c0A b")
def test_keras_splits_as_keras_does(text):
    tokenizer = trained([text], "keras", lowercase=True)
    assert [tokenizer.word(i) for i in tokenizer.encode(text)[1:]] == keras_words(text)


def test_words_ids():
    tokenizer = trained(["Don't stop — stop, the <unk> cat’s 3"], "words")
    assert (tokenizer.pad, tokenizer.unknown, tokenizer.end_of_line) == (0, 1, 2)
    assert [tokenizer.word(i) for i in range(tokenizer.size)] == [
        *("<pad>", "<unk>", "<eos>", "stop", ",", "3", "Don't", "cat’s", "the", "—")
    ]
    assert tokenizer.encode("the <unk> dog stop") == [8, 1, 1, 3]
    composed = trained(["नमस्ते cafe\u0301"], "words")
    assert [composed.word(i) for i in composed.encode("नमस्ते café")] == ["नमस्ते", "café"]
    assert [trained(["The the"], "words", lowercase=lower).size for lower in (True, False)] == [
        4,
        5,
    ]


@pytest.mark.parametrize("special", ["<pad>", "<eos>", "<start>", "<unused>"])
@pytest.mark.parametrize("style", STYLES)
def test_text_cannot_spell_a_special(style, special):
    tokenizer = trained([f"a {special} b"], style)
    ids = set(tokenizer.encode(special)) - {tokenizer.start}
    assert ids.isdisjoint(
        {tokenizer.pad, tokenizer.start, tokenizer.unknown, tokenizer.end_of_line} - {None}
    )


def test_most_frequent_first_then_by_the_alphabet_and_cut():
    tokenizer = trained(["z y x z", "y w"], "words", vocabulary=3)
    assert [tokenizer.word(i) for i in (3, 4, 5)] == ["y", "z", "w"]
    assert tokenizer.size == 6
    assert trained(["z y x z", "y w"], "words", min_count=2).size == 5


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("lowercase", [False, True])
@given(texts=st.lists(DRAWN, min_size=1, max_size=5))
def test_the_dictionary_gives_the_ids_of_the_library(style, lowercase, texts):
    texts = ["a b <unk> don't", *texts]
    tokenizer = trained(texts[:2], style, lowercase=lowercase)
    first = tokenizer.encode_batch(texts)
    for _ in range(101):
        tokenizer.encode("a")
    assert tokenizer._dictionary is not None
    assert tokenizer.encode_batch(texts) == first == [tokenizer.encode(text) for text in texts]
    assert all(-1 <= id < tokenizer.size for ids in first for id in ids)


@given(st.lists(DRAWN, max_size=6), st.integers(1, 2), st.booleans())
def test_split_once_the_ids_are_those_of_training_and_encoding(given_texts, most, lowercase):
    texts = ["a good film", *given_texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foretell.text.vocabulary._TEXTS_AT_ONCE", 2)
        tokenizer, ids, starts = Tokenizer.train_and_encode(
            texts, lowercase=lowercase, vocabulary=9 * most, min_count=1
        )
    expected = Tokenizer.train(texts, "words", lowercase=lowercase, vocabulary=9 * most)
    assert tokenizer.to_json() == expected.to_json()
    found = [ids[first:last].tolist() for first, last in itertools.pairwise(starts)]
    assert found == expected.encode_batch(texts)


def test_words_seen_once_are_dropped_where_there_are_too_many(monkeypatch):
    monkeypatch.setattr("foretell.text.vocabulary._TEXTS_AT_ONCE", 1)
    monkeypatch.setattr("foretell.text.vocabulary._MAX_COUNTED", 4)
    tokenizer, ids, starts = Tokenizer.train_and_encode(
        ["a b a", "c d e", "a e e", "a c"], lowercase=True, vocabulary=9
    )
    assert [tokenizer.word(each) for each in ids] == [
        *("a", "<unk>", "a", "<unk>", "<unk>", "<unk>"),
        *("a", "e", "e", "a", "c"),
    ]
    assert starts.tolist() == [0, 3, 6, 9, 11]


@pytest.mark.parametrize("style", STYLES)
@given(text=DRAWN)
def test_offsets_belong_to_the_ids_and_point_at_the_words(style, text):
    for lowercase in (False, True):
        tokenizer = trained(["a Σ", text], style, lowercase=lowercase)
        found = tokenizer.encode_with_offsets(text)
        assert [i for i, _, _ in found] == tokenizer.encode(text)
        spans = [(start, end) for i, start, end in found if i != tokenizer.start]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("style", "lowercase", "text", "written"),
    [
        ("words", True, "😀 İstanbul, Café", ["😀", "İstanbul", ",", "Café"]),
        ("keras", True, "😀 İstanbul, Café", ["", "😀", "İstanbul", "Café"]),
        # A composed letter covers what was written.
        (
            "words",
            False,
            "cafe\u0301, \u1112\u1161\u11ab",
            ["cafe\u0301", ",", "\u1112\u1161\u11ab"],
        ),
        ("words", False, "\u2001", []),
    ],
)
def test_offsets_are_code_points_of_the_text_as_written(style, lowercase, text, written):
    spans = trained(["a", text], style, lowercase=lowercase).encode_with_offsets(text)
    assert [text[start:end] for _, start, end in spans] == written


@pytest.mark.parametrize(
    "text",
    [
        "The mind, the soul: both (in time) pass. A well-known price: $5 or 20% off!",
        'He said "stop" and went; she didn’t. “Why?” he asked… Nobody knew.',
        "（2024年5月）使用Python编程，他说：“你好！”",
        "日本語のメールを読む。ｶﾞﾝ",
        "می‌خواهم बात 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️",
    ],
)
def test_decode_sets_punctuation_as_it_was(text):
    tokenizer = trained([text], "words")
    assert decoded(tokenizer, tokenizer.encode(text)) == text


def test_word_and_id():
    tokenizer = trained(["one"], "words")
    assert (tokenizer.word(3), tokenizer.word(-1)) == ("one", "<unk>")
    assert (tokenizer.id("one"), tokenizer.id("two")) == (3, None)
    assert tokenizer.id("<eos>") == 2
    assert decoded(tokenizer, [0, 3, 2, 3, 0]) == "one\none"
    with pytest.raises(IndexError, match="expected an id from 0 to 3, found 4"):
        tokenizer.word(4)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("texts", [[], [""], ["  \n "]])
def test_no_words_at_all(style, texts):
    with pytest.raises(DataError, match="expected texts with at least one word, found none"):
        trained(texts, style)


@pytest.mark.parametrize("style", STYLES)
def test_more_words_get_the_ids_after_those_that_are_there(style):
    tokenizer = trained(["a b b c", "a b"], style, lowercase=True)
    extended = tokenizer.extended(["b", "New", "two words", "new", "", "last"])
    assert extended.size == tokenizer.size + 2
    assert all(extended.word(id) == tokenizer.word(id) for id in range(tokenizer.size))
    assert extended.id("new") == tokenizer.size
    assert extended.encode("A NEW b") == [*tokenizer.encode("a"), tokenizer.size, tokenizer.id("b")]
    assert decoded(extended, extended.encode("last new")) == "last new"


@pytest.mark.parametrize("style", ["white-space", "words", "subword", "char"])
@given(st.lists(DRAWN.map(lambda text: text.replace("\n", " ")), max_size=5))
def test_lines_are_encoded_as_texts_and_ends(style, lines):
    tokenizer = trained(["a é σ Σ unk 我 กั้", *lines[::2]], style, lowercase=True)
    end = [] if tokenizer.end_of_line is None else [tokenizer.end_of_line]
    expected = [i for line in lines for i in tokenizer.encode(line) + end]
    assert tokenizer.encode_lines("".join(f"{line}\n" for line in lines)).tolist() == expected


def test_unknown_words_are_spelled_with_their_ends():
    tokenizer = trained(["the mind"], "words")
    assert tokenizer.spelled_bytes("the mind") == 0
    # The literal <unk> of the Penn Treebank is a word of its own.
    assert tokenizer.spelled_bytes("the <unk> café ox") == (5 + 1) + (2 + 1)
