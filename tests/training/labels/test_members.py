"""The linear members: their optimum beside slow references and scikit-learn, their choice, their
sum.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB

import foretell.training.labels.linear_fit as linear_fit
import foretell.training.labels.logistic as logistic
from foretell.metrics import mean_accuracy
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.keys import flat
from foretell.training.labels import candidates, tfidf_fit
from foretell.training.labels import members as module
from foretell.training.labels.candidates import Features, own_members
from foretell.training.labels.corpus import LabelsCorpus
from foretell.training.labels.dense_fit import Basis, idf_of, mean_basis, svd_basis
from foretell.training.labels.linear_fit import fit_counted, fit_ngrams
from foretell.training.labels.logistic import Design, LinearWeights, LogisticFit, ignore
from foretell.training.labels.members import (
    Evidence,
    Member,
    choose,
    choose_all,
    fit_ensembled,
    nested_logits,
)
from foretell.training.labels.plan import Plan
from foretell.training.labels.rows import Rows
from foretell.training.labels.tfidf_fit import CentroidFit, ComplementFit, TfidfValues
from foretell.training.labels.tokens import TokenizedTexts
from tests.training.labels.few import FewTraining, corpus_of, evidence, few_corpus

NAMES = ["words", "bayes", "centroids", "ngrams", "tfidf", "svd", "pooled"]
MEMBERS = ("words", "bayes", "centroids", "ngrams", "tfidf", "svd", "embeddings")

WEIGHTS = np.linspace(0.005, 0.3, len(NAMES))
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def members_of(corpus: LabelsCorpus) -> list[Member]:
    features = Features(corpus=corpus, n_texts=corpus.n_given)
    plan = Plan(members=MEMBERS, dense_tokens=1_000_000)
    return list(own_members(plan, features, np.zeros(len(corpus), bool), seed=1))


@pytest.mark.parametrize(("tokens", "read"), [(0, 0), (80, 10), (1_000_000, 40)])
def test_dense_vectors_are_made_of_unlabelled_texts_up_to_a_number_of_tokens(
    tokens: int, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = few_corpus(n=60, n_unlabelled=40)
    counted: list[Any] = []

    def made(found: Any, *rest: Any) -> Basis:
        counted.append(found)
        return svd_basis(found, *rest)

    monkeypatch.setattr(candidates, "svd_basis", made)
    seen = np.ones(len(corpus), bool)
    assert candidates.dense_member("svd", corpus, corpus.labelled, tokens, seen, 1)
    assert counted[0].n_texts == 60 + read


def test_of_many_texts_words_are_learned_from_those_that_are_drawn() -> None:
    corpus = few_corpus(n=60)
    drawn = np.arange(len(corpus)) % 3 == 0
    features = Features(corpus=corpus, n_texts=60, drawn=drawn)
    (source,) = candidates.word_member(features, corpus.labelled, 4).sources
    assert source(np.arange(len(corpus)) < 30).texts.tolist() == list(range(0, 30, 3))


def test_a_larger_strength_gives_larger_weights() -> None:
    corpus = few_corpus(n_labels=3)
    member = members_of(corpus)[NAMES.index("ngrams")]
    fits = member.prepared(np.ones(len(corpus), bool))
    sizes = [np.linalg.norm(fits.at(each, ignore).model().weights) for each in (0.1, 1.0, 10.0)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_weight_is_that_part_of_a_text() -> None:
    """Each text twice, and half as often again by its weight or by a third copy of every text."""
    texts = few_corpus(n=30).texts[:30]
    labels = [place % 2 for place in range(30)]
    found = []
    for copies, weights in ((4, [1.0, 1.0, 0.5, 0.5]), (3, [1.0, 1.0, 1.0])):
        corpus = corpus_of(texts * copies, labels * copies, [], "ab")
        rows = replace(corpus.labelled(np.ones(len(corpus), bool)), weight=np.repeat(weights, 30))
        counted = Features(corpus=corpus, n_texts=len(corpus)).ngrams
        model = linear_fit.NgramFit(counted, rows).fit(1.0)
        found.append(model.scores(corpus.tokenizer.encode_batch(texts)))
    np.testing.assert_allclose(*found, atol=0.01)


def test_a_model_times_a_factor_has_scores_times_it() -> None:
    features = np.eye(3, dtype=np.float32)
    fitted = LinearWeights(np.arange(6, dtype=np.float32).reshape(3, 2), np.ones(2, np.float32))
    np.testing.assert_allclose(fitted.times(2.5).scores(features), 2.5 * fitted.scores(features))


def test_ngrams_are_left_out_by_weight_and_by_how_many_texts_have_them() -> None:
    weights = np.array([[1.0], [-1.0], [0.001], [1.0]], np.float32)
    kept = linear_fit.influential(weights, np.array([1, 5_000, 5_000, 2]))
    assert kept.tolist() == [1]


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_models_answer_as_the_weighted_members(
    n_labels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small weight counts, too.
    monkeypatch.setattr(Evidence, "pool_weights", lambda _, logits: WEIGHTS[: len(logits)])
    corpus = few_corpus(n_labels=n_labels)
    found = members_of(corpus)
    assert [each.name for each in found] == NAMES
    held = evidence(corpus)
    chosen = [choose(each, held) for each in found]
    members = fit_ensembled(chosen, held)
    # The three models of the same TF-IDF values are one, that of words and the mean embeddings others.
    assert len(members.tfidf) == 3
    texts = few_corpus(n=20, n_labels=n_labels).texts[:20]
    ids = corpus.tokenizer.encode_batch(texts)
    flat = np.concatenate([np.array(each) for each in ids])
    starts = np.cumsum([0, *map(len, ids)])
    logs = linear_log_probabilities(members.scores(flat, starts, texts))
    expected: Any = 0.0
    for each in chosen:
        model: Any
        (model,) = each.models(ignore)
        arguments = (ids,) if each.name in ("ngrams", "svd") else (ids, texts)
        expected = expected + members.weights[each.name] * model.scores(*arguments)
    np.testing.assert_allclose(logs, linear_log_probabilities(np.asarray(expected)), atol=1e-3)
    assert mean_accuracy(np.arange(20) % n_labels, np.exp(logs)) > 0.9
    # What is measured has weights of the other folds.
    nested = nested_logits(np.stack([each.logits for each in chosen]), held)
    np.testing.assert_array_equal(members.logits, nested)


class Distance:
    """A member whose held-out scores are the better, the nearer its strength is to the best one."""

    def __init__(self, best: float, tried: list[float], corpus: LabelsCorpus) -> None:
        self.best = best
        self.tried = tried
        self.truth = corpus.rows.truth()

    def fit(self, strength: float, *_: Any) -> float:
        self.tried.append(strength)
        return 3 - abs(np.log10(strength / self.best))

    def scores(self, parameters: float, texts: Any) -> Any:
        return (parameters * (2.0 * self.truth[texts] - 1))[:, None]

    def model(self, parameters: float) -> Any:
        return parameters


@pytest.mark.parametrize("best", STRENGTHS)
def test_the_search_goes_on_while_the_log_loss_falls(best: float) -> None:
    corpus = few_corpus(n=20)
    tried: list[float] = []
    member = Member(
        name="distance",
        prepare=lambda *_: Distance(best, tried, corpus),
        sources=(corpus.labelled,),
        strengths=STRENGTHS,
        first=2,
    )
    held = evidence(corpus)
    chosen = choose(member, held)
    assert chosen.strength == best
    assert len(tried) == 5 * len(set(tried))
    assert (chosen.logits.argmax(axis=1) == held.targets).all()
    # The last fit begins where the search began.
    tried.clear()
    chosen.models(ignore)
    places = [STRENGTHS.index(strength) for strength in tried]
    assert (places[0], places[-1]) == (2, STRENGTHS.index(best))
    assert set(map(abs, np.diff(places))) <= {1}


def test_the_penalty_of_a_text_is_chosen_by_the_other_folds() -> None:
    """Scores that only suit one fold: its own texts are answered with another penalty."""
    corpus = few_corpus(n=20)
    held = evidence(corpus, n_folds=2)

    class Lucky(Distance):
        def scores(self, parameters: float, texts: Any) -> Any:
            own = held.folds.fold_of[texts] == (0 if parameters > 2.5 else 1)
            return np.where(own, 5.0, -5.0)[:, None] * (2.0 * self.truth[texts, None] - 1)

    member = Member(
        name="lucky",
        prepare=lambda *_: Lucky(1.0, [], corpus),
        sources=(corpus.labelled,),
        strengths=(1.0, 1000.0),
        first=0,
    )
    assert mean_accuracy(held.targets, choose(member, held).logits) == 0
    # So are the weights of two members, each of which suits one fold.
    right = 6 * np.eye(2)[held.targets] - 3
    pair = [np.where((held.fold_of == fold)[:, None], right, -right) for fold in (0, 1)]
    assert mean_accuracy(held.targets, nested_logits(np.stack(pair), held)) == 0


def test_a_saved_choice_is_taken_and_too_little_time_leaves_members_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus = few_corpus(n=30)
    held = evidence(corpus)

    def chosen(training: Any) -> Any:
        return choose_all(members_of(corpus), held, training, searches=True)

    short = FewTraining(left=0.0)
    enough = FewTraining()
    assert [each.name for each in chosen(short)] == ["words"]
    assert "the time limit ended the choice of linear models after words" in short.notes
    whole = chosen(enough)
    choose_one = module.choose

    def endless(member: Member, _: Any, check: Any, **how: Any) -> Any:
        while member.name != "words":
            check()
        return choose_one(member, held, check, **how)

    monkeypatch.setattr(module, "choose", endless)
    assert [each.name for each in chosen(FewTraining(left=1.0))] == ["words"]
    monkeypatch.setattr(module, "choose", None)
    again = chosen(FewTraining(before=enough.stages.arrays))
    assert [each.strength for each in again] == [each.strength for each in whole]
    for before, after in zip(whole, again, strict=True):
        np.testing.assert_array_equal(before.logits, after.logits)


@pytest.mark.parametrize("name", ["words", "bayes", "ngrams", "tfidf"])
def test_without_time_the_first_member_is_fitted_to_its_end(name: str) -> None:
    corpus = few_corpus(n=60)
    held = evidence(corpus)
    members = [each for each in members_of(corpus) if each.name == name]
    late, whole = (
        choose_all(members, held, FewTraining(left=left), searches=False)[0] for left in (0.0, 1e9)
    )
    np.testing.assert_array_equal(late.logits, whole.logits)
    assert mean_accuracy(held.targets, late.logits) > 0.8


def test_of_many_labels_the_first_member_knows_every_one() -> None:
    labels = [i // 2 for i in range(240)]
    texts = [f"product number {label} article {label} again" for label in labels]
    corpus = corpus_of(texts, labels, (), [f"{label:03}" for label in range(120)])
    (first,) = choose_all(
        members_of(corpus), evidence(corpus, 2), FewTraining(left=0.0), searches=True
    )
    assert first.name == "words"
    (model,) = first.models(ignore)
    scores = model.scores(corpus.tokenizer.encode_batch(texts), texts)  # type: ignore[call-arg]
    assert (scores.argmax(axis=1) == labels).mean() > 0.99


def on_values(kind: Any, n_labels: int, n: int = 60) -> tuple[LabelsCorpus, Any, Any]:
    """Return texts, and a fit to the TF-IDF values of the first ones."""
    corpus = few_corpus(n_labels=n_labels)
    counted = Features(corpus=corpus, n_texts=60).tfidf
    rows = corpus.labelled(np.arange(len(corpus)) < n)
    values = TfidfValues(counted, rows.texts, np.arange(len(corpus)) < n)
    return corpus, rows, kind(values, rows, values.model)


EVERY = np.arange(60)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_naive_bayes_is_that_of_scikit_learn(n_labels: int) -> None:
    _, rows, fit = on_values(ComplementFit, n_labels)
    found = linear_log_probabilities(fit.scores(fit.fit(2.0), EVERY))
    expected = ComplementNB(alpha=0.5).fit(fit.features, rows.truth())
    wanted = expected._joint_log_likelihood(fit.features)
    np.testing.assert_allclose(
        found, wanted - np.logaddexp.reduce(wanted, axis=1)[:, None], atol=1e-3
    )


def test_the_nearest_centroid_wins() -> None:
    _, rows, fit = on_values(CentroidFit, 3)
    truth = rows.truth()
    centroids = np.stack([fit.features[truth == label].mean(axis=0) for label in range(3)])
    centroids -= centroids.mean(axis=0)
    cosines = fit.features @ (centroids / np.linalg.norm(centroids, axis=1, keepdims=True)).T
    scores = fit.scores(fit.fit(8.0), EVERY)
    wanted = 8 * (cosines - cosines.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(scores - scores.mean(axis=1, keepdims=True), wanted, atol=1e-3)


@pytest.mark.parametrize("most", [1_000_000, 40])
def test_centroids_of_many_labels_are_cosines_of_all_words(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfidf_fit, "MAX_WEIGHTS", most)
    corpus = few_corpus(n_labels=3)
    rows = corpus.labelled(np.arange(len(corpus)) < 45)
    features = Features(corpus=corpus, n_texts=60)
    inside = np.arange(len(corpus)) < 45
    (member,) = own_members(Plan(members=("sparse_centroids",)), features, ~inside, seed=1)
    fit: Any = member.prepare(rows, inside)
    found = fit.fit(5.0)
    others = np.arange(45, 60)
    counts = features.every_word.matrix.toarray()
    words = features.every_word.features.words
    idf = idf_of((counts[:45] > 0).sum(axis=0), 45) * (counts[:45] > 0).any(axis=0)
    values = counts * idf * np.where(words < corpus.tokenizer.size, 1, 0.5)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    centroids = np.stack([values[:45][rows.truth() == label].sum(axis=0) for label in range(3)])
    centroids *= 5 / np.linalg.norm(centroids, axis=1, keepdims=True)
    centroids[centroids < np.sort(centroids.ravel())[-most:][0]] = 0
    scores = fit.scores(found, others)
    np.testing.assert_allclose(scores, values[others] @ centroids.T, atol=1e-4)
    texts = corpus.texts_at(others)
    model = fit.model(found)
    np.testing.assert_allclose(
        model.scores(corpus.tokenizer.encode_batch(texts), texts), scores, atol=1e-4
    )


def test_a_centroid_counts_by_the_share_of_its_label() -> None:
    corpus = corpus_of(["a b", "a c", "a d", "e f"], [0, 0, 0, 1], [], "xy")
    rows = corpus.labelled(np.ones(4, bool))
    counted = tfidf_fit.count_every_word(corpus.tokenized, corpus.tokenizer.size)
    values = TfidfValues(counted, rows.texts, np.ones(4, bool))
    bias = tfidf_fit.SparseCentroidFit(values, rows, values.model).fit(1.0).bias
    assert bias[0] - bias[1] == pytest.approx(np.log(3.5 / 1.5))


def test_vocabulary_and_idf_are_those_of_the_chosen_texts_and_scores_those_of_predictions() -> None:
    corpus, _, fit = on_values(LogisticFit, 3, n=40)
    fitted = fit.fit(10.0)
    model = fit.model(fitted)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    vectorizer.fit(corpus.texts[:40])
    n_words = len(model.features.words)
    assert n_words == len(vectorizer.vocabulary_)
    np.testing.assert_allclose(np.sort(model.idf[:n_words]), np.sort(vectorizer.idf_), rtol=1e-5)
    others = corpus.texts[40:60]
    predicted = model.scores(corpus.tokenizer.encode_batch(others), others)
    np.testing.assert_allclose(fit.scores(fitted, np.arange(40, 60)), predicted, atol=1e-4)
    assert (predicted.argmax(axis=1) == corpus.rows.truth()[40:]).mean() > 0.9


def test_the_folded_models_have_the_scores_of_the_dense_ones() -> None:
    corpus = few_corpus(n_labels=3)
    everything = corpus.tokenized
    size = corpus.tokenizer.size
    counted = count_ngrams(everything.ids, everything.starts, size, longest=2)
    rows = corpus.labelled(np.arange(len(corpus)) < 45)
    others = np.arange(45, 60)
    texts = corpus.texts_at(others)
    ids = corpus.tokenizer.encode_batch(texts)
    every = np.ones(len(corpus), bool)
    svd = svd_basis(counted, 60, 1, every)
    pooled = mean_basis(everything, size, 60, every, first=corpus.tokenizer.specials, seed=1)
    for basis in (svd, pooled):
        assert (basis.rows**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)
        fit = LogisticFit(lambda texts, of=basis.rows: of[texts], rows)
        fitted = fit.fit(30.0)
        dense = fit.scores(fitted, others)
        model: Any = basis.model(fitted, size)
        folded = model.scores(ids, texts) if basis.is_mean else model.scores(ids)
        np.testing.assert_allclose(folded, dense, atol=1e-3)
        assert (dense.argmax(axis=1) == corpus.rows.truth()[45:]).mean() > 0.8


def test_too_few_rows_have_no_basis() -> None:
    nothing = TokenizedTexts(ids=np.array([3, 4], np.int32), starts=np.array([0, 1, 2]))
    counted = count_ngrams(nothing.ids, nothing.starts, 10, longest=2)
    every = np.ones(2, bool)
    assert not len(svd_basis(counted, 2, 1, every).keys)
    assert not len(mean_basis(nothing, 10, 2, every, first=3, seed=1).keys)


@pytest.mark.parametrize("has_one_basis", [False, True])
@pytest.mark.parametrize("name", [*MEMBERS, "sparse_centroids"])
def test_held_out_texts_have_no_part_in_what_answers_them(
    name: str, has_one_basis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words of held-out texts change places. No label shows it, and yet a basis or a choice of
    features that has seen these texts answers them better than new ones.
    """
    monkeypatch.setattr(tfidf_fit, "_MANY_TEXTS", 10)
    corpus = few_corpus()
    words = [word for text in corpus.texts[45:60] for word in text.split()]
    random.Random(1).shuffle(words)
    texts = [*corpus.texts[:45], *(" ".join(words[at : at + 8]) for at in range(0, 120, 8))]
    other = corpus_of(texts, corpus.rows.truth().tolist(), corpus.texts[60:], corpus.labels)
    inside = (np.arange(100) < 45) | (np.arange(100) >= 60)
    plan = Plan(members=(name,), dense_tokens=1_000_000, has_one_basis=has_one_basis)
    scores = []
    for each in (corpus, other):
        (member,) = own_members(plan, Features(corpus=each, n_texts=60), ~inside, seed=1)
        fitted = member.prepared(inside).at(member.strengths[member.first])
        scores.append(fitted.scores(np.arange(45)))
    assert sorted(other.texts) != sorted(corpus.texts)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


SIZE = 12


def made(n_texts=40, n_labels=2, seed=0, soft=True):
    """Texts whose words lean towards their label, with soft targets."""
    rng = np.random.default_rng(seed)
    labels = np.append(np.arange(n_labels), rng.integers(0, n_labels, n_texts - n_labels))
    texts = [
        np.clip(rng.integers(2, 8, 9) + rng.integers(0, 2) * k, 2, 11).tolist() for k in labels
    ]
    targets = 0.8 * np.eye(n_labels)[labels] + 0.2 / n_labels if soft else np.eye(n_labels)[labels]
    return texts, targets, labels


def dense(counted):
    """The matrix [text, feature] of zeros and ones."""
    matrix = np.zeros((counted.n_texts, len(counted.keys)))
    for feature, (a, b) in enumerate(zip(counted.starts, counted.starts[1:], strict=False)):
        matrix[counted.texts[a:b], feature] = 1
    return matrix


def reference(matrix, targets, weights, penalty=3.0, count_penalty=0.01):
    """Weights [feature, column] and bias [column], feature by feature and by a general
    optimiser.
    """
    n_labels = targets.shape[1]
    share = (weights @ targets + 0.5) / (weights.sum() + 0.5 * n_labels)
    columns = [1] if n_labels == 2 else range(n_labels)
    scale = np.zeros((matrix.shape[1], len(columns)))
    for column, label in enumerate(columns):
        of_label = (weights * targets[:, label]) @ matrix + 2 * share[label]
        of_others = (weights * (1 - targets[:, label])) @ matrix + 2 * (1 - share[label])
        for feature, count in enumerate(weights @ matrix):
            p = of_label[feature] / of_label.sum()
            q = of_others[feature] / of_others.sum()
            ratio = math.log(p / q)
            scale[feature, column] = ratio / math.sqrt(penalty + count_penalty * count * ratio**2)
    start = np.log(share[1:] / share[:1]) if n_labels == 2 else np.log(share)

    def unpacked(flat_parameters):
        u = flat_parameters.reshape(-1, len(columns))
        return scale * u[:-1], start + 10 * u[-1]

    def objective(flat_parameters):
        found, bias = unpacked(flat_parameters)
        scores = matrix @ found + bias
        if n_labels == 2:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        losses = -(targets * log_softmax(scores, axis=1)).sum(axis=1)
        return weights @ losses + (flat_parameters**2).sum() / 2

    first = np.zeros((matrix.shape[1] + 1) * len(columns))
    options = {"maxiter": 2000, "maxfun": 10**7, "ftol": 1e-15, "gtol": 1e-7}
    return unpacked(minimize(objective, first, method="L-BFGS-B", options=options).x)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_optimum_is_that_of_a_slow_reference(monkeypatch, n_labels):
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-6)
    monkeypatch.setattr(linear_fit, "_NEGLIGIBLE", 0)
    texts, targets, _ = made(25, n_labels)
    weights = np.random.default_rng(3).random(len(texts)) + 0.5
    counted = count_ngrams(*flat(texts), SIZE, longest=2)
    model = fit_counted(counted, targets, weights)
    expected, bias = reference(dense(counted), targets, weights)
    np.testing.assert_array_equal(model.keys, counted.keys)
    np.testing.assert_allclose(model.weights, expected, atol=2e-3)
    # A softmax does not see what is added to every label.
    free = 0 if n_labels == 2 else 1
    np.testing.assert_allclose(
        model.bias - free * model.bias.mean(), bias - free * bias.mean(), atol=2e-3
    )


def test_a_text_of_weight_zero_has_no_part():
    texts, targets, labels = made(60)
    wrong = np.eye(2)[1 - labels[:20]]
    weights = np.append(np.ones(60), np.zeros(20))
    counted = count_ngrams(*flat(texts + texts[:20]), SIZE)
    with_them = fit_counted(counted, np.concatenate([targets, wrong]), weights)
    without = fit_ngrams(*flat(texts), targets, SIZE)
    np.testing.assert_array_equal(with_them.scores(texts), without.scores(texts))


def test_the_same_again_is_identical(monkeypatch):
    texts, targets, _ = made(300, 3)
    first = fit_ngrams(*flat(texts), targets, SIZE)
    np.testing.assert_array_equal(fit_ngrams(*flat(texts), targets, SIZE).weights, first.weights)
    # Nor do threads change anything.
    monkeypatch.setattr(linear_fit, "_FEW_ENTRIES", 0)
    np.testing.assert_array_equal(fit_ngrams(*flat(texts), targets, SIZE).weights, first.weights)


@pytest.mark.parametrize("n_labels", [2, 5])
def test_a_label_without_texts_is_unlikely_and_finite(n_labels):
    texts, targets, _ = (
        made(50, n_labels - 1) if n_labels > 2 else ([[3, 4], [5, 6]] * 9, np.ones((18, 1)), 0)
    )
    model = fit_ngrams(*flat(texts), np.append(targets, np.zeros((len(targets), 1)), axis=1), SIZE)
    scores = model.scores(texts)
    assert np.isfinite(scores).all()
    if n_labels == 2:
        assert (scores < -2).all()
    else:
        assert (scores.argmax(axis=1) < n_labels - 1).all()


RNG = np.random.default_rng(1)


def fit_logistic(
    matrix: Any, targets: Any, weights: Any, strength: float, start: Any = None, **more: Any
) -> LinearWeights:
    """Return logistic regression on all rows of a matrix."""
    has_several = np.ndim(weights) > 1
    text, label = np.nonzero(weights if has_several else targets)
    rows = Rows(
        text=text.astype(np.int32),
        label=label.astype(np.int32),
        target=targets[text, label].astype(np.float32),
        weight=weights[text, label] if has_several else weights[text],
        n_labels=targets.shape[1],
        has_several=has_several,
    )
    return LogisticFit(lambda texts: matrix[texts], rows).fit(strength, start, **more)


def made_matrix(n_labels: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_labels)
    matrix = rng.normal(size=(n, 5)).astype(np.float32)
    return matrix, (matrix[:, :n_labels].argmax(axis=1) + rng.integers(0, 2, n)) % n_labels


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_optimum_is_scikit_learns(
    n_labels: int, is_sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "_TOLERANCE", 1e-6)
    monkeypatch.setattr(logistic, "FREE", 1e3)
    matrix, targets = made_matrix(n_labels)
    expected = (
        LogisticRegression(C=0.7, tol=1e-10, max_iter=5000)
        .fit(matrix, targets)
        .predict_proba(matrix)
    )
    given = sparse.csr_array(matrix) if is_sparse else matrix
    fitted = fit_logistic(given, np.eye(n_labels)[targets], np.ones(len(targets)), 0.7)
    scores = matrix @ fitted.weights + fitted.bias
    if n_labels == 2:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    found = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_weight_is_a_repetition_and_soft_targets_are_two_texts() -> None:
    matrix, targets = made_matrix(3)
    hard = np.eye(3)[targets]
    weights = np.ones(len(targets))
    weights[:10] = 2
    once = fit_logistic(matrix, hard, weights, 1.0)
    longer = np.concatenate([matrix, matrix[:10]])
    twice = fit_logistic(longer, np.concatenate([hard, hard[:10]]), np.ones(70), 1.0)
    np.testing.assert_allclose(once.weights, twice.weights, atol=0.02)
    soft = np.full((1, 3), [0.5, 0.5, 0.0])
    mixed = fit_logistic(matrix[:1], soft, np.ones(1), 1.0)
    scores = (matrix[:1] @ mixed.weights + mixed.bias)[0]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert scores[0] > scores[2]


def test_a_check_that_raises_stops_the_fit() -> None:
    def check() -> None:
        raise TimeoutError

    matrix, targets = made_matrix(2)
    with pytest.raises(TimeoutError):
        fit_logistic(matrix, np.eye(2)[targets], np.ones(60), 1.0, check=check)
    late = iter([False] * 3 + [True] * 9)
    early = fit_logistic(matrix, np.eye(2)[targets], np.ones(60), 1.0, check=lambda: next(late))
    assert np.isfinite(early.weights).all()


def test_many_labels_and_a_weak_penalty_take_few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 1200
    n_labels = 60
    n_words = 300
    strength = 100.0
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(n_labels), n // n_labels)
    # Ten words a text: each is the label's own, or with a probability of 85 % any word.
    words = np.where(
        rng.random((n, 10)) < 0.15, targets[:, None], rng.integers(0, n_words, (n, 10))
    )
    entries = np.ones(words.size, np.float32), (np.repeat(np.arange(n), 10), words.ravel())
    matrix = sparse.csr_array(entries, shape=(n, n_words))
    hard = np.eye(n_labels)[targets]
    products = list[int]()
    multiply = Design.scores
    monkeypatch.setattr(Design, "scores", lambda *given: products.append(1) or multiply(*given))
    fitted = fit_logistic(matrix, hard, np.ones(n), strength)
    probabilities = softmax(matrix @ fitted.weights + fitted.bias, axis=1)
    gradient = matrix.T @ (probabilities - hard) + fitted.weights / strength
    at_zero = matrix.T @ (1 / n_labels - hard)
    assert np.linalg.norm(gradient) <= 0.011 * np.linalg.norm(at_zero)
    # It takes 33. With the curvature where each step begins it takes 85.
    assert 0 < len(products) <= 50


def test_each_column_is_the_logistic_regression_of_scikit_learn() -> None:
    features = RNG.normal(0, 1, (200, 5)).astype(np.float32)
    scores = features @ RNG.normal(0, 1, (5, 3))
    targets = (RNG.random((200, 3)) < 1 / (1 + np.exp(-scores))).astype(np.float32)
    weights = np.ones((200, 3))
    weights[:50, 1] = 0
    found = fit_logistic(features, targets, weights, 1.0)
    for column in range(3):
        known = weights[:, column] > 0
        given = features[known].astype(np.float64)
        expected = LogisticRegression(C=1.0, tol=1e-8).fit(given, targets[known, column])
        np.testing.assert_allclose(found.weights[:, column], expected.coef_[0], atol=0.03)
    # What is unknown has no effect.
    targets[:50, 1] = 1 - targets[:50, 1]
    again = fit_logistic(features, targets, weights, 1.0)
    np.testing.assert_array_equal(found.weights, again.weights)


def test_the_label_of_a_text_is_known_where_other_folds_have_it() -> None:
    texts = ["a one", "a two", "b one", "a three", "B  ONE", "c one", "c two"]
    corpus = corpus_of(texts, [0, 0, 1, 0, 1, 2, 2], [], "abc")
    # The text of the second label is there twice, and so its copies are held out together.
    held = evidence(corpus, n_folds=3)
    np.testing.assert_array_equal(held.known, np.array([0, 0, 1, 0, 1, 2, 2]) != 1)
    some = held.of(np.arange(7) > 3)
    np.testing.assert_array_equal(some.known, [False, True, True])
