"""The effect of each word on a label: leave-one-out, running verdict, and the linear model's contributions.

All three are exact for the whole classifier as it answers (network and linear model combined by the
ensemble):

- effect (leave-one-out): the change of the label's log-odds, and its probability, when this one word is left
  out of the text and nothing takes its place;
- running verdict: the label's probability for the text up to and with a word, as if the text ended there;
- contribution: the linear model's score in parts. The weight of each n-gram is divided equally among its
  occurrences and its words.

Effects need not add up: two words with the same meaning may each have no effect. Contributions add up to the
linear model's score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.arrays import Float64s, LogProbabilities, Probabilities
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble
from foretell.ngrams.labelwise import LabelwiseEnsemble, logit
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import TfidfModel
from foretell.runtime.labels.explained import Explained, Word
from foretell.runtime.labels.linear_scores import LinearScores, linear_scores
from foretell.runtime.labels.tfidf_explanation import tfidf_scores
from foretell.runtime.stopping import check_stopped
from foretell.text.tokenizer import Span

__all__ = ["Explanation", "Word", "explain"]

# For a longer text the running verdict is computed at every second word, every third, and so on.
MAX_POINTS = 400


class Explanation(Explained):
    """Why a text has its label; a notebook shows it as the page of `foretell explain --html`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # Imported here: predictions need neither the page nor its style.
        from foretell.display import frame
        from foretell.runtime.labels.explanation_html import to_html

        return frame(to_html(self))


@dataclass(frozen=True, eq=False)
class ExplainedModel:
    """The parts of a classifier that an explanation needs.

    Attributes:
        labels: the labels.
        network: returns probabilities [variant, label] of a text, of the text without each of some words that
            are read, and of some beginnings of it; of (ids, positions of words, lengths of beginnings).
        length: ids of a text that the network reads, at most: its last ones.
        linear: the n-gram linear model; None where the ensemble has none.
        tfidf: the linear models whose scores are added to its.
        ensemble: how the two are combined.
    """

    labels: Sequence[Any]
    network: Callable[[list[int], list[int], list[int]], Probabilities]
    length: int
    linear: LinearModel | None
    ensemble: Ensemble | LabelwiseEnsemble
    tfidf: tuple[TfidfModel, ...] = ()

    def linear_scores(self, text: str, spans: Sequence[Span]) -> LinearScores | None:
        """Return the scores of the linear models together; None where the ensemble has none."""
        if self.linear is None:
            return None
        scores = linear_scores(self.linear, [id for id, _, _ in spans])
        for model in self.tfidf:
            check_stopped()
            scores = scores.plus(tfidf_scores(model, text, spans))
        return scores


def explain(
    text: str, spans: Sequence[Span], model: ExplainedModel, *, first: int = 0, label: int | None = None
) -> Explanation:
    """Explain a label of a text.

    Args:
        text: the text.
        spans: (id, start, end) of each of its tokens.
        model: the classifier.
        first: how many of the first ids are no words of the text.
        label: the place of the label; None: the most probable one.
    """
    ids = [id for id, _, _ in spans]
    n_words = len(ids) - first
    stride = max(1, -(-n_words // MAX_POINTS))
    ends = [*range(stride, n_words, stride), n_words] if n_words else []
    linear = model.linear_scores(text, spans)
    rows = _probabilities(ids, [end + first for end in ends], first, model, linear)
    label = int(rows[0].argmax()) if label is None else label
    is_labelwise = isinstance(model.ensemble, LabelwiseEnsemble)
    odds = logit(rows[:, label]) if is_labelwise else _log_odds(rows, label)
    contributions, bias = _contributions(label, model, linear)
    words = [
        Word(
            text[start:end],
            start,
            end,
            effect=float(odds[0] - odds[1 + i]),
            without=float(rows[1 + i, label]),
            linear=None if contributions is None else float(contributions[first + i]),
            is_read=i + first >= len(ids) - model.length,
        )
        for i, (_, start, end) in enumerate(spans[first:])
    ]
    running = rows[1 + n_words :, label].tolist()
    return Explanation(
        text, model.labels[label], float(rows[0, label]), tuple(words), tuple(running), stride, bias
    )


def _probabilities(
    ids: list[int], ends: list[int], first: int, model: ExplainedModel, linear: LinearScores | None
) -> Probabilities:
    """Return [variant, label]: of the text, of the text without each word, and of the text up to each end."""
    network: Probabilities | None = None
    of_linear: LogProbabilities | None = None
    if model.ensemble.network:
        network = _network_probabilities(ids, ends, first, model)
        if model.ensemble == NETWORK_ALONE:
            return network
    if linear is not None:
        upto = linear.upto[[end - 1 for end in ends]]
        # The score of the whole text, summed in the order of the answer, so that both agree to the last
        # digit.
        upto[-1:] = linear.whole
        of_linear = model.ensemble.of_scores(np.vstack([linear.whole, linear.without[first:], upto]))
    return model.ensemble(network, of_linear)


def _network_probabilities(
    ids: list[int], ends: list[int], first: int, model: ExplainedModel
) -> Probabilities:
    """Return the network's rows; variants that are the same to the network are computed once."""
    positions = range(first, len(ids))
    # Without a word before those that are read, the network reads the same as of the whole.
    read = [i for i in positions if i >= len(ids) - model.length]
    rows = model.network(ids, read, ends[:-1])
    whole, without, upto = rows[:1], rows[1 : 1 + len(read)], rows[1 + len(read) :]
    unread = np.repeat(whole, len(positions) - len(read), axis=0)
    return np.concatenate([whole, unread, without, upto, whole[: len(ends)]])


def _log_odds(rows: Probabilities, label: int) -> Float64s:
    """Return the log-odds of a label, [row], from both sides: near 1 a float32 has too few digits."""
    smallest = np.finfo(np.float32).tiny
    others = np.delete(rows, label, axis=1).sum(axis=1, dtype=np.float64)
    odds: Float64s = np.log(np.maximum(rows[:, label].astype(np.float64), smallest))
    odds -= np.log(np.maximum(others, smallest))
    return odds


def _contributions(
    label: int, model: ExplainedModel, linear: LinearScores | None
) -> tuple[Float64s | None, float | None]:
    """Return each id's contribution to the linear model's score for `label`, and that of the bias."""
    if linear is None or model.linear is None:
        return None, None
    bias = sum((each.bias.astype(np.float64) for each in model.tfidf), model.linear.bias.astype(np.float64))
    scores = np.vstack([bias, linear.contributions])
    if isinstance(model.ensemble, LabelwiseEnsemble):
        toward = model.ensemble.linear[label] * scores[:, label] + 0.0
        return toward[1:], float(toward[0])
    if scores.shape[1] == 1:
        toward = scores[:, 0] if label == 1 else -scores[:, 0]
    else:
        toward = scores[:, label] - np.delete(scores, label, axis=1).mean(axis=1)
    # Adding 0 makes 0 of -0.
    toward = model.ensemble.linear * toward + 0.0
    return toward[1:], float(toward[0])
