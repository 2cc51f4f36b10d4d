"""The Kneser–Ney model by its definition, and two models as one."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.errors import ArtifactError
from foretell.ngrams import kneser_ney as module
from foretell.ngrams.kneser_ney import KneserNey, Level, compact, expanded
from foretell.ngrams.merging import merged
from foretell.training.words.kneser_ney_fit import count

SIZE = 4


def level(keys, probabilities, backoffs):
    return Level(np.array(keys), np.array(probabilities, np.float32), np.array(backoffs, np.float32))


@pytest.fixture
def model():
    """Words 0, 1 and 2 were counted; after 1 came 2 (number 1 · 4 + 2), after 1 2 came 0."""
    return KneserNey(
        (
            level([0, 1, 2], [0.3, 0.2, 0.1], [0.4]),
            level([1 * SIZE + 2], [0.5], [1.0, 0.25, 1.0]),
            level([0 * SIZE + 0], [0.75], [0.125]),
        ),
        SIZE,
        words=10,
    )


UNIGRAMS = [0.3 + 0.1, 0.2 + 0.1, 0.1 + 0.1, 0.1]


def test_without_a_context_it_is_the_unigram_and_the_uniform_distribution(model):
    found, length = model.distribution(np.zeros(0, np.int64))
    np.testing.assert_allclose(found, UNIGRAMS, rtol=1e-6)
    assert (length, found.sum()) == (0, pytest.approx(1))
    # So is an uncounted context.
    for before in ([3], [0], [3, 3]):
        found, length = model.distribution(np.array(before))
        np.testing.assert_allclose(found, UNIGRAMS, rtol=1e-6)
        assert length == 0


def test_a_counted_context_is_interpolated_with_the_order_below(model):
    after_1 = [0.25 * p + (0.5 if word == 2 else 0) for word, p in enumerate(UNIGRAMS)]
    found, length = model.distribution(np.array([1]))
    np.testing.assert_allclose(found, after_1, rtol=1e-6)
    assert length == 1
    found, length = model.distribution(np.array([3, 1, 2]))
    # The bigram 2 … was never counted as a context, the trigram 1 2 … was.
    np.testing.assert_allclose(
        found, [0.125 * p + (0.75 if word == 0 else 0) for word, p in enumerate(UNIGRAMS)]
    )
    assert length == 2


def test_a_text_has_the_probabilities_of_its_distributions(model):
    ids = np.array([1, 2, 0, 3, 1, 1, 2])
    found, lengths = model.probabilities(ids)
    for place, id in enumerate(ids):
        distribution, length = model.distribution(ids[:place])
        assert found[place] == pytest.approx(distribution[id], rel=1e-6)
        assert lengths[place] == length


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ngrams/1/keys", np.array([2, 1, 0]), "ascending"),
        ("ngrams/1/keys", np.array([0, 1, SIZE]), "ascending"),
        ("ngrams/1/probabilities", np.array([0.3, 0.2, np.nan], np.float32), "finite numbers"),
        ("ngrams/2/backoffs", np.array([1.0, 2.0, 1.0], np.float32), "from 0 to 1"),
        ("ngrams/2/backoffs", np.array([1.0, 1.0], np.float32), "float32 .*length 3"),
        ("ngrams/size", None, "found none"),
    ],
)
def test_other_arrays_are_refused(model, name, value, says):
    arrays = {**model.to_arrays(), name: value}
    with pytest.raises(ArtifactError, match=f"{name}: .*{says}"):
        KneserNey.from_arrays({key: each for key, each in arrays.items() if each is not None})


def _text(seed: int, n: int, low: int, high: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, n)


def test_every_context_gives_a_distribution() -> None:
    old = count(_text(0, 300, 0, 8), 9, order=3).pruned(30)
    new = count(_text(1, 500, 3, 12), 12).model
    both = merged(old, new)
    assert (both.size, both.order, both.words) == (12, 5, 800)
    for context in ([], [1], [4, 5], [11, 3, 7], [2, 9, 9, 4]):
        before = np.array(context, np.int64)
        probabilities, _ = both.distribution(before)
        np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)
        one, _ = both.probabilities(np.append(before, 4))
        np.testing.assert_allclose(probabilities[4], one[-1], rtol=1e-4)
    assert KneserNey.from_arrays(both.to_arrays()).words == 800
    # Single words are weighted by the numbers of tokens; a context of one model alone is taken from it.
    of_both, of_old, of_new = (float(each.levels[0].backoffs[0]) for each in (both, old, new))
    np.testing.assert_allclose(of_both, 300 / 800 * of_old + 500 / 800 * of_new, rtol=1e-5)
    for model, word in ((old, 1), (new, 11)):
        mine, merged_level = model.levels[1], both.levels[1]
        place, of_merged = (each.levels[0].keys.searchsorted(word) for each in (model, both))
        np.testing.assert_allclose(merged_level.backoffs[of_merged], mine.backoffs[place], rtol=1e-6)


@pytest.mark.parametrize("many", [255, 3])
def test_it_is_the_same_model_or_nearly(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", many)
    text = np.random.default_rng(1).zipf(1.4, 4_000).astype(np.int32) % 40
    model = count(text, 41).pruned(1_500)
    same = expanded(compact(model, in_8_bits=False), 41)
    near = expanded(compact(model, in_8_bits=True), 41)
    for level, other, rounded in zip(model.levels, same.levels, near.levels, strict=True):
        np.testing.assert_array_equal(level.keys, other.keys)
        np.testing.assert_array_equal(level.probabilities, other.probabilities)
        np.testing.assert_array_equal(level.backoffs, other.backoffs)
        np.testing.assert_allclose(rounded.probabilities, level.probabilities, rtol=0.03)
        np.testing.assert_allclose(rounded.backoffs, level.backoffs, rtol=0.03)
    assert sum(each.nbytes for each in compact(model, in_8_bits=True).values()) < 8 * len(model) + 2_100
