"""The n-gram linear model of many long texts, and what it learns from texts without labels.

Its pseudo-labels are soft (Lee 2013): it labels the unlabelled texts, and is fitted again to all of them.
Where time and data allow, text vectors and the linear model label them again, together: the linear model has
weights for the n-grams that occur with labels, and the vectors show which n-grams are used alike. For new
texts, which have no vector, the n-grams' vectors make a second linear model, which is added to the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import LogProbabilities
from foretell.config import LabelsSettings
from foretell.data.split import Split
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.training.events import Listener, Note, Stage
from foretell.training.labels.ancestor import linear_parts
from foretell.training.labels.batches import EncodedTexts, as_read
from foretell.training.labels.linear_fit import default_max_ngrams, fit_ngrams, select_texts
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.many_labels import MAX_CELLS
from foretell.training.labels.members import Members
from foretell.training.labels.network import MIN_TOKENS
from foretell.training.labels.outputs import fit_ensemble
from foretell.training.labels.plan import enough_labels
from foretell.training.labels.tokenized import LabelledTokens, Soft, TokenizedTexts, Weights, one_hot
from foretell.training.labels.tokens import Tokens, encode_examples, tokenize
from foretell.training.labels.transfer import Start, added_ancestor
from foretell.training.options import TrainOptions
from foretell.training.run import Run

Arrays = dict[str, npt.NDArray[Any]]

_SOFT, _SHARES = "pseudo_labels/soft", "pseudo_labels/shares"

_MIN_TEXTS, _MAX_NGRAMS = 3, 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones first."""

_MIN_FITS = 3.0
"""Text vectors need at least the time of so many linear fits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPart:
    """The linear members of a classifier, fitted to all labelled texts.

    Attributes:
        members: the members; None: the classifier is a network alone.
        metrics: ready for JSON.
        saved: arrays for a checkpoint, with which nothing is computed again.
        pseudo: texts with pseudo-labels for the network; None: it is trained on the labelled texts.
        tokens: the tokenized split with as many unlabelled texts as there is time for; None: with all.
    """

    members: Members | None
    metrics: dict[str, Any]
    saved: Arrays = field(default_factory=dict)
    pseudo: EncodedTexts | None = None
    tokens: Tokens | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fitted:
    """The linear model so far.

    Attributes:
        model: what is measured: the model fitted to the training texts, with `added`.
        valid: its log-probabilities of the validation texts [text, label], or None.
        soft: what it was fitted to, [text, label]: training texts first, then unlabelled ones.
        seconds: what the fit took.
        added: a model that is added to the fitted one, and the weights of the two; None: there is none.
    """

    model: LinearModel
    valid: LogProbabilities | None
    soft: Soft
    seconds: float
    added: tuple[LinearModel, Ensemble] | None = None

    def plus(self, model: LinearModel) -> LinearModel:
        """Return a fitted model with the other one added."""
        if self.added is None:
            return model
        other, shares = self.added
        return weighted_sum([other, model], [shares.network, shares.linear])


def fit_one_member(tokens: Tokens, settings: LabelsSettings, run: Run, start: Start | None) -> LinearPart:
    """Fit the linear model to the labels, to pseudo-labels, and with `refit` to the validation texts too.

    Args:
        tokens: the tokenized split.
        settings: `refit`, `text_vectors` and `seed` are read.
        run: its latest checkpoint has the pseudo-labels, or they are saved in a new one.
        start: a classifier that is continued has a linear model, which is added.
    """
    run.options.listener(Stage(name="linear model", done=0.08))
    first = _fit(tokens, tokens.hard)
    metrics = _metrics(first, tokens, "baseline_")
    _report_baseline(metrics, run.options)
    tokens = _in_time(tokens, first, settings, run)
    fitted = first
    if len(tokens.unlabelled):
        fitted = _with_pseudo_labels(tokens, first, settings, run)
        metrics |= _metrics(fitted, tokens, "linear_")
    if (together := _with_ancestor(tokens, fitted, start)) is not None:
        fitted = together
        metrics |= _metrics(fitted, tokens, "linear_")
    model = fitted.model
    if settings.refit and tokens.valid is not None:
        model = fitted.plus(_refitted(tokens, fitted.soft))
    none = np.zeros((0, len(tokens.labels)))
    return LinearPart(
        members=Members(linear=model, tfidf=(), logs=none if fitted.valid is None else fitted.valid),
        metrics=metrics,
        saved=_arrays(fitted) if len(tokens.unlabelled) else {},
        pseudo=_for_network(tokens, fitted.soft, settings, run.options.listener),
        tokens=tokens,
    )


def baseline(split: Split, tokens: Tokens, options: TrainOptions) -> dict[str, Any]:
    """Return the metrics of a linear model to compare a network with; it has a vocabulary of its own.

    They are empty without validation texts, without `options.baseline`, and with too many labels for it.
    """
    one_label = tokens.train.targets.ndim == 1
    has_room = len(tokens.train.targets) * len(tokens.labels) <= MAX_CELLS
    if not options.baseline or split.valid is None or not has_room or not one_label:
        return {}
    tokenizer, texts = tokenize(split.train.texts, LabelsSettings(linear=True))
    own = replace(
        tokens,
        tokenizer=tokenizer,
        all_texts=texts,
        valid=encode_examples(split.valid, tokenizer, tokens.labels),
    )
    metrics = _metrics(_fit(own, tokens.hard), own, "baseline_")
    _report_baseline(metrics, options)
    return metrics


def can_make_vectors() -> bool:
    """Return whether text vectors can be made here: Numba has no wheel for every machine."""
    return find_spec("numba") is not None


def _fit(tokens: Tokens, soft: Soft) -> _Fitted:
    """Return the linear model of the first texts, which have these probabilities [text, label]."""
    began = time.monotonic()
    model = _model(tokens, tokens.all_texts.part(0, len(soft)), *tokens.learned(soft))
    return _measured(tokens, _Fitted(model=model, valid=None, soft=soft, seconds=time.monotonic() - began))


def _measured(tokens: Tokens, fitted: _Fitted) -> _Fitted:
    valid = None if tokens.valid is None else _log_probabilities(fitted.model, tokens.valid.texts)
    return replace(fitted, valid=valid)


def _model(tokens: Tokens, texts: TokenizedTexts, soft: Soft, weights: Weights | None) -> LinearModel:
    """Return the linear model of texts; with class weights, corrected to the true shares of the labels."""
    model = fit_ngrams(texts.ids, texts.starts, soft, tokens.tokenizer.size, weights)
    return model if tokens.balance is None else tokens.balance.corrected_model(model)


def _refitted(tokens: Tokens, soft: Soft) -> LinearModel:
    """Return the linear model of the training texts, the unlabelled ones and the validation texts."""
    assert tokens.valid is not None
    texts = tokens.all_texts.part(0, len(soft)).followed_by(tokens.valid.texts)
    soft, weights = tokens.learned(soft)
    targets = np.concatenate([soft, one_hot(tokens.valid.targets, len(tokens.labels))])
    if weights is not None:
        own = tokens.valid.weights
        weights = np.concatenate([weights, np.ones(len(tokens.valid.targets)) if own is None else own])
    return _model(tokens, texts, targets, weights)


def _log_probabilities(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def _with_pseudo_labels(tokens: Tokens, first: _Fitted, settings: LabelsSettings, run: Run) -> _Fitted:
    """Label the unlabelled texts, and fit the linear model to all texts."""
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _SOFT in checkpoint.arrays:
        return _restored(tokens, checkpoint.arrays)
    logs = _log_probabilities(first.model, tokens.unlabelled)
    fitted = _fit(tokens, np.concatenate([tokens.hard, np.exp(logs).astype(np.float32)]))
    text = "pseudo-labels: the linear model labelled the unlabelled texts and was fitted again"
    run.options.listener(Note(text=text))
    seconds = run.budget.for_stage("text vectors")
    if _vectors_pay(tokens, fitted, settings, seconds, run.options.listener):
        soft, by_vectors, accuracy = label_by_vectors(
            tokens, fitted.model, seed=settings.seed, seconds=seconds, check=run.interrupt.check
        )
        text = f"pseudo-labels with text vectors: validation accuracy {accuracy:.2%}"
        run.options.listener(Note(text=text))
        fitted = _fit(tokens, soft)
        fitted = fitted if by_vectors is None else _plus(tokens, fitted, by_vectors)
    run.checkpoints.save(0, _arrays(fitted), {})
    return fitted


def label_by_vectors(
    tokens: Tokens, linear: LinearModel, *, seed: int, seconds: float, check: Check = ignore
) -> tuple[Soft, LinearModel | None, float]:
    """Make text vectors twice, and label the unlabelled texts by them and the linear model.

    In the first round the validation texts have vectors like the unlabelled ones, which shows how far the
    vectors can be trusted. The second round makes vectors anew, of n-grams that the new labels choose. The
    validation texts have no part in it, because its model for new texts is measured on them.

    Args:
        tokens: the tokenized split, with validation texts.
        linear: the linear model.
        seed: of every random choice.
        seconds: time for both rounds.
        check: is called after each pass over the texts, and may raise to stop.

    Returns:
        The labels of the training texts and soft labels of the unlabelled ones, float32 [text, label]; a
        linear model for new texts, made of the n-grams' vectors (None: the time ended before it); and the
        accuracy of the first round on the validation texts.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    assert tokens.valid is not None
    deadline, targets, n_labels = time.monotonic() + seconds, tokens.train.targets, len(tokens.labels)
    hard, n, n_valid = tokens.hard, len(tokens.all_texts), len(tokens.valid.texts)
    texts = tokens.all_texts.followed_by(tokens.valid.texts)
    others = texts.part(len(hard), len(texts))
    by_linear = _log_probabilities(linear, others)
    max_ngrams = min(_MAX_NGRAMS, default_max_ngrams(n_labels))
    size = tokens.tokenizer.size
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


def _plus(tokens: Tokens, fitted: _Fitted, other: LinearModel, shares: Ensemble | None = None) -> _Fitted:
    """Return the model with another one added; the weights are fitted on the validation texts, or given."""
    assert tokens.valid is not None
    if shares is None:
        logs = [_log_probabilities(other, tokens.valid.texts), fitted.valid]
        shares = fit_ensemble(tokens.valid.targets, logs)
    both = replace(fitted, added=(other, shares))
    return _measured(tokens, replace(both, model=both.plus(fitted.model)))


def _with_ancestor(tokens: Tokens, fitted: _Fitted, start: Start | None) -> _Fitted | None:
    """Return the linear model with that of the classifier that is continued; None: nothing is added.

    A classifier with several kinds of linear models, and text vectors, leave it as it is.
    """
    ancestor = added_ancestor(start)
    if ancestor is None or fitted.added is not None or tokens.valid is None:
        return None
    parts = linear_parts(ancestor, tokens.tokenizer.size, tokens.labels)
    if len(parts) != 1 or not isinstance(parts[0], LinearModel):
        return None
    return _plus(tokens, fitted, parts[0])


def _vectors_pay(
    tokens: Tokens, fitted: _Fitted, settings: LabelsSettings, seconds: float, listener: Listener
) -> bool:
    """Return whether text vectors can be made: enough texts, enough time, and the library for it."""
    if not settings.text_vectors or tokens.valid is None:
        return False
    if len(tokens.all_texts.ids) < MIN_TOKENS or seconds < _MIN_FITS * fitted.seconds:
        return False
    if not can_make_vectors():
        listener(Note(text="text vectors, which improve pseudo-labels, need Numba: pip install numba"))
        return False
    return True


def _in_time(tokens: Tokens, first: _Fitted, settings: LabelsSettings, run: Run) -> Tokens:
    """Return the tokens with as many unlabelled texts as there is time for, the first ones.

    A checkpoint says how many were used before an interruption.
    """
    if not len(tokens.unlabelled) or run.budget.deadline is None:
        return tokens
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _SOFT in checkpoint.arrays:
        n = len(checkpoint.arrays[_SOFT])
    else:
        n_train, starts = len(tokens.train.texts), tokens.all_texts.starts
        fits = 2 if settings.refit else 1
        seconds_per_token = first.seconds / max(1, starts[n_train])
        affordable = run.budget.for_stage("pseudo-labels") / max(1e-12, fits * seconds_per_token)
        n = max(n_train, int(np.searchsorted(starts, affordable, side="right")) - 1)
        if n < len(tokens.all_texts):
            some = f"{n - n_train:,} of {len(tokens.unlabelled):,}"
            run.options.listener(Note(text=f"the time limit leaves time for {some} unlabelled texts"))
    return replace(tokens, all_texts=tokens.all_texts.part(0, n))


def _arrays(fitted: _Fitted) -> Arrays:
    """Return what took long to compute, for a checkpoint; `_restored` reads it."""
    arrays: Arrays = {_SOFT: fitted.soft}
    if fitted.added is not None:
        model, shares = fitted.added
        arrays |= {**model.to_arrays(), _SHARES: np.array([shares.network, shares.linear])}
    return arrays


def _restored(tokens: Tokens, saved: Arrays) -> _Fitted:
    fitted = _fit(tokens, saved[_SOFT])
    if _SHARES not in saved:
        return fitted
    network, linear = saved[_SHARES].tolist()
    shares = Ensemble(network=network, linear=linear)
    return _plus(tokens, fitted, LinearModel.from_arrays(saved), shares)


def _for_network(
    tokens: Tokens, soft: Soft, settings: LabelsSettings, listener: Listener
) -> EncodedTexts | None:
    """Return all texts with their pseudo-labels where few texts have labels, else None.

    Many labels alone train the network better: pseudo-labels carry only what the linear model knows, which
    the ensemble has anyway.
    """
    n, n_labels = len(tokens.train.texts), len(tokens.labels)
    if not len(tokens.unlabelled):
        return None
    if enough_labels(settings, n):
        text = f"the network is trained on the {n:,} labelled texts alone; pseudo-labels only help with fewer"
        listener(Note(text=text))
        return None
    targets, (learned, weights) = soft.argmax(axis=1).astype(np.int32), tokens.learned(soft)
    return as_read(tokens.all_texts, targets, n_labels, tokens.tokenizer, settings, learned, weights)


def _metrics(fitted: _Fitted, tokens: Tokens, prefix: str) -> dict[str, Any]:
    valid: LabelledTokens | None = tokens.valid
    if valid is None or fitted.valid is None:
        return {}
    return {
        f"{prefix}accuracy": mean_accuracy(valid.targets, fitted.valid),
        f"{prefix}log_loss": log_loss(valid.targets, np.exp(fitted.valid)),
    }


def _report_baseline(metrics: dict[str, Any], options: TrainOptions) -> None:
    if metrics:
        accuracy = metrics["baseline_accuracy"]
        options.listener(Note(text=f"linear model of 1-3 grams: validation accuracy {accuracy:.2%}"))
