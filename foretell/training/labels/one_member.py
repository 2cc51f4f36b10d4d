"""The n-gram linear model of many long texts, and what it learns from texts without labels.

Its pseudo-labels are soft (Lee 2013): it labels the unlabelled texts, and is fitted again to all of them.
Where time and data allow, text vectors and the linear model label them again, together: the linear model has
weights for the n-grams that occur with labels, and the vectors show which n-grams are used alike. For new
texts, which have no vector, the n-grams' vectors make a second linear model, which is added to the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from foretell.arrays import LogProbabilities
from foretell.config import LabelsSettings
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.training.labels.ancestor import Ancestor, linear_parts
from foretell.training.labels.linear_fit import default_max_ngrams, fit_ngrams, select_texts
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import Members
from foretell.training.labels.network import MIN_TOKENS
from foretell.training.labels.network_fit import enough_labels
from foretell.training.labels.outputs import fit_ensemble
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import (
    LabelledTokens,
    Soft,
    TokenizedTexts,
    Tokens,
    Weights,
    encode_examples,
    one_hot,
    tokenize,
)

MAX_CELLS = 20_000_000
"""Texts times labels up to which linear models are fitted: they need several arrays [text, label] at a time.
The network needs one for a batch and for the validation texts only."""

_STAGE, _SOFT = "pseudo_labels", "soft"

_MIN_TEXTS, _MAX_NGRAMS = 3, 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones first."""

_MIN_FITS = 3.0
"""Text vectors need at least the time of so many linear fits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPart:
    """The linear members of a classifier, fitted to all labelled texts; None: it is a network alone.

    `pseudo` are texts with pseudo-labels for the network (None: it is trained on the labelled texts), and
    `tokens` the tokenized split with as many unlabelled texts as there is time for (None: with all).
    """

    members: Members | None
    metrics: dict[str, Any]
    pseudo: LabelledTokens | None = None
    tokens: Tokens | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fitted:
    """The linear model so far.

    `own` was fitted to `soft` [text, label], the labels of the training texts and then of unlabelled ones, in
    some seconds. `added` is a model that is added to it, with the weights of the two; None: there is none.
    """

    tokens: Tokens
    soft: Soft
    own: LinearModel
    seconds: float
    added: tuple[LinearModel, Ensemble] | None = None

    def plus(self, other: LinearModel) -> _Fitted:
        """Return the model with another one added, with weights that the validation texts give."""
        valid = self.tokens.valid
        assert valid is not None
        logs = [_log_probabilities(other, valid.texts), self.valid]
        return replace(self, added=(other, fit_ensemble(valid.targets, logs)))

    def with_added(self, model: LinearModel) -> LinearModel:
        """Return a fitted model with the other one added."""
        if self.added is None:
            return model
        other, shares = self.added
        return weighted_sum([other, model], [shares.network, shares.linear])

    @cached_property
    def model(self) -> LinearModel:
        """What is measured: the model fitted to the training texts, with the added one."""
        return self.with_added(self.own)

    @cached_property
    def valid(self) -> LogProbabilities | None:
        """Its log-probabilities of the validation texts [text, label], or None."""
        valid = self.tokens.valid
        return None if valid is None else _log_probabilities(self.model, valid.texts)

    def refitted(self) -> LinearModel:
        """Return the model fitted to the training, unlabelled and validation texts."""
        tokens, valid = self.tokens, self.tokens.valid
        assert valid is not None
        soft, weights = tokens.learned(self.soft)
        texts = tokens.all_texts.part(0, len(soft)).followed_by(valid.texts)
        targets = np.concatenate([soft, one_hot(valid.targets, len(tokens.labels))])
        weights = np.append(weights, valid.counts)
        return self.with_added(_linear_model(tokens, texts, targets, weights))

    def metrics(self, prefix: str) -> dict[str, Any]:
        """Return accuracy and log loss on the validation texts; {}: there are none."""
        if self.tokens.valid is None or self.valid is None:
            return {}
        targets = self.tokens.valid.targets
        return {
            f"{prefix}accuracy": mean_accuracy(targets, self.valid),
            f"{prefix}log_loss": log_loss(targets, np.exp(self.valid)),
        }


def fit_one_member(training: Training, ancestor: Ancestor | None) -> LinearPart:
    """Fit the linear model to the labels, to pseudo-labels, and with `refit` to the validation texts too.

    The linear model of the classifier that is continued, `ancestor`, is added.
    """
    tokens, settings = training.tokens, training.settings
    training.begin("linear model", 0.08)
    fitted = _fit(tokens, tokens.hard)
    metrics = fitted.metrics("baseline_")
    _report_baseline(metrics, training)
    if len(tokens.unlabelled):
        fitted = _with_pseudo_labels(training, fitted)
        metrics |= fitted.metrics("linear_") if len(fitted.tokens.unlabelled) else {}
    parts = () if ancestor is None else linear_parts(ancestor, tokens.tokenizer.size, tokens.labels)
    # Several kinds of linear models, and text vectors, leave it as it is.
    if len(parts) == 1 and isinstance(parts[0], LinearModel) and fitted.added is None and tokens.valid:
        fitted = fitted.plus(parts[0])
        metrics |= fitted.metrics("linear_")
    none = np.zeros((0, len(tokens.labels)))
    return LinearPart(
        members=Members(
            linear=fitted.refitted() if settings.refit and tokens.valid is not None else fitted.model,
            tfidf=(),
            logs=none if fitted.valid is None else fitted.valid,
        ),
        metrics=metrics,
        pseudo=_for_network(training, fitted),
        tokens=fitted.tokens,
    )


def baseline(training: Training) -> dict[str, Any]:
    """Return the metrics of a linear model to compare a network with; it has a vocabulary of its own.

    They are empty without validation texts, where they are not wanted, and with too many labels.
    """
    tokens, split = training.tokens, training.split
    one_label = tokens.train.targets.ndim == 1
    has_room = len(tokens.train.targets) * len(tokens.labels) <= MAX_CELLS
    if not training.run.options.baseline or split.valid is None or not has_room or not one_label:
        return {}
    tokenizer, texts = tokenize(split.train.texts, LabelsSettings(linear=True))
    valid = encode_examples(split.valid, tokenizer, tokens.labels)
    own = replace(tokens, tokenizer=tokenizer, all_texts=texts, valid=valid)
    metrics = _fit(own, tokens.hard).metrics("baseline_")
    _report_baseline(metrics, training)
    return metrics


def _fit(tokens: Tokens, soft: Soft) -> _Fitted:
    """Return the linear model of the first texts, which have these probabilities [text, label]."""
    began, texts = time.monotonic(), tokens.all_texts.part(0, len(soft))
    learned, weights = tokens.learned(soft)
    model = _linear_model(tokens, texts, learned, weights)
    return _Fitted(tokens=tokens, soft=soft, own=model, seconds=time.monotonic() - began)


def _linear_model(tokens: Tokens, texts: TokenizedTexts, soft: Soft, weights: Weights) -> LinearModel:
    """Return the linear model of texts; with class weights, corrected to the true shares of the labels."""
    model = fit_ngrams(texts.ids, texts.starts, soft, tokens.tokenizer.size, weights)
    return model if tokens.balance is None else tokens.balance.corrected_model(model)


def _log_probabilities(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def _with_pseudo_labels(training: Training, first: _Fitted) -> _Fitted:
    """Label the unlabelled texts, as many as there is time for, and fit the linear model to all texts."""
    if before := training.stages.found(_STAGE):
        fitted = _fit(_cut(first.tokens, len(before[_SOFT])), before[_SOFT])
        return fitted.plus(LinearModel.from_arrays(before)) if len(before) > 1 else fitted
    tokens, run = _in_time(training, first), training.run
    if not len(tokens.unlabelled):
        return replace(first, tokens=tokens)
    logs = _log_probabilities(first.model, tokens.unlabelled)
    fitted, arrays = _fit(tokens, np.concatenate([tokens.hard, np.exp(logs).astype(np.float32)])), {}
    training.note("pseudo-labels: the linear model labelled the unlabelled texts and was fitted again")
    seconds = run.budget.for_stage("text vectors")
    if _vectors_pay(training, fitted, seconds):
        soft, by_vectors, accuracy = label_by_vectors(
            tokens, fitted.model, seed=training.settings.seed, seconds=seconds, check=training.check
        )
        training.note(f"pseudo-labels with text vectors: validation accuracy {accuracy:.2%}")
        fitted = _fit(tokens, soft)
        if by_vectors is not None:
            fitted, arrays = fitted.plus(by_vectors), by_vectors.to_arrays()
    training.stages.keep(_STAGE, {**arrays, _SOFT: fitted.soft}, now=True)
    return fitted


def label_by_vectors(
    tokens: Tokens, linear: LinearModel, *, seed: int, seconds: float, check: Check = ignore
) -> tuple[Soft, LinearModel | None, float]:
    """Make text vectors twice, and label the unlabelled texts by them and the linear model.

    In the first round the validation texts have vectors like the unlabelled ones, which shows how far the
    vectors can be trusted. The second round makes vectors anew, of n-grams that the new labels choose. The
    validation texts have no part in it, because its model for new texts is measured on them. `check` is
    called after each pass over the texts, and may raise to stop.

    Returned are the labels of the training texts and soft labels of the unlabelled ones, [text, label]; a
    linear model for new texts, made of the n-grams' vectors (None: the `seconds` ended before it); and the
    accuracy of the first round on the validation texts.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    assert tokens.valid is not None
    deadline, targets, n_labels = time.monotonic() + seconds, tokens.train.targets, len(tokens.labels)
    hard, n, n_valid = tokens.hard, len(tokens.all_texts), len(tokens.valid.texts)
    texts = tokens.all_texts.followed_by(tokens.valid.texts)
    by_linear = _log_probabilities(linear, texts.part(len(hard), len(texts)))
    max_ngrams, size = min(_MAX_NGRAMS, default_max_ngrams(n_labels)), tokens.tokenizer.size
    counted = count_ngrams(texts.ids, texts.starts, size, min_texts=_MIN_TEXTS, max_ngrams=max_ngrams)
    soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
    left = (deadline - time.monotonic()) / 2
    vectors = make_vectors(counted, soft, seed=seed, seconds=left, check=check)
    by_vectors = label(vectors, targets, n_labels)[len(hard) :]
    ensemble = fit_ensemble(tokens.valid.targets, [by_vectors[-n_valid:], by_linear[-n_valid:]])
    soft = np.concatenate([hard, ensemble(np.exp(by_vectors).astype(np.float32), by_linear)])
    accuracy = mean_accuracy(tokens.valid.targets, soft[-n_valid:])
    left = deadline - time.monotonic()
    if left <= 0:
        return soft[:n], None, accuracy

    counted = select_texts(counted, np.arange(len(texts)) < n)
    vectors = make_vectors(counted, soft[:n], seed=seed + 1, seconds=left, check=check)
    again = np.exp(label(vectors, targets, n_labels)[len(hard) : n]).astype(np.float32)
    model = to_linear_model(counted, vectors, targets, n_labels)
    return np.concatenate([hard, ensemble(again, by_linear[: len(again)])]), model, accuracy


def _vectors_pay(training: Training, fitted: _Fitted, seconds: float) -> bool:
    """Return whether text vectors can be made: enough texts, enough time, and the library for it."""
    tokens = fitted.tokens
    if tokens.valid is None:
        return False
    if len(tokens.all_texts.ids) < MIN_TOKENS or seconds < _MIN_FITS * fitted.seconds:
        return False
    # Numba has no wheel for every machine.
    if find_spec("numba") is None:
        training.note("text vectors, which improve pseudo-labels, need Numba: pip install numba")
        return False
    return True


def _in_time(training: Training, first: _Fitted) -> Tokens:
    """Return the tokens with as many unlabelled texts as there is time for, the first ones."""
    tokens, budget = first.tokens, training.run.budget
    if budget.deadline is None:
        return tokens
    n_train, starts = len(tokens.train.texts), tokens.all_texts.starts
    fits = 2 if training.settings.refit else 1
    seconds_per_token = first.seconds / max(1, starts[n_train])
    affordable = budget.for_stage("pseudo-labels") / max(1e-12, fits * seconds_per_token)
    n = max(n_train, int(np.searchsorted(starts, affordable, side="right")) - 1)
    if n < len(tokens.all_texts):
        some = f"{n - n_train:,} of {len(tokens.unlabelled):,}"
        training.note(f"the time limit leaves time for {some} unlabelled texts")
    return _cut(tokens, n)


def _cut(tokens: Tokens, n_texts: int) -> Tokens:
    return replace(tokens, all_texts=tokens.all_texts.part(0, n_texts))


def _for_network(training: Training, fitted: _Fitted) -> LabelledTokens | None:
    """Return all texts with their pseudo-labels where few texts have labels, else None.

    Many labels alone train the network better: pseudo-labels carry only what the linear model knows, which
    the ensemble has anyway.
    """
    tokens, soft = fitted.tokens, fitted.soft
    n = len(tokens.train.texts)
    if not len(tokens.unlabelled):
        return None
    if enough_labels(training.settings, n):
        text = f"the network is trained on the {n:,} labelled texts alone"
        training.note(f"{text}; pseudo-labels only help with fewer")
        return None
    targets, (learned, weights) = soft.argmax(axis=1).astype(np.int32), tokens.learned(soft)
    counted = None if tokens.train.weights is None else weights
    return LabelledTokens(texts=tokens.all_texts, targets=targets, weights=counted, soft=learned)


def _report_baseline(metrics: dict[str, Any], training: Training) -> None:
    if metrics:
        training.note(f"linear model of 1-3 grams: validation accuracy {metrics['baseline_accuracy']:.2%}")
