"""What each word did to a verdict: the text without it, the text up to it, and the linear model's part.

Three things are told, each exact in what it claims, of the whole classifier as it answers (network and linear
model, mixed and calibrated):

- leave one out: how the label's log-odds, and its probability, change when this one word is taken out of the
  text and nothing is put in its place;
- the running verdict: the label's probability for the text up to and with a word, as if it ended there;
- the linear model's score, taken apart: the weight of each n-gram in equal parts on its places and its words.

The effects of leaving out one word each need not add up to anything: two words that say the same thing may
have no effect alone. The linear parts do add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, linear_log_probabilities
from foretell.ngrams.linear import LinearModel

Probabilities = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Spans = Sequence[tuple[int, int, int]]

# Of a longer text the running verdict is told at every second word, every third, and so on.
MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Word:
    """What one word did.

    Attributes:
        text: the word as it is written, `text[start:end]` of the whole.
        start, end: where it is, in Unicode code points.
        effect: log-odds of the label with the word minus without it, in nats: above 0 it speaks for it.
        without: the label's probability with the word taken out of the text.
        linear: its part of the linear model's score for the label, in nats; None where none is mixed in.
        is_read: whether the network reads it: of a long text it reads the end. Of a word before that, only
            the linear model knows.
    """

    text: str
    start: int
    end: int
    effect: float
    without: float
    linear: float | None
    is_read: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text got its label.

    Attributes:
        text: the text.
        label: the likeliest label.
        probability: its probability, 0 to 1.
        words: every word of the text, in order.
        running: the label's probability after `stride` words, 2 · `stride` words and so on, and at last after
            all of them, which is `probability`.
        stride: words from one point of `running` to the next: 1 up to 400 words, 2 up to 800, ...
        linear_bias: what the linear model's score is without any word, in nats; with the parts of all words
            it is the whole score: the weight of the linear model in the ensemble times its logit for the
            label, less the mean of its logits for the others (of two labels: its log-odds). None where none
            is mixed in.
    """

    text: str
    label: Any
    probability: float
    words: tuple[Word, ...]
    running: tuple[float, ...]
    stride: int
    linear_bias: float | None


@dataclass(frozen=True, eq=False)
class Parts:
    """The classifier as an explanation needs it.

    Attributes:
        labels: the labels.
        network: probabilities [variant, label] of a text, of the text without each of some words that are
            read, and of the text up to each of some ends; of (ids, places of words, numbers of ids).
        length: most ids of a text that the network reads, the last ones.
        linear: the linear model, where one is mixed in.
        ensemble: how the two are mixed.
    """

    labels: Sequence[str]
    network: Callable[[list[int], list[int], list[int]], Probabilities]
    length: int
    linear: LinearModel | None
    ensemble: Ensemble


@dataclass(frozen=True, eq=False)
class LinearParts:
    """The scores of a linear model for a text and its variants, and whose they are.

    Attributes:
        whole: of the text, [column].
        without: of the text without one word, [word, column].
        upto: of the text up to and with a word, [word, column].
        shares: each word's part of `whole` less the bias, [word, column].
    """

    whole: Floats
    without: Floats
    upto: Floats
    shares: Floats


def explain(text: str, spans: Spans, parts: Parts, *, first: int = 0) -> Explanation:
    """Explain the label of a text.

    Args:
        text: the text.
        spans: (id, start, end) of what the tokenizer makes of it.
        parts: the classifier.
        first: how many of the first ids are no words of the text.
    """
    ids = [id for id, _, _ in spans]
    n_words = len(ids) - first
    stride = max(1, -(-n_words // MOST_POINTS))
    ends = [*range(stride, n_words, stride), n_words] if n_words else []
    linear = linear_parts(parts.linear, ids) if parts.linear is not None else None
    rows = _probabilities(ids, [end + first for end in ends], first, parts, linear)
    label = int(rows[0].argmax())
    odds = _log_odds(rows, label)
    shares, bias = _toward(label, parts, linear)
    words = [
        Word(
            text[start:end],
            start,
            end,
            effect=float(odds[0] - odds[1 + i]),
            without=float(rows[1 + i, label]),
            linear=None if shares is None else float(shares[first + i]),
            is_read=i + first >= len(ids) - parts.length,
        )
        for i, (_, start, end) in enumerate(spans[first:])
    ]
    running = rows[1 + n_words :, label].tolist()
    return Explanation(
        text, parts.labels[label], float(rows[0, label]), tuple(words), tuple(running), stride, bias
    )


def _probabilities(
    ids: list[int], ends: list[int], first: int, parts: Parts, linear: LinearParts | None
) -> Probabilities:
    """Return the rows of the text, of the text without each word, and of the text up to each of `ends`."""
    of_network = of_linear = None
    if parts.ensemble.network:
        of_network = _network_rows(ids, ends, first, parts)
        if parts.ensemble == NETWORK_ALONE:
            return of_network
    if linear is not None:
        upto = linear.upto[[end - 1 for end in ends]]
        # The sums of the whole text, added up in another order, are those of the answer to the last digit.
        upto[-1:] = linear.whole
        of_linear = linear_log_probabilities(np.vstack([linear.whole, linear.without[first:], upto]))
    return parts.ensemble(of_network, of_linear)


def _network_rows(ids: list[int], ends: list[int], first: int, parts: Parts) -> Probabilities:
    """Return what the network gives; what it cannot tell apart is asked for once."""
    places = range(first, len(ids))
    # With an earlier word taken out, the network reads what it reads of the whole.
    read = [i for i in places if i >= len(ids) - parts.length]
    found = parts.network(ids, read, ends[:-1])
    unread = np.repeat(found[:1], len(places) - len(read), axis=0)
    upto = found[1 + len(read) :]
    return np.concatenate([found[:1], unread, found[1 : 1 + len(read)], upto, found[: len(ends[:1])]])


def _log_odds(rows: Probabilities, label: int) -> Floats:
    """Return the log-odds of a label, [row]; from both sides, since near 1 a float32 tells no more."""
    smallest = np.finfo(np.float32).tiny
    others = np.delete(rows, label, axis=1).sum(axis=1, dtype=np.float64)
    odds: Floats = np.log(np.maximum(rows[:, label].astype(np.float64), smallest))
    odds -= np.log(np.maximum(others, smallest))
    return odds


def _toward(label: int, parts: Parts, linear: LinearParts | None) -> tuple[Floats | None, float | None]:
    """Return each id's share in the linear model's score for `label`, and that of its bias."""
    if linear is None or parts.linear is None:
        return None, None
    scores = np.vstack([parts.linear.bias.astype(np.float64), linear.shares])
    if scores.shape[1] == 1:
        toward = scores[:, 0] if label == 1 else -scores[:, 0]
    else:
        toward = scores[:, label] - np.delete(scores, label, axis=1).mean(axis=1)
    # Adding 0 makes 0 of -0.
    toward = parts.ensemble.linear * toward + 0.0
    return toward[1:], float(toward[0])


# ---- The linear model


def linear_parts(model: LinearModel, ids: Sequence[int]) -> LinearParts:
    """Return the model's scores for a text and its variants, in time linear in the text.

    Taking out a word takes out the n-grams that are nowhere else, and makes new ones of its neighbours.
    """
    n, columns = len(ids), len(model.bias)
    shares, lost, gained, new = (np.zeros((n, columns)) for _ in range(4))
    places: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    weights: dict[tuple[int, ...], npt.NDArray[np.float32]] = {}
    for start, stop, weight in model.contributions(ids):
        gram = tuple(ids[start:stop])
        places.setdefault(gram, []).append((start, stop))
        weights[gram] = weight
    for gram, found in places.items():
        weight = weights[gram].astype(np.float64)
        for start, stop in found:
            shares[start:stop] += weight / (len(found) * len(gram))
        new[found[0][1] - 1] += weight
        first, last = _in_all(found)
        lost[first:last] += weight
    for i, gram, weight in _made_by_removal(model, ids):
        first, last = _in_all(places[gram]) if gram in places else (i, i + 1)
        if first <= i < last:
            gained[i] += weight
    whole = model.scores([ids])[0].astype(np.float64)
    upto = model.bias.astype(np.float64) + np.cumsum(new, axis=0)
    return LinearParts(whole, whole - lost + gained, upto, shares)


def _in_all(places: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the range of words that are in every one of these places of an n-gram; it may be empty."""
    return max(start for start, _ in places), min(stop for _, stop in places)


def _made_by_removal(
    model: LinearModel, ids: Sequence[int]
) -> list[tuple[int, tuple[int, ...], npt.NDArray[np.float32]]]:
    """Return (i, n-gram, weight) of each known n-gram that reaches over the gap once word i is out."""
    reach = model.longest - 1
    flat: list[int] = []
    owner: list[int] = []
    gap: list[int] = []
    for i in range(len(ids)):
        before, after = ids[max(0, i - reach) : i], ids[i + 1 : i + 1 + reach]
        # Padding parts one word's neighbours from the next one's: no n-gram holds it.
        context = [*before, *after, 0]
        gap += [len(flat) + len(before)] * len(context)
        owner += [i] * len(context)
        flat += context
    made = {
        (owner[start], tuple(flat[start:stop])): weight
        for start, stop, weight in model.contributions(flat)
        if start < gap[start] < stop
    }
    return [(i, gram, weight) for (i, gram), weight in made.items()]
