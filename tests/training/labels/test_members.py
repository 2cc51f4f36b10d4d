"""The linear members: penalties and weights by out-of-fold predictions, together their weighted sum."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import ComplementNB

from foretell.metrics import mean_accuracy
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.training.labels import candidates as candidates_module
from foretell.training.labels import members as module
from foretell.training.labels.candidates import candidates
from foretell.training.labels.folds import make_folds
from foretell.training.labels.members import Candidate, choose, choose_all, fit_members, saved
from foretell.training.labels.tfidf_fit import CentroidFit, ComplementFit, count_features
from tests.training.labels.few import few_rows, few_tokens

NAMES = ["ngrams", "tfidf", "bayes", "centroids", "svd", "pooled"]
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_models_answer_as_the_weighted_members(n_labels: int) -> None:
    rows, tokenizer = few_rows(n_labels=n_labels)
    folds = make_folds(rows.texts, rows.targets, 5, seed=1)
    found = list(candidates(rows, few_tokens(tokenizer), seed=1))
    assert [each.name for each in found] == NAMES
    chosen = [choose(each, rows, folds) for each in found]
    members = fit_members(rows, chosen, folds)
    # The three models of TF-IDF values are one, the mean embeddings another.
    assert len(members.tfidf) == 2
    new, _ = few_rows(n=20, n_labels=n_labels)
    ids = tokenizer.encode_batch(new.texts)
    flat, starts = np.concatenate([np.array(each) for each in ids]), np.cumsum([0, *map(len, ids)])
    logs = linear_log_probabilities(members.scores(flat, starts, new.texts))
    expected: Any = 0.0
    for each in chosen:
        model: Any = each.fitted(lambda: None)
        arguments = (ids,) if each.candidate.name in ("ngrams", "svd") else (ids, new.texts)
        weight = members.metrics["members"][each.candidate.name]["weight"]
        expected = expected + weight * model.scores(*arguments)
    np.testing.assert_allclose(logs, linear_log_probabilities(np.asarray(expected)), atol=1e-3)
    assert mean_accuracy(new.targets, np.exp(logs)) > 0.9


def test_long_texts_have_no_member_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_module, "MAX_CHARACTERS", 100)
    rows, tokenizer = few_rows()
    found = list(candidates(rows, few_tokens(tokenizer), seed=1))
    assert [each.name for each in found] == ["ngrams", "svd", "pooled"]


class Distance:
    """A member whose held-out scores are the better, the nearer its strength is to the best one."""

    def __init__(self, best: float, tried: list[float], rows: Any) -> None:
        self.best, self.tried, self.rows = best, tried, rows

    def fit(self, strength: float, *_: Any) -> float:
        self.tried.append(strength)
        return 3 - abs(np.log10(strength / self.best))

    def scores(self, model: float, rows: Any) -> Any:
        return (model * (2.0 * self.rows.targets[rows] - 1))[:, None]


@pytest.mark.parametrize("best", STRENGTHS)
def test_the_search_goes_on_while_the_log_loss_falls(best: float) -> None:
    rows, _ = few_rows(n=20)
    tried: list[float] = []
    candidate = Candidate(
        name="distance",
        on=lambda _: Distance(best, tried, rows),
        finished=lambda _, model: model,
        strengths=STRENGTHS,
        first=2,
    )
    chosen = choose(candidate, rows, make_folds(rows.texts, rows.targets, 5, seed=1))
    assert chosen.strength == best
    assert chosen.path()[0] == STRENGTHS[2]
    assert chosen.path()[-1] == best
    assert len(tried) == 5 * len(set(tried))
    assert (chosen.logs.argmax(axis=1) == rows.targets).all()


def run_of(left: float, arrays: dict[str, Any] | None = None) -> Any:
    notes: list[str] = []
    return SimpleNamespace(
        budget=SimpleNamespace(left=lambda: left),
        interrupt=SimpleNamespace(check=lambda: None),
        options=SimpleNamespace(listener=lambda event: notes.append(getattr(event, "text", ""))),
        checkpoints=SimpleNamespace(
            latest=lambda: None if arrays is None else SimpleNamespace(arrays=arrays), due=lambda: False
        ),
        notes=notes,
    )


def test_a_saved_choice_is_taken_and_too_little_time_leaves_members_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, tokenizer = few_rows(n=30)
    folds = make_folds(rows.texts, rows.targets, 5, seed=1)

    def chosen(run: Any) -> Any:
        return choose_all(candidates(rows, few_tokens(tokenizer), seed=1), rows, folds, run)

    short = run_of(0.0)
    assert [each.candidate.name for each in chosen(short)] == ["ngrams"]
    assert "the time limit ended the choice of linear models after ngrams" in short.notes
    whole = chosen(run_of(float("inf")))
    monkeypatch.setattr(module, "choose", None)
    again = chosen(run_of(1.0, saved(whole)))
    assert [each.strength for each in again] == [each.strength for each in whole]
    for before, after in zip(whole, again, strict=True):
        np.testing.assert_array_equal(before.logs, after.logs)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_naive_bayes_is_that_of_scikit_learn(n_labels: int) -> None:
    rows, tokenizer = few_rows(n_labels=n_labels)
    counted = count_features(rows.tokenized, rows.texts, tokenizer.size, n_columns=n_labels)
    fit = ComplementFit(counted, np.ones(60, bool), rows.soft, rows.weights)
    scores = fit.scores(fit.fit(2.0), np.ones(60, bool))
    expected = ComplementNB(alpha=0.5).fit(fit.values, rows.targets)
    found = linear_log_probabilities(scores)
    wanted = expected._joint_log_likelihood(fit.values)
    np.testing.assert_allclose(found, wanted - np.logaddexp.reduce(wanted, axis=1)[:, None], atol=1e-3)


def test_the_nearest_centroid_wins() -> None:
    rows, tokenizer = few_rows(n_labels=3)
    counted = count_features(rows.tokenized, rows.texts, tokenizer.size, n_columns=3)
    every = np.ones(60, bool)
    fit = CentroidFit(counted, every, rows.soft, rows.weights)
    centroids = np.stack([fit.values[rows.targets == label].mean(axis=0) for label in range(3)])
    centroids -= centroids.mean(axis=0)
    cosines = fit.values @ (centroids / np.linalg.norm(centroids, axis=1, keepdims=True)).T
    scores = fit.scores(fit.fit(8.0), every)
    np.testing.assert_allclose(scores - scores.mean(axis=1, keepdims=True),
                               8 * (cosines - cosines.mean(axis=1, keepdims=True)), atol=1e-3)  # fmt: skip
