"""The Kneser–Ney model, interpolation and cache: a slow reference, drawn texts, a published
value.
"""

from __future__ import annotations

import io
import itertools
import os
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.config import WordsSettings
from foretell.metrics import perplexity_of
from foretell.ngrams.cache import HALF, probabilities
from foretell.ngrams.kneser_ney import KneserNey
from foretell.training.events import Note
from foretell.training.words import kneser_ney_fit
from foretell.training.words.kneser_ney_fit import count, log_probabilities
from foretell.training.words.token_file import TokenFile
from foretell.training.words.validation_fit import SIZE, fit_cache, fit_interpolation, fit_weight

FULL_SETS = Path(os.environ.get("FORETELL_DATA", Path(__file__).parents[4] / "shared" / "data"))


class Reference:
    """Modified Kneser–Ney as Chen & Goodman write it, one probability at a time."""

    def __init__(self, ids, size, order):
        self.size = size
        self.order = min(order, len(ids))
        occurrences = [
            Counter(tuple(ids[i : i + k]) for i in range(len(ids) - k + 1))
            for k in range(self.order + 1)
        ]
        self.counts = [Counter(gram[1:] for gram in longer) for longer in occurrences[1:]]
        self.counts.append(occurrences[-1])
        self.discounts = [self._discounts(counts) for counts in self.counts]

    @staticmethod
    def _discounts(counts):
        n = Counter(counts.values())
        discounts = {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5}
        for i in (1, 2, 3):
            if n[1] and n[i] and n[i + 1]:
                y = n[1] / (n[1] + 2 * n[2])
                value = i - (i + 1) * y * n[i + 1] / n[i]
                if 0 < value <= i:
                    discounts[i] = value
        return discounts

    def probability(self, word, context):
        """p(word | the last words of context)."""
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        lower = 1 / self.size if not context else self.probability(word, context[1:])
        return self._interpolated(len(context) + 1, word, context, lower)

    def _interpolated(self, k, word, context, lower):
        counts = {v: self.counts[k][(*context, v)] for v in range(self.size)}
        total = sum(counts.values())
        if total == 0:
            return lower
        discounts = self.discounts[k]
        taken = {v: discounts[min(count, 3)] for v, count in counts.items()}
        return (counts[word] - taken[word]) / total + sum(taken.values()) / total * lower


def distribution(model, context):
    """What the model gives each id after a context."""
    rows = [
        model.probabilities(np.array([*context, word], np.int32))[0] for word in range(model.size)
    ]
    return [row[-1] for row in rows]


def perplexity(model, ids):
    return perplexity_of(log_probabilities(model, ids)[0])


texts = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(texts, st.lists(st.integers(0, 4), max_size=4), st.integers(1, 5))
def test_the_distribution_is_the_definitions_and_sums_to_1(text, context, order):
    model = count(np.array(text, np.int32), 5, order=order).model
    reference = Reference(text, 5, order)
    found = distribution(model, context)
    assert found == pytest.approx([reference.probability(w, context) for w in range(5)], rel=1e-4)
    assert sum(found) == pytest.approx(1, abs=1e-5)
    assert min(found) > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_text_with_all_counts_of_counts_has_the_definitions_discounts(seed):
    text = (np.random.default_rng(seed).zipf(1.6, 600) % 30).astype(np.int32)
    model = count(text, 30, order=4).model
    reference = Reference(text.tolist(), 30, 4)
    assert reference.discounts[2] != {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5}
    places = range(1, len(text), 20)
    expected = [reference.probability(text[place], text[:place].tolist()) for place in places]
    assert model.probabilities(text)[0][list(places)] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ([0], 1),
        ([0] * 500, 7),
        (list(range(89)), 20_000),
        ([3, 1, 3, 1, 3, 1, 3, 1], 4),
        (np.random.default_rng(4).integers(0, 69, 89).tolist(), 69),
    ],
)
@pytest.mark.parametrize("order", [1, 9])
def test_a_degenerate_text_gives_a_finite_perplexity_that_is_no_worse_than_guessing(
    text, size, order
):
    ids = np.array(text, np.int32)
    model = count(ids, size, order=order).model
    assert (
        1 - 1e-6 <= perplexity(model, ids if len(ids) > 1 else np.zeros(2, np.int32)) <= size + 1e-3
    )
    assert model.order == min(order, len(text))


def test_memory_stays_low_even_if_hardly_an_n_gram_repeats(monkeypatch):
    monkeypatch.setattr(kneser_ney_fit, "_CHUNK", 1 << 14)
    text = np.random.default_rng(5).integers(0, 50_000, 200_000).astype(np.int32)
    tracemalloc.start()
    try:
        counted = count(text, 50_000)
        assert tracemalloc.get_traced_memory()[1] < 116 * len(text)
        counted.pruned(100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Bytes a word: 10 million words, which training counts at most, then take 1.2 and 1.5 GB.
    assert peak < 150 * len(text)


def zipf(seed, words, size):
    """A text whose words depend on the one before, so that there is something to count."""
    rng = np.random.default_rng(seed)
    text = (rng.zipf(1.4, words) % size).astype(np.int32)
    text[1::2] = (text[::2][: len(text[1::2])] * 7 + rng.integers(0, 3, len(text[1::2]))) % size
    return text


@settings(max_examples=20, deadline=None)
@given(
    texts,
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(1, 60),
)
def test_one_distribution_is_what_a_whole_text_gives_pruned_or_not(text, read, order, most):
    counted = count(np.array(text, np.int32), 4, order=order)
    ids = np.array(read, np.int32)
    for model in (counted.model, counted.pruned(most)):
        probabilities, lengths = model.probabilities(ids)
        for place, word in enumerate(read):
            found, length = model.distribution(ids[:place])
            assert found.dtype == np.float32
            assert found.sum() == pytest.approx(1, abs=1e-5)
            assert found[word] == pytest.approx(probabilities[place], rel=1e-4)
            assert length == lengths[place] <= min(place, order - 1)


@pytest.mark.parametrize("most", [1, 50, 400, 3_000])
def test_a_pruned_model_keeps_so_many_n_grams_and_single_words(most):
    counted = count(zipf(1, 4_000, 200), 200)
    kept = counted.pruned(most)
    singles = len(counted.model.levels[0].keys)
    assert len(kept.levels[0].keys) == singles
    assert len(kept) - singles == most
    assert counted.pruned(len(counted.model)) is counted.model


def test_the_penn_treebank_has_the_published_perplexity():
    """Published for Kneser–Ney 5-grams: 141 (Mikolov et al. 2011; Zaremba et al. 2014)."""
    archive = FULL_SETS / "ptb.zip"
    if not archive.is_file():
        pytest.skip("needs ptb.zip: set FORETELL_DATA to the folder that holds it")
    numbers: dict[str, int] = {}
    parts = {}
    with zipfile.ZipFile(archive) as file:
        names = {Path(name).name: name for name in file.namelist() if "__MACOSX" not in name}
        for part in ("train", "test"):
            lines = io.TextIOWrapper(file.open(names[f"ptb.{part}.txt"]), encoding="utf-8")
            words = [word for line in lines for word in [*line.split(), "<eos>"]]
            parts[part] = np.array(
                [numbers.setdefault(word, len(numbers)) for word in words], np.int32
            )
    counted = count(parts["train"], len(numbers))
    assert counted.model.words == 929_589
    assert perplexity(counted.model, parts["test"]) == pytest.approx(141.06, abs=0.05)
    kept = counted.pruned(1_000_000)
    assert perplexity(kept, parts["test"]) == pytest.approx(143.4, abs=0.1)
    logs, lengths = log_probabilities(kept, parts["test"])
    assert len(logs) == len(lengths) == len(parts["test"]) - 1
    assert set(lengths.tolist()) == {1, 2, 3, 4}


def drawn(share, n, seed):
    """Log-probabilities of n words under two models of 8 words, drawn from their ensemble."""
    rng = np.random.default_rng(seed)
    network, ngrams = rng.dirichlet(np.full(8, 0.5), (2, n))
    mixed = (1 - share) * network + share * ngrams
    words = (mixed.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 7)
    rows = np.arange(n)
    return np.log(network[rows, words]), np.log(ngrams[rows, words])


@pytest.mark.parametrize("share", [0.05, 0.3, 0.95])
def test_the_share_that_texts_were_drawn_with_is_found(share):
    network, ngrams = drawn(share, 20_000, 2)
    lengths = np.zeros(20_000, int)
    found = fit_interpolation(network, ngrams, lengths, 0).kneser_ney_weights
    assert found == pytest.approx([share], abs=0.05)
    # A length that was hardly seen has about the share of all.
    lengths[0], network[0], ngrams[0] = 2, -10, 0
    weights = fit_interpolation(network, ngrams, lengths, 3).kneser_ney_weights
    assert weights[3] == pytest.approx(weights[0], abs=0.01)
    assert weights[0] < weights[2] < weights[0] + 0.1


def test_each_length_of_context_has_the_share_of_its_own_words():
    network, ngrams = np.concatenate([drawn(0.1, 9_000, 2), drawn(0.9, 9_000, 3)], axis=1)
    found = fit_interpolation(network, ngrams, np.repeat([0, 1], 9_000), 1).kneser_ney_weights
    assert found == pytest.approx([0.1, 0.9], abs=0.05)


def test_a_part_that_gives_no_word_a_chance_gets_no_share():
    worse = fit_interpolation(np.full(1_000, -1.0), np.full(1_000, -90.0), np.zeros(1_000, int), 0)
    better = fit_interpolation(np.full(1_000, -90.0), np.full(1_000, -1.0), np.zeros(1_000, int), 0)
    assert 0 <= worse.kneser_ney_weights[0] < 0.02
    assert 0.98 < better.kneser_ney_weights[0] <= 1


def bursty(n: int, weight: float, theta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A text drawn from 50 equally probable words and a cache: its logs without, hidden values,
    words.
    """
    random = np.random.default_rng(1)
    hidden = random.normal(0, 1, (n, 6)).astype(np.float32)
    words = np.zeros(n, np.int64)
    for place in range(n):
        words[place] = random.integers(50)
        held = slice(max(0, place - SIZE), place)
        if random.random() < weight * place / (place + HALF):
            similar = np.exp(theta * (hidden[held].astype(float) @ hidden[place]))
            words[place] = random.choice(words[held], p=similar / similar.sum())
    return np.full(n, np.log(1 / 50)), hidden, words


def test_the_parameters_that_a_text_was_drawn_with_are_fitted() -> None:
    notes: list[Note] = []
    logs, hidden, words = bursty(4_000, 0.4, 0.6)
    cache, gain = fit_cache(logs, hidden, words, notes.append)
    assert cache.theta == pytest.approx(0.6, abs=0.21)
    assert cache.weight == pytest.approx(0.4, abs=0.1)
    cached, pairs = probabilities(cache.theta, hidden, words, SIZE, first=0)
    assert gain == pytest.approx(1 - perplexity_of(cache.logs(logs, cached, pairs)) / 50)
    assert gain > 0.05
    assert "--cache 500" in notes[0].text


def test_a_cache_that_does_not_help_gets_hardly_any_weight_and_with_little_text_about_the_prior() -> (
    None
):
    random = np.random.default_rng(2)
    words = np.arange(2_000)
    cache, _ = fit_cache(
        np.full(2_000, -1.0), random.normal(size=(2_000, 4)), words, lambda _: None
    )
    assert cache.weight < 0.01
    weight = fit_weight(np.full(3, -3.0), np.array([0.0, 0.9, 0.9]), np.full(3, 0.5))
    assert 0.1 < weight < 0.3
    # A cache that is half full has half of the weight: a fifth of these words are from it.
    cached = (random.random(20_000) < 0.2).astype(float)
    weight = fit_weight(np.full(20_000, -9.0), cached, np.full(20_000, 0.5))
    assert weight == pytest.approx(0.4, abs=0.02)


def test_an_ngram_gains_by_how_often_and_how_much_it_helps() -> None:
    ids = np.random.default_rng(2).integers(5, size=300).astype(np.int32)
    counted = count(ids, 5)
    gains = kneser_ney_fit._gains(counted.model, counted.occurrences)
    pairs = Counter(itertools.pairwise(ids.tolist()))
    alone, _ = counted.model.distribution(ids[:0])
    expected = []
    for before, word in sorted(pairs):
        after, _ = KneserNey(counted.model.levels[:2], 5, 300).distribution(np.array([before]))
        without = counted.model.levels[1].backoffs[before] * alone[word]
        expected.append(pairs[before, word] * np.log(after[word] / without))
    np.testing.assert_allclose(gains[1], expected, rtol=1e-4, atol=1e-4)


def test_of_a_long_text_the_first_words_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "text.uint16"
    (np.arange(400) % 7).astype(np.uint16).tofile(path)
    text = TokenFile(path)
    notes: list[str] = []
    (fit,) = kneser_ney_fit.fit_kneser_ney(
        text, text, 7, WordsSettings(), lambda event: notes.append(str(event)), max_words=50
    )
    assert fit.model.words == 50
    assert any("from the first 50 words" in note for note in notes)
