"""The styles with an open vocabulary, and how their vocabulary is learned."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from builders import decoded
from hypothesis import given
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.text import vocabulary as subwords
from foretell.text.spacing import Spacing
from foretell.text.vocabulary import learn_subwords
from tests.text.texts import ALL, DRAWN, trained

STYLES = ("subword", "char")


def normalized(text, *, lowercase):
    """The text in NFC, lone surrogates replaced, each letter in lower case."""
    text = "".join("\ufffd" if unicodedata.category(letter) == "Cs" else letter for letter in text)
    text = unicodedata.normalize("NFC", text)
    return "".join(letter.lower() for letter in text) if lowercase else text


@pytest.fixture(
    scope="module", params=[(style, low) for style in STYLES for low in (False, True)], ids=str
)
def tokenizer(request):
    """Knows half of the texts: the others have characters that it spells in bytes."""
    style, lowercase = request.param
    return trained(ALL[::2], style, lowercase=lowercase, vocabulary=300)


@given(text=st.one_of(st.sampled_from(ALL), DRAWN))
def test_any_text_is_the_same_again(tokenizer, text):
    # Python and the library may have different versions of Unicode.
    if any(unicodedata.category(letter) == "Cn" for letter in text):
        return
    ids = tokenizer.encode(text)
    assert tokenizer.unknown not in ids
    assert decoded(tokenizer, ids) == normalized(text, lowercase=tokenizer._lowercase)
    spans = tokenizer.encode_with_offsets(text)
    assert [id for id, _, _ in spans] == ids
    assert "".join(text[start:end] for _, start, end in spans) == text
    assert all(0 <= start <= end for _, start, end in spans)


@pytest.mark.parametrize(
    ("text", "tokens", "spans"),
    [
        # A character in three bytes has its span once.
        ("ae\u0301 b中", "aé b", [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6), (6, 6), (6, 6)]),
        # A dotted capital İ is two letters with one span.
        ("İS", "i\u0307s", [(0, 1), (1, 1), (1, 2)]),
    ],
)
def test_the_spans_are_those_of_the_tokens(text, tokens, spans):
    tokenizer = trained(["aé i\u0307s b"], "char", lowercase=True)
    found = tokenizer.encode_with_offsets(text)
    assert [(start, end) for _, start, end in found] == spans
    assert [tokenizer.word(i) for i, _, _ in found[: len(tokens)]] == list(tokens)
    assert tokenizer.count_unknown([i for i, _, _ in found]) == len(found) - len(tokens)


def test_bytes_become_their_character_with_the_last_one() -> None:
    spacing = Spacing("char")
    tokens = ["a", "<0xE4>", "<0xBD>", "<0xA0>", "b", "<0xE4>", "b", "<0xE4>"]
    assert [spacing.piece(token) for token in tokens] == ["a", "", "", "你", "b", "", "\ufffdb", ""]
    assert [spacing.end(), spacing.end()] == ["\ufffd", ""]


def test_text_cannot_spell_a_special(tokenizer):
    for special in ("<pad>", "<unk>", "<eos>", "<0x41>"):
        ids = trained([special * 9], tokenizer.style).encode(special)
        assert ids, special
        assert set(ids).isdisjoint({0, 1, 2, *tokenizer.bytes}), special


def test_a_long_run_without_spaces_takes_linear_time():
    tokenizer = trained(ALL, "subword", vocabulary=300)
    text = "这家酒店很好" * 20_000
    assert decoded(tokenizer, tokenizer.encode(text)) == text


@pytest.mark.parametrize("style", STYLES)
def test_nothing_to_learn(style):
    with pytest.raises(DataError, match="at least one character, found none"):
        trained([""], style)
    with pytest.raises(DataError, match="no character that occurs 2 times or more"):
        trained(["ab"], style, min_count=2)
    assert [trained(["aaabbc"], "char", vocabulary=2).word(i) for i in (3, 4)] == ["a", "b"]


COUNTS = Counter({" low": 50, " lower": 21, " newest": 64, " widest": 33})


def test_the_pairs_are_those_of_the_paper() -> None:
    tokens, merges = learn_subwords(COUNTS, 16, 1)
    assert merges[:3] == [("e", "s"), ("es", "t"), (" ", "l")]
    assert learn_subwords(COUNTS, 16, 1) == (tokens, merges)
    assert len(tokens) == 16


def test_nothing_crosses_a_character_that_is_no_token() -> None:
    tokens, _ = learn_subwords(Counter({"axb": 5, "a": 5, "b": 5}), 4, 6)
    assert set(tokens) == {"a", "b"}


def test_large_counts_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subwords, "_MAX_RUNS", 100)
    monkeypatch.setattr(subwords, "_RUNS_AT_ONCE", 7)
    merges = learn_subwords(Counter({run: 1000 * n for run, n in COUNTS.items()}), 12, 1)[1]
    assert merges[0] == ("e", "s")
    assert len(merges) >= 2
