"""Dense features: the folded models give the scores of the dense ones."""

from __future__ import annotations

import numpy as np

from foretell.ngrams.counting import count_ngrams
from foretell.training.labels.dense_fit import (
    DenseFit,
    pooled_basis,
    svd_basis,
    to_linear,
    to_pooled,
)
from foretell.training.labels.tokenized import TokenizedTexts
from tests.training.labels.few import few_rows


def test_the_folded_models_have_the_scores_of_the_dense_ones() -> None:
    labelled, tokenizer = few_rows(n_labels=3)
    everything = labelled.tokenized.followed_by(labelled.unlabelled)
    counted = count_ngrams(everything.ids, everything.starts, tokenizer.size, longest=2)
    rows = np.arange(60) < 45
    ids = tokenizer.encode_batch(labelled.texts[45:])
    svd = svd_basis(counted, 60, seed=1)
    pooled = pooled_basis(everything, tokenizer.size, 60, first=tokenizer.specials, seed=1)
    assert svd is not None
    assert pooled is not None
    for basis in (svd, pooled):
        assert np.sqrt((basis.rows**2).sum(axis=1).mean()) == np.float32(1) or np.isclose(
            (basis.rows**2).sum(axis=1).mean(), 1, atol=1e-4
        )
        fit = DenseFit(basis.rows, rows, labelled.soft, labelled.weights)
        fitted = fit.fit(30.0)
        dense = fit.scores(fitted, ~rows)
        if basis.is_mean:
            folded = to_pooled(basis, fitted, tokenizer.size).scores(ids, labelled.texts[45:])
        else:
            folded = to_linear(basis, fitted, tokenizer.size, 2).scores(ids)
        np.testing.assert_allclose(folded, dense, atol=1e-3)
        assert (dense.argmax(axis=1) == labelled.targets[45:]).mean() > 0.8


def test_too_few_rows_have_no_basis() -> None:
    nothing = TokenizedTexts(ids=np.array([3, 4], np.int32), starts=np.array([0, 1, 2]))
    counted = count_ngrams(nothing.ids, nothing.starts, 10, longest=2)
    assert svd_basis(counted, 2, seed=1) is None
    assert pooled_basis(nothing, 10, 2, first=3, seed=1) is None
