"""The styles with an open vocabulary, and how their vocabulary is learned."""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.errors import DataError
from foretell.text import vocabulary as subwords
from foretell.text.tokenizer import Tokenizer
from foretell.text.vocabulary import learn_subwords
from tests.text.texts import ALL, TEXTS

STYLES = ("subword", "char")
HARD = st.text(
    alphabet=st.sampled_from(list("aAσΣİẞı '’-_.,<>unk\t\n\u00a0\x1c\u0301\ud800é²👍🏽‍中ก้ㅎ")), max_size=30
)


def trained(style, texts=ALL, *, lowercase=False, vocabulary=300, min_count=1):
    return Tokenizer.train(texts, style, lowercase=lowercase, vocabulary=vocabulary, min_count=min_count)


def normalized(text, *, lowercase):
    """The text in NFC, lone surrogates replaced, each letter in lower case."""
    text = "".join("\ufffd" if unicodedata.category(letter) == "Cs" else letter for letter in text)
    text = unicodedata.normalize("NFC", text)
    return "".join(letter.lower() for letter in text) if lowercase else text


@pytest.fixture(scope="module", params=[(style, low) for style in STYLES for low in (False, True)], ids=str)
def tokenizer(request):
    """Knows half of the texts: the others have characters that it spells in bytes."""
    style, lowercase = request.param
    return trained(style, ALL[::2], lowercase=lowercase)


@pytest.mark.parametrize("name", TEXTS)
def test_tokens_are_the_text_again(tokenizer, name):
    text = TEXTS[name]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == normalized(text, lowercase=tokenizer._lowercase)
    assert tokenizer.unknown not in ids
    spans = tokenizer.encode_with_offsets(text)
    assert [id for id, _, _ in spans] == ids
    assert "".join(text[start:end] for _, start, end in spans) == text


@given(text=st.one_of(st.text(max_size=40), HARD))
def test_any_text_is_the_same_again(tokenizer, text):
    # Python and the library may have different versions of Unicode.
    if any(unicodedata.category(letter) == "Cn" for letter in text):
        return
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == normalized(text, lowercase=tokenizer._lowercase)
    spans = tokenizer.encode_with_offsets(text)
    assert "".join(text[start:end] for _, start, end in spans) == text
    assert all(0 <= start <= end for _, start, end in spans)


def test_the_spans_are_those_of_the_tokens():
    tokenizer = trained("char", ["aé b"])
    assert [tokenizer.word(i) for i, _, _ in tokenizer.encode_with_offsets("ae\u0301 b")] == [
        "a",
        "é",
        " ",
        "b",
    ]
    spans = [(start, end) for _, start, end in tokenizer.encode_with_offsets("ae\u0301 b中")]
    assert tokenizer.count_unknown(tokenizer.encode("aé中")) == 3
    # The character in three bytes has its span once.
    assert spans == [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6), (6, 6), (6, 6)]


def test_a_dotted_capital_i_is_two_letters_with_one_span():
    tokenizer = trained("char", ["i̇s"], lowercase=True)
    spans = tokenizer.encode_with_offsets("İS")
    assert [(tokenizer.word(i), start, end) for i, start, end in spans] == [
        ("i", 0, 1), ("\u0307", 1, 1), ("s", 1, 2),
    ]  # fmt: skip
    # A dotless ı stays one.
    assert tokenizer.decode(tokenizer.encode("ISı")) == "isı"


def test_text_cannot_spell_a_special(tokenizer):
    for special in ("<pad>", "<unk>", "<eos>", "<0x41>"):
        ids = trained(tokenizer.style, [special * 9]).encode(special)
        assert ids, special
        assert set(ids).isdisjoint({0, 1, 2, *tokenizer.bytes}), special


def test_a_long_run_without_spaces_takes_linear_time():
    tokenizer = trained("subword")
    text = "这家酒店很好" * 20_000
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("style", STYLES)
def test_nothing_to_learn(style):
    with pytest.raises(DataError, match="at least one character, found none"):
        trained(style, [""])
    with pytest.raises(DataError, match="lower --min-count"):
        trained(style, ["ab"], min_count=2)
    assert [trained("char", ["aaabbc"], vocabulary=2).word(i) for i in (3, 4)] == ["a", "b"]


def check_merges(counts: Counter[str], merges: list[tuple[str, str]]) -> None:
    """Check that each pair is one of the most frequent where it is joined, as in the paper's listing."""
    runs = {tuple(run): n for run, n in counts.items()}
    for joined_pair in merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for run, n in runs.items():
            for pair in itertools.pairwise(run):
                pairs[pair] += n
        assert pairs[joined_pair] == max(pairs.values()), joined_pair
        joined: dict[tuple[str, ...], int] = {}
        for run, n in runs.items():
            parts: list[str] = []
            for part in run:
                if parts and (parts[-1], part) == joined_pair:
                    parts[-1] += part
                else:
                    parts.append(part)
            joined[tuple(parts)] = n
        runs = joined


COUNTS = Counter({" low": 50, " lower": 21, " newest": 64, " widest": 33})


def test_the_pairs_are_those_of_the_paper() -> None:
    tokens, merges = learn_subwords(COUNTS, 16, 1)
    check_merges(COUNTS, merges)
    assert learn_subwords(COUNTS, 16, 1) == (tokens, merges)
    assert len(merges) >= 4
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
