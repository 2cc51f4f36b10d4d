"""Byte-pair encoding learned from counts."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from foretell.text import vocabulary as subwords
from foretell.text.vocabulary import learn_subwords


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


def test_tokens_are_ordered_by_how_often_they_occur() -> None:
    tokens, _ = learn_subwords(Counter({"ab": 10, "c": 100, "d": 1}), 10, 1)
    assert tokens[:2] == ["c", "ab"]
    assert set(tokens) == {"c", "ab", "d", "a", "b"}


def test_characters_take_at_most_half() -> None:
    tokens, _ = learn_subwords(Counter({"".join(map(chr, range(97, 117))): 5, "ab": 50}), 10, 1)
    assert sum(len(token) == 1 for token in tokens) == 5


def test_nothing_crosses_a_character_that_is_no_token() -> None:
    tokens, _ = learn_subwords(Counter({"axb": 5, "a": 5, "b": 5}), 4, 6)
    assert set(tokens) == {"a", "b"}


def test_large_counts_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subwords, "_MAX_RUNS", 100)
    monkeypatch.setattr(subwords, "_RUNS_AT_ONCE", 7)
    merges = learn_subwords(Counter({run: 1000 * n for run, n in COUNTS.items()}), 12, 1)[1]
    assert merges[0] == ("e", "s")
    assert len(merges) >= 2
