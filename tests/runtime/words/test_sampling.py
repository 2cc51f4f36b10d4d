from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import ArtifactError
from foretell.runtime.words import sampling
from foretell.runtime.words.scoring import log_probabilities_of

FEW = settings(max_examples=30, deadline=None)

# Few distinct values, so that ties are common, and some words ruled out.
VALUES = st.one_of(
    st.floats(-20, 20, allow_nan=False), st.sampled_from([-3.0, -1.0, 0.0, 1.0]), st.just(-math.inf)
)
DISTRIBUTIONS = (
    st.lists(VALUES, min_size=1, max_size=300)
    .filter(lambda values: max(values) > -math.inf)
    .map(lambda values: sampling.log_softmax(np.array(values)))
)


def by_likelihood(logp: np.ndarray) -> list[int]:
    """The slow definition of the order: likeliest first, equally likely by id."""
    return sorted(range(len(logp)), key=lambda word: (-logp[word], word))


def kept(logp: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.isfinite(logp)).tolist())


@FEW
@given(DISTRIBUTIONS, st.integers(0, 310))
def test_top_k_keeps_the_k_likeliest(logp: np.ndarray, k: int) -> None:
    expected = by_likelihood(logp)[: k or None]
    assert kept(sampling.keep_top_k(logp, k)) == kept(logp) & set(expected)
    assert sampling.top_ids(logp, k).tolist() == [
        word for word in expected if np.isfinite(logp[word])
    ]


@FEW
@given(DISTRIBUTIONS, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logp: np.ndarray, p: float) -> None:
    chosen = kept(sampling.keep_top_p(logp, p))
    order = by_likelihood(logp)
    assert chosen == kept(logp) & set(order[: len(chosen)])
    sums = np.cumsum(np.exp(logp[order]))
    assert sums[len(chosen) - 1] >= p - 1e-9
    assert len(chosen) == 1 or p == 1 or sums[len(chosen) - 2] < p + 1e-9


@FEW
@given(DISTRIBUTIONS, st.floats(0, 1))
def test_min_p_keeps_what_is_likely_enough(logp: np.ndarray, p: float) -> None:
    probabilities = np.exp(logp)
    chosen = kept(sampling.keep_min_p(logp, p))
    floor = p * probabilities.max()
    assert int(logp.argmax()) in chosen
    assert all(probabilities[word] >= floor * (1 - 1e-9) for word in chosen)
    assert all(probabilities[word] <= floor * (1 + 1e-9) for word in kept(logp) - chosen)


@FEW
@given(DISTRIBUTIONS, st.floats(0.05, 20))
def test_temperature_raises_probabilities_to_its_inverse(
    logp: np.ndarray, temperature: float
) -> None:
    expected = np.exp(logp - logp.max()) ** (1 / temperature)
    found = np.exp(sampling.log_softmax(sampling.apply_temperature(logp, temperature)))
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-9)
    # A tiny temperature leaves the most probable ones.
    for kind in (np.float32, np.float64):
        coldest = np.exp(
            sampling.log_softmax(sampling.apply_temperature(logp.astype(kind), 1e-300))
        )
        likeliest = logp.astype(kind) == logp.astype(kind).max()
        np.testing.assert_allclose(coldest, likeliest / likeliest.sum())


@FEW
@given(DISTRIBUTIONS, st.data(), st.floats(0.1, 5))
def test_repetition_penalty_raises_seen_words_to_its_power(
    logp: np.ndarray, data: st.DataObject, penalty: float
) -> None:
    seen = np.array(data.draw(st.lists(st.integers(0, len(logp) - 1))), np.int64)
    before = logp.copy()
    penalized = np.exp(sampling.penalize_repetition(logp, seen, penalty))
    for word, probability in enumerate(np.exp(logp)):
        expected = probability**penalty if word in seen else probability
        assert penalized[word] == pytest.approx(expected)
    np.testing.assert_array_equal(logp, before)


@FEW
@given(DISTRIBUTIONS, st.floats(0, 1, exclude_max=True), st.sampled_from([np.float32, np.float64]))
def test_a_choice_is_the_word_at_that_part_of_all_probability(
    logp: np.ndarray, number: float, kind: type
) -> None:
    logp = logp.astype(kind)
    word = sampling.draw(logp, SimpleNamespace(random=lambda: number))  # type: ignore[arg-type]
    sums = np.cumsum(np.exp(logp.astype(np.float64)))
    before = sums[word - 1] if word else 0.0
    assert logp[word] > -np.inf
    assert before - 1e-6 <= number * sums[-1] <= sums[word] + 1e-6


def test_a_word_that_is_all_there_is_cannot_be_ruled_out() -> None:
    logp = np.array([0.0, -np.inf])
    assert kept(sampling.rule_out(logp, [0])) == {0}
    assert kept(sampling.rule_out(np.log([0.5, 0.5]), [0])) == {1}


@pytest.mark.parametrize("shift", [0.0, 60.0, 95.0, -60.0, -95.0, 3e4, -3e4])
def test_log_probabilities_of_logits_of_any_size(shift: float) -> None:
    rng = np.random.default_rng(0)
    logits = (rng.normal(0, 5, (40, 300)) + shift).astype(np.float32)
    logits[::2] -= np.float32(2 * shift)
    words = rng.integers(300, size=40)
    exact = sampling.log_softmax(logits.astype(np.float64))
    found = log_probabilities_of(logits, words)
    np.testing.assert_allclose(found, exact[np.arange(40), words], atol=1e-4)


@pytest.mark.parametrize("logit", [math.inf, math.nan, -math.inf])
def test_logits_that_are_not_finite_are_refused(logit: float) -> None:
    logits = np.zeros((2, 3), np.float32)
    logits[1, 2] = logit
    if logit == -math.inf:
        # A word may be impossible, but not each of them.
        assert np.isfinite(sampling.log_softmax(logits)[1, 0])
        logits[1] = logit
    with pytest.raises(ArtifactError, match="finite logits"):
        sampling.log_softmax(logits)
    with pytest.raises(ArtifactError, match="finite logits"):
        log_probabilities_of(logits, np.zeros(2, np.int64))


def test_top_p_is_of_what_top_k_has_left() -> None:
    logp = np.log([0.4, 0.3, 0.2, 0.1])
    both = sampling.Sampling(top_k=2, top_p=0.55)
    random = np.random.default_rng(1)
    # The first has 0.57 of the two.
    assert {sampling.sample_id(logp, both, random) for _ in range(50)} == {0}
