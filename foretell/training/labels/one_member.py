"""The n-gram linear model of many long texts, and what it learns from texts without labels.

Its pseudo-labels are soft (Lee 2013): it labels the unlabelled texts, and is fitted again to all of
them. Where time and data allow, text vectors and the linear model label them again, together: the
linear model has weights for the n-grams that occur with labels, and the vectors show which n-grams
are used alike. For new texts, which have no vector, the n-grams' vectors make a second linear
model, which is added to the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from foretell.arrays import LogProbabilities
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.training.labels.ancestor import Ancestor, linear_parts
from foretell.training.labels.linear_fit import default_max_ngrams, fit_ngrams, select_texts
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import Members
from foretell.training.labels.network import MIN_TOKENS
from foretell.training.labels.network_fit import enough_labels
from foretell.training.labels.outputs import OneLabel, fit_ensemble
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import LabelledTokens, Soft, TokenizedTexts, Tokens, one_hot

_STAGE = "pseudo_labels"
_SOFT = "soft"

_MIN_TEXTS = 3
_MAX_NGRAMS = 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones
first.
"""

_MIN_FITS = 3.0
_MINUTES_TO_REFIT = 5.0
"""Text vectors need at least the time of so many linear fits; the last fit a limit of so many
minutes.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearPart:
    """The linear members of a classifier, fitted to all labelled texts; None: it is a network
    alone.

    `pseudo` are texts with pseudo-labels for the network (None: it is trained on the labelled
    texts), and `tokens` the tokenized split with as many unlabelled texts as there is time for
    (None: with all).
    """

    members: Members | None
    pseudo: LabelledTokens | None = None
    tokens: Tokens | None = None


def fit_one_member(training: Training, ancestor: Ancestor | None) -> LinearPart:
    """Fit the linear model to the labels, to pseudo-labels, and at last to the validation texts
    too.

    The linear model of the text vectors, or that of the ancestor, is added.
    """
    tokens = training.tokens
    valid = training.tokens.valid
    training.begin("linear model", 0.08)
    soft = tokens.hard
    added = None
    began = time.monotonic()
    own = _fit(tokens, soft)
    metrics = _metrics("baseline", own, tokens)
    if len(tokens.unlabelled):
        tokens, soft, added = _pseudo_labels(training, own, time.monotonic() - began)
        own = _fit(tokens, soft) if len(tokens.unlabelled) else own
    parts = () if ancestor is None else linear_parts(ancestor, tokens.tokenizer.size, tokens.labels)
    # Several kinds of linear models, and text vectors, leave it as it is.
    if added is None and len(parts) == 1 and isinstance(parts[0], LinearModel):
        added = parts[0]
    shares = None
    if added is not None and valid is not None:
        logs = [_log_probabilities(each, valid.texts) for each in (added, own)]
        shares = fit_ensemble(valid.targets, logs)

    def finished(model: LinearModel) -> LinearModel:
        if added is None or shares is None:
            return model
        return weighted_sum([added, model], [shares.network, shares.linear])

    measured = finished(own)
    if len(tokens.unlabelled) or shares is not None:
        metrics |= _metrics("linear", measured, tokens)
    none = np.zeros((0, len(tokens.labels)))
    return LinearPart(
        members=Members(
            linear=finished(_fit(tokens, soft, valid)) if _refits(training) and valid else measured,
            tfidf=(),
            logs=none if valid is None else _log_probabilities(measured, valid.texts),
            metrics=metrics,
        ),
        pseudo=_for_network(training, tokens, soft),
        tokens=tokens,
    )


def _refits(training: Training) -> bool:
    # A shorter limit, as quick has it, leaves no time.
    return not 0 < training.settings.minutes < _MINUTES_TO_REFIT


def _fit(tokens: Tokens, soft: Soft, more: LabelledTokens | None = None) -> LinearModel:
    """Return the linear model of the first texts, with probabilities [text, label], and of more
    texts.
    """
    texts, (soft, weights) = tokens.all_texts.part(0, len(soft)), tokens.learned(soft)
    if more is not None:
        texts = texts.followed_by(more.texts)
        soft = np.concatenate([soft, one_hot(more.targets, len(tokens.labels))])
        weights = np.append(weights, more.counts)
    model = fit_ngrams(texts.ids, texts.starts, soft, tokens.tokenizer.size, weights)
    return model if tokens.balance is None else tokens.balance.corrected_model(model)


def _log_probabilities(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def _metrics(name: str, model: LinearModel, tokens: Tokens) -> dict[str, object]:
    """Return accuracy and log loss on the validation texts; {}: there are none."""
    if tokens.valid is None:
        return {}
    logs = _log_probabilities(model, tokens.valid.texts)
    measured = OneLabel(len(tokens.labels)).metrics(tokens.valid.targets, logs)
    return {f"{name}_{metric}": value for metric, value in measured.items()}


def _pseudo_labels(
    training: Training, first: LinearModel, seconds: float
) -> tuple[Tokens, Soft, LinearModel | None]:
    """Label the unlabelled texts, as many as there is time for; fitting the `first` model took some
    seconds.

    Returned are the tokens with these texts, the labels of all texts [text, label], and the linear
    model of the text vectors, or None.
    """
    if before := training.stages.found(_STAGE):
        model = LinearModel.from_arrays(before) if len(before) > 1 else None
        return _cut(training.tokens, len(before[_SOFT])), before[_SOFT], model
    budget = training.run.budget
    n_train = len(training.tokens.train.texts)
    pace = seconds / max(1, training.tokens.all_texts.starts[n_train])
    tokens = _in_time(training, pace)
    arrays = {}
    by_vectors = None
    if not len(tokens.unlabelled):
        return tokens, tokens.hard, None
    logs = _log_probabilities(first, tokens.unlabelled)
    soft = np.concatenate([tokens.hard, np.exp(logs).astype(np.float32)])
    if _vectors_pay(training, tokens, pace * len(tokens.all_texts.ids)):
        model = _fit(tokens, soft)
        soft, by_vectors = label_by_vectors(
            tokens,
            model,
            seed=training.settings.seed,
            seconds=budget.for_stage("text vectors"),
            check=training.check,
        )
        arrays = by_vectors.to_arrays()
    training.stages.keep(_STAGE, {**arrays, _SOFT: soft}, now=True)
    return tokens, soft, by_vectors


def label_by_vectors(
    tokens: Tokens, linear: LinearModel, *, seed: int, seconds: float, check: Check = ignore
) -> tuple[Soft, LinearModel]:
    """Make text vectors twice, and label the unlabelled texts by them and the linear model.

    In the first round the validation texts have vectors like the unlabelled ones, which shows how
    far the vectors can be trusted. The second round makes vectors anew, of n-grams that the new
    labels choose. The validation texts have no part in it, because its model for new texts is
    measured on them.

    Returned are the labels of the training texts and soft labels of the unlabelled ones, [text,
    label], and a linear model for new texts, made of the n-grams' vectors.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    assert tokens.valid is not None
    deadline = time.monotonic() + seconds
    targets = tokens.train.targets
    n_labels = len(tokens.labels)
    hard = tokens.hard
    n = len(tokens.all_texts)
    n_valid = len(tokens.valid.texts)
    texts = tokens.all_texts.followed_by(tokens.valid.texts)
    by_linear = _log_probabilities(linear, texts.part(len(hard), len(texts)))
    max_ngrams = min(_MAX_NGRAMS, default_max_ngrams(n_labels))
    size = tokens.tokenizer.size
    counted = count_ngrams(
        texts.ids, texts.starts, size, min_texts=_MIN_TEXTS, max_ngrams=max_ngrams
    )
    soft = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
    left = (deadline - time.monotonic()) / 2
    vectors = make_vectors(counted, soft, seed=seed, seconds=left, check=check)
    by_vectors = label(vectors, targets, n_labels)[len(hard) :]
    ensemble = fit_ensemble(tokens.valid.targets, [by_vectors[-n_valid:], by_linear[-n_valid:]])
    soft = np.concatenate([hard, ensemble(np.exp(by_vectors).astype(np.float32), by_linear)])

    counted = select_texts(counted, np.arange(len(texts)) < n)
    left = deadline - time.monotonic()
    vectors = make_vectors(counted, soft[:n], seed=seed + 1, seconds=left, check=check)
    again = np.exp(label(vectors, targets, n_labels)[len(hard) : n]).astype(np.float32)
    model = to_linear_model(counted, vectors, targets, n_labels)
    return np.concatenate([hard, ensemble(again, by_linear[: len(again)])]), model


def _vectors_pay(training: Training, tokens: Tokens, seconds: float) -> bool:
    """Return whether text vectors can be made, where a fit takes some seconds."""
    has_texts = tokens.valid is not None and len(tokens.all_texts.ids) >= MIN_TOKENS
    has_time = training.run.budget.for_stage("text vectors") >= _MIN_FITS * seconds
    if not has_texts or not has_time:
        return False
    # Numba has no wheel for every machine.
    if find_spec("numba") is None:
        training.note("text vectors, which improve pseudo-labels, need Numba: pip install numba")
        return False
    return True


def _in_time(training: Training, pace: float) -> Tokens:
    """Return the tokens with the unlabelled texts that there is time for; a fit of a token takes
    `pace`.
    """
    tokens = training.tokens
    budget = training.run.budget
    if budget.deadline is None:
        return tokens
    n_train = len(tokens.train.texts)
    fits = 2 if _refits(training) else 1
    affordable = budget.for_stage("pseudo-labels") / max(1e-12, fits * pace)
    n = max(n_train, int(np.searchsorted(tokens.all_texts.starts, affordable, side="right")) - 1)
    if n < len(tokens.all_texts):
        some = f"{n - n_train:,} of {len(tokens.unlabelled):,}"
        training.note(f"the time limit leaves time for {some} unlabelled texts")
    return _cut(tokens, n)


def _cut(tokens: Tokens, n_texts: int) -> Tokens:
    return replace(tokens, all_texts=tokens.all_texts.part(0, n_texts))


def _for_network(training: Training, tokens: Tokens, soft: Soft) -> LabelledTokens | None:
    """Return all texts with their pseudo-labels where few texts have labels, else None.

    Many labels alone train the network better: pseudo-labels carry only what the linear model
    knows, which the ensemble has anyway.
    """
    n = len(tokens.train.texts)
    if not len(tokens.unlabelled) or enough_labels(training.settings, n):
        return None
    targets, (learned, weights) = soft.argmax(axis=1).astype(np.int32), tokens.learned(soft)
    counted = None if tokens.train.weights is None else weights
    return LabelledTokens(texts=tokens.all_texts, targets=targets, weights=counted, soft=learned)
