"""Pseudo-labels as rows: texts that nobody has labelled, with the soft labels of a first member.

The n-gram linear model of the labelled texts labels the others (Lee 2013). Where time and data
allow, text vectors and the linear model label them again, together: the linear model has weights
for the n-grams that occur with labels, and the vectors show which n-grams are used alike. For new
texts, which have no vector, the n-grams' vectors make a second linear model, another member.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from foretell.arrays import Array, Float32s, LogProbabilities, Mask, one_hot
from foretell.ngrams.counting import count_ngrams
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.candidates import NGRAM_STRENGTHS, Features, sparse_member
from foretell.training.labels.corpus import LabelsCorpus
from foretell.training.labels.linear_fit import default_max_ngrams, fit_ngrams, select_texts
from foretell.training.labels.logistic import Check, ignore
from foretell.training.labels.members import Evidence
from foretell.training.labels.network import MIN_TOKENS
from foretell.training.labels.outputs import fit_ensemble
from foretell.training.labels.rows import Rows, Targets, soft_rows
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import TokenizedTexts

_STAGE = "pseudo_labels"

_MIN_TEXTS = 3
_MAX_NGRAMS = 1_500_000
"""Text vectors are made of the n-grams that occur in this many texts, the most frequent ones
first.
"""

_MIN_FITS = 3.0
"""Text vectors need at least the time of so many linear fits."""

_SMALLEST = 1e-3
"""Less probable labels of a text are left out: rows are sparse."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PseudoLabels:
    """The soft labels of the first unlabelled texts, and the linear model of their vectors.

    Attributes:
        labelled: the rows of these texts.
        n_texts: how many texts have rows, those that came with labels included.
        by_vectors: a linear model for new texts; None: there is none.
    """

    labelled: Rows
    n_texts: int
    by_vectors: LinearModel | None

    def rows(self, _: Mask) -> Rows:
        """Source: the rows of the pseudo-labels, which no held-out label has decided."""
        return self.labelled


def pseudo_labels(training: Training, evidence: Evidence) -> PseudoLabels:
    """Label the unlabelled texts, as many as there is time for.

    No label of a held-out text has a part in it, except that with text vectors the weights of the
    two labellers are fitted to these.
    """
    corpus = training.corpus
    if before := training.stages.found(_STAGE):
        model = LinearModel.from_arrays(before) if len(before) > 1 else None
        return _made(corpus, before["soft"], model)
    training.run.stage("pseudo-labels", 0.2)
    inside = ~evidence.folds.held
    features = Features(corpus=corpus, n_texts=corpus.n_given)
    member = sparse_member("ngrams", features, (corpus.labelled,))
    began = time.monotonic()
    first = member.prepared(inside).at(NGRAM_STRENGTHS[2], training.check).model()
    pace = (time.monotonic() - began) / max(1, corpus.tokenized.starts[corpus.n_given])
    assert isinstance(first, LinearModel)
    unlabelled = _in_time(training, pace)
    soft = np.exp(_log_probabilities(first, unlabelled)).astype(np.float32)
    by_vectors = None
    if len(soft) and _vectors_pay(training, evidence, pace):
        soft, by_vectors = label_by_vectors(
            corpus,
            evidence,
            soft,
            seed=training.settings.seed,
            seconds=training.run.budget.for_stage("text vectors"),
            check=training.check,
        )
    arrays: dict[str, Array] = {} if by_vectors is None else by_vectors.to_arrays()
    training.stages.keep(_STAGE, {**arrays, "soft": soft}, now=True)
    return _made(corpus, soft, by_vectors)


def _made(corpus: LabelsCorpus, soft: Float32s, by_vectors: LinearModel | None) -> PseudoLabels:
    rows = soft_rows(soft, smallest=_SMALLEST).moved(corpus.n_given)
    if corpus.balance is not None:
        rows = corpus.balance.of_rows(rows)
    return PseudoLabels(labelled=rows, n_texts=corpus.n_given + len(soft), by_vectors=by_vectors)


def _log_probabilities(model: LinearModel, texts: TokenizedTexts) -> LogProbabilities:
    return linear_log_probabilities(model.scores_of_flat(texts.ids, texts.starts))


def label_by_vectors(
    corpus: LabelsCorpus,
    evidence: Evidence,
    soft: Float32s,
    *,
    seed: int,
    seconds: float,
    check: Check = ignore,
) -> tuple[Float32s, LinearModel]:
    """Make text vectors twice, and label the unlabelled texts by them and a linear model.

    In the first round the held-out texts have vectors like the unlabelled ones, which shows how far
    the vectors can be trusted. The second round makes vectors anew, of n-grams that the new labels
    choose. The held-out texts have no part in it, because its model for new texts is measured on
    them.

    Args:
        corpus: the texts.
        evidence: the held-out ones.
        soft: what the linear model of the labelled texts says of the first unlabelled ones,
            [text, label].
        seed: of the vectors.
        seconds: that it may take.
        check: is called between two passes, and may raise to stop.

    Returns:
        Soft labels of the unlabelled texts [text, label], and a linear model for new texts, made
        of the n-grams' vectors.
    """
    from foretell.training.labels.text_vectors import label, make_vectors, to_linear_model

    deadline = time.monotonic() + seconds
    n_labels = len(corpus.labels)
    size = corpus.tokenizer.size
    known = corpus.labelled(~evidence.folds.held)
    targets: Targets = known.truth()
    hard = one_hot(targets, n_labels)
    own = corpus.tokenized.take(known.texts)
    learned = own.followed_by(corpus.unlabelled.part(0, len(soft)))
    model = fit_ngrams(
        learned.ids,
        learned.starts,
        np.concatenate([hard, soft]),
        size,
        np.append(known.weights, np.ones(len(soft))),
    )
    texts = learned.followed_by(corpus.tokenized.take(evidence.texts))
    by_linear = _log_probabilities(model, texts.part(len(hard), len(texts)))
    most = min(_MAX_NGRAMS, default_max_ngrams(n_labels))
    counted = count_ngrams(texts.ids, texts.starts, size, min_texts=_MIN_TEXTS, max_ngrams=most)
    everything = np.concatenate([hard, np.exp(by_linear).astype(np.float32)])
    left = (deadline - time.monotonic()) / 2
    vectors = make_vectors(counted, everything, seed=seed, seconds=left, check=check)
    by_vectors = label(vectors, targets, n_labels)[len(hard) :]
    n = len(soft)
    ensemble = fit_ensemble(evidence.targets, [by_vectors[n:], by_linear[n:]])
    everything[len(hard) :] = ensemble(np.exp(by_vectors).astype(np.float32), by_linear)

    counted = select_texts(counted, np.arange(len(texts)) < len(learned))
    left = deadline - time.monotonic()
    everything = everything[: len(learned)]
    vectors = make_vectors(counted, everything, seed=seed + 1, seconds=left, check=check)
    again = np.exp(label(vectors, targets, n_labels)[len(hard) :]).astype(np.float32)
    return ensemble(again, by_linear[:n]), to_linear_model(counted, vectors, targets, n_labels)


def _vectors_pay(training: Training, evidence: Evidence, pace: float) -> bool:
    """Return whether text vectors can be made, where a fit of a token takes a `pace`."""
    n_tokens = len(training.corpus.tokenized.ids)
    has_texts = len(evidence.targets) > 0 and n_tokens >= MIN_TOKENS
    seconds = training.run.budget.for_stage("text vectors")
    if not has_texts or seconds < _MIN_FITS * pace * n_tokens:
        return False
    # Numba has no wheel for every machine.
    if find_spec("numba") is None:
        training.run.note(
            "text vectors, which improve pseudo-labels, need Numba: pip install numba"
        )
        return False
    return True


def _in_time(training: Training, pace: float) -> TokenizedTexts:
    """Return the unlabelled texts that there is time for; a fit of a token takes a `pace`."""
    unlabelled = training.corpus.unlabelled
    budget = training.run.budget
    if budget.deadline is None:
        return unlabelled
    # One fit to the texts that are not held out, and the last one.
    affordable = budget.for_stage("pseudo-labels") / max(1e-12, 2 * pace)
    n = max(0, int(np.searchsorted(unlabelled.starts, affordable, side="right")) - 1)
    if n < len(unlabelled):
        some = f"{n:,} of {len(unlabelled):,}"
        training.run.note(f"the time limit leaves time for {some} unlabelled texts")
    return unlabelled.part(0, n)


def rows_for_network(corpus: LabelsCorpus, pseudo: PseudoLabels | None, inside: Mask) -> Rows:
    """Return the rows of labelled texts `inside`, then pseudo-labels, where there are any."""
    rows = corpus.labelled(inside)
    rows = rows if len(rows) else corpus.hinted(inside)
    return rows if pseudo is None else rows.followed_by(pseudo.labelled)
