"""The linear members: weighed by out-of-fold predictions, and together as good as what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.metrics import mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.labels.candidates import LabelledTexts, candidates
from foretell.training.labels.folds import make_folds
from foretell.training.labels.member_search import choose
from foretell.training.labels.members import fit_members
from tests.training.labels.few import few_texts


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_models_answer_as_the_weighted_members(n_labels: int) -> None:
    labelled, tokenizer = few_texts(n_labels=n_labels)
    folds = make_folds(labelled.texts, labelled.targets, 5, seed=1)
    found = list(candidates(labelled, tokenizer.size, first=tokenizer.specials, seed=1))
    assert [each.name for each in found] == ["ngrams", "tfidf", "bayes", "centroids", "svd", "pooled"]
    chosen = [choose(each, labelled, folds) for each in found]
    members = fit_members(labelled, chosen, folds)
    # The three models of TF-IDF values are one, the mean embeddings another.
    assert len(members.tfidf) == 2
    new, _ = few_texts(n=20, n_labels=n_labels)
    ids = tokenizer.encode_batch(new.texts)
    flat, starts = np.concatenate([np.array(each) for each in ids]), np.cumsum([0, *map(len, ids)])
    logs = linear_log_probabilities(members.scores(flat, starts, new.texts))
    every, expected = np.ones(60, bool), 0.0
    for each in chosen:
        fit = each.candidate.on(every)
        model = None
        for strength in each.path():
            model = fit.fit(strength, model)
        assert strength == each.strength
        model = each.candidate.finished(fit, model)
        arguments = (ids,) if each.candidate.name in ("ngrams", "svd") else (ids, new.texts)
        weight = members.figures["members"][each.candidate.name]["weight"]
        expected = expected + weight * model.scores(*arguments)
    np.testing.assert_allclose(logs, linear_log_probabilities(np.asarray(expected)), atol=1e-3)
    assert mean_accuracy(new.targets, np.exp(logs)) > 0.9


def test_out_of_fold_answers_do_not_know_their_labels() -> None:
    labelled, tokenizer = few_texts()
    rng = np.random.default_rng(0)
    by_chance = LabelledTexts(
        texts=labelled.texts,
        tokenized=labelled.tokenized,
        targets=rng.integers(0, 2, 60).astype(np.int32),
        soft=np.zeros((60, 2), np.float32),
        weights=labelled.weights,
        unlabelled=labelled.unlabelled,
    )
    by_chance.soft[np.arange(60), by_chance.targets] = 1
    folds = make_folds(by_chance.texts, by_chance.targets, 5, seed=1)
    found = list(candidates(by_chance, tokenizer.size, first=tokenizer.specials, seed=1))
    members = fit_members(by_chance, [choose(each, by_chance, folds) for each in found], folds)
    assert members.figures["linear_log_loss"] > 0.6
    assert members.figures["linear_accuracy"] < 0.75
