"""The effect of each word on a label: leave-one-out, running verdict, and the linear model's contributions.

All three are exact for the whole classifier as it answers (network and linear model combined by the
ensemble):

- effect (leave-one-out): the change of the label's log-odds, and its probability, when this one word is left
  out of the text and nothing takes its place;
- running verdict: the label's probability for the text up to and with a word, as if the text ended there;
- contribution: the linear model's score in parts. The weight of each n-gram is divided equally among its
  occurrences and its words.

Effects need not add up: two words with the same meaning may each have no effect. Contributions add up to the
linear model's score. A kept teacher reads a text as a whole: its score is not divided among the words, and
stands beside their contributions as one number. It computes every variant of the text for the other two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from foretell.arrays import Float32s, Float64s, LogProbabilities, Probabilities
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
_CHARACTERS_AT_ONCE = 1 << 16


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
        ensemble: how the two are combined.
        tfidf: the linear models whose scores are added to those of `linear`.
        teacher: returns the scores [text, column] of a kept teacher, which are added too; None: there
            is none.
    """

    labels: Sequence[Any]
    network: Callable[[list[int], list[int], list[int]], Probabilities]
    length: int
    linear: LinearModel | None
    ensemble: Ensemble | LabelwiseEnsemble
    tfidf: tuple[TfidfModel, ...] = ()
    teacher: Callable[[Sequence[str]], Float32s] | None = None

    def linear_scores(self, text: str, spans: Sequence[Span]) -> LinearScores | None:
        """Return the scores of the linear models together; None where the ensemble has none."""
        if self.linear is None:
            return None
        scores = linear_scores(self.linear, [id for id, _, _ in spans])
        for model in self.tfidf:
            check_stopped()
            scores = scores.plus(tfidf_scores(model, text, spans))
        return scores

    def teacher_scores(self, text: str, words: Sequence[Span], ends: Sequence[int]) -> Float64s | None:
        """Return the teacher's scores [variant, column] of a text, without each word, and up to each end.

        Args:
            text: the text.
            words: its tokens that are words.
            ends: numbers of words; the last one is the number of all of them.

        Returns:
            None where there is no teacher.
        """
        if self.teacher is None or self.linear is None:
            return None
        without = (text[:start] + text[end:] for _, start, end in words)
        upto = (text[: words[n - 1][2]] for n in ends[:-1])
        variants, rows = chain([text], without, upto), []
        # All variants of a long text would not fit into the memory.
        at_once = max(1, _CHARACTERS_AT_ONCE // max(1, len(text)))
        while part := list(islice(variants, at_once)):
            check_stopped()
            rows.append(self.teacher(part))
        # Up to its end the text is whole.
        return np.concatenate([*rows, rows[0][: len(ends[-1:])]]).astype(np.float64)


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
    teacher = model.teacher_scores(text, spans[first:], ends)
    rows = _probabilities(ids, [end + first for end in ends], first, model, linear, teacher)
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
        text=text,
        label=model.labels[label],
        probability=float(rows[0, label]),
        words=tuple(words),
        running=tuple(running),
        stride=stride,
        linear_bias=bias,
        teacher=None if teacher is None else float(_toward(label, model, teacher[:1])[0]),
    )


def _probabilities(
    ids: list[int],
    ends: list[int],
    first: int,
    model: ExplainedModel,
    linear: LinearScores | None,
    teacher: Float64s | None,
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
        scores = np.vstack([linear.whole, linear.without[first:], upto])
        of_linear = model.ensemble.of_scores(scores if teacher is None else scores + teacher)
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
    toward = _toward(label, model, np.vstack([bias, linear.contributions]))
    return toward[1:], float(toward[0])


def _toward(label: int, model: ExplainedModel, scores: Float64s) -> Float64s:
    """Return what scores [row, column] are worth for a label in the ensemble, [row]."""
    if isinstance(model.ensemble, LabelwiseEnsemble):
        alone: Float64s = model.ensemble.linear[label] * scores[:, label] + 0.0
        return alone
    if scores.shape[1] == 1:
        toward = scores[:, 0] if label == 1 else -scores[:, 0]
    else:
        toward = scores[:, label] - np.delete(scores, label, axis=1).mean(axis=1)
    # Adding 0 makes 0 of -0.
    worth: Float64s = model.ensemble.linear * toward + 0.0
    return worth
