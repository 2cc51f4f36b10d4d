"""Step 3 of a classifier's training: the n-gram linear model, a member of the ensemble and the baseline."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.arrays import LogProbabilities
from foretell.config import LabelsSettings
from foretell.data.split import Split
from foretell.metrics import log_loss, mean_accuracy
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.training.events import Note
from foretell.training.labels.linear_fit import fit_ngrams
from foretell.training.labels.many_labels import MAX_CELLS
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
from foretell.training.options import TrainOptions


@dataclass(frozen=True, kw_only=True)
class LinearStep:
    """The linear model so far.

    Attributes:
        model: the linear model; None: it is no part of the classifier.
        valid: its log-probabilities of the validation texts, [text, label], or None.
        figures: `baseline_accuracy` and others, ready for JSON.
        seconds: what the fit took.
    """

    model: LinearModel | None = None
    valid: LogProbabilities | None = None
    figures: dict[str, Any]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class VectorModel:
    """A linear model made of the text vectors, which is added to the fitted one.

    Attributes:
        model: the linear model of the n-grams' vectors.
        shares: the weights of `model` (as `network`) and of the fitted model (as `linear`) in the sum.
    """

    model: LinearModel
    shares: Ensemble

    def plus(self, fitted: LinearModel) -> LinearModel:
        """Return the weighted sum of both models."""
        return weighted_sum([self.model, fitted], [self.shares.network, self.shares.linear])


def fit_linear(tokens: Tokens, split: Split, settings: LabelsSettings, options: TrainOptions) -> LinearStep:
    """Fit the linear model to the labels.

    Args:
        tokens: the tokenized split.
        split: its texts; read where the network has a vocabulary of its own kind.
        settings: with `linear`, the model is a part of the classifier.
        options: with `baseline`, one is fitted to compare with even without `settings.linear`.
    """
    if settings.linear:
        step = fit_and_measure(tokens, tokens.train.texts, tokens.hard, "baseline_")
    elif options.baseline and split.valid is not None and _has_room(tokens):
        step = LinearStep(figures=_baseline_of(split, tokens))
    else:
        return LinearStep(figures={})
    if step.figures:
        accuracy = step.figures["baseline_accuracy"]
        options.listener(Note(text=f"linear model of 1-3 grams: validation accuracy {accuracy:.2%}"))
    return step


def fit_and_measure(tokens: Tokens, texts: TokenizedTexts, soft: Soft, prefix: str) -> LinearStep:
    """Fit the linear model and measure it on the validation texts.

    Args:
        tokens: the tokenized split.
        texts: the texts to fit it to.
        soft: the probabilities of their labels, [text, label].
        prefix: of the names of the figures.
    """
    began = time.monotonic()
    model = _fitted(tokens, texts, *tokens.learned(soft))
    return measure(tokens, model, prefix, seconds=time.monotonic() - began)


def measure(tokens: Tokens, model: LinearModel, prefix: str, *, seconds: float) -> LinearStep:
    """Return `model`, whose fit took `seconds`, with its figures on the validation texts."""
    if tokens.valid is None:
        return LinearStep(model=model, figures={}, seconds=seconds)
    valid = log_probabilities(model, tokens.valid.texts)
    return LinearStep(
        model=model, valid=valid, figures=_figures(valid, tokens.valid, prefix), seconds=seconds
    )


def refit_linear(tokens: Tokens, soft: Soft, vectors: VectorModel | None) -> LinearModel:
    """Fit the linear model once more, to the validation texts too.

    Args:
        tokens: the tokenized split, with validation texts.
        soft: the probabilities of the labels of the training and, where they were used, unlabelled texts.
        vectors: a model that is added to the fitted one, or None.
    """
    assert tokens.valid is not None
    texts = tokens.all_texts.part(0, len(soft)).followed_by(tokens.valid.texts)
    soft, weights = tokens.learned(soft)
    targets = np.concatenate([soft, one_hot(tokens.valid.targets, len(tokens.labels))])
    if weights is not None and tokens.valid.weights is not None:
        weights = np.concatenate([weights, tokens.valid.weights])
    elif weights is not None:
        weights = np.concatenate([weights, np.ones(len(tokens.valid.targets))])
    model = _fitted(tokens, texts, targets, weights)
    return model if vectors is None else vectors.plus(model)


def _fitted(tokens: Tokens, texts: TokenizedTexts, soft: Soft, weights: Weights | None) -> LinearModel:
    """Return the linear model of texts; with class weights, corrected to the true shares of the labels."""
    model = fit_ngrams(texts.ids, texts.starts, soft, tokens.tokenizer.size, weights)
    return model if tokens.balance is None else tokens.balance.corrected_model(model)


def log_probabilities(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    """Return the linear model's log-probabilities [text, label]."""
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def _has_room(tokens: Tokens) -> bool:
    """Return whether labels are few enough for a linear model."""
    return len(tokens.train.targets) * len(tokens.labels) <= MAX_CELLS


def _baseline_of(split: Split, tokens: Tokens) -> dict[str, Any]:
    """Return the figures of a linear model with a vocabulary of its own, whatever the network reads."""
    assert split.valid is not None
    tokenizer, texts = tokenize(split.train.texts, LabelsSettings(linear=True))
    model = fit_ngrams(texts.ids, texts.starts, tokens.hard, tokenizer.size, tokens.train.weights)
    if tokens.balance is not None:
        model = tokens.balance.corrected_model(model)
    valid = encode_examples(split.valid, tokenizer, tokens.labels)
    return _figures(log_probabilities(model, valid.texts), valid, "baseline_")


def _figures(logs: LogProbabilities, valid: LabelledTokens, prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}accuracy": mean_accuracy(valid.targets, logs),
        f"{prefix}log_loss": log_loss(valid.targets, np.exp(logs)),
    }
