"""A `bilstm` network's probabilities for the variants of one text: without one word, or up to one word.

One after another, each variant would be read from its first word to its last. Here the variants are rows of
one matrix, which reads the same word at the same step, and work that they have in common is done once: the
input product of every word; the text before the word that is left out, after which its row continues alone
(in the backward direction, the text after it); and, in the forward direction, every beginning of the text,
for which the state is read on the way. The rows of a long text are divided among several threads.

This takes 0.4 times the processor time of ONNX Runtime for one variant after another, from 200 words on
(`python -m bench.explain --only-ways`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from foretell.arrays import Float32s, Integers, Probabilities
from foretell.artifacts.weights import Weights
from foretell.ngrams.ensemble import linear_log_probabilities
from foretell.ngrams.labelwise import sigmoid

# BLAS divides larger products among threads of its own, which wait busily for one another: on processors with
# other work to do that takes tens of times as long.
_MULTIPLICATIONS_AT_ONCE = 1 << 18
_HALF = np.float32(0.5)
# Threads wait for one another between NumPy's calls, so a second thread pays only where calls are long: from
# this many words to leave out, times units, per thread.
_WORK_PER_THREAD = 12_000


class Variants:
    """The network of a classifier, for the variants of a text.

    Args:
        weights: of a `bilstm`.
        length: words of a text that it reads, at most: its last ones.
        unknown: the id of unknown words.
        threads: threads that divide the variants of a text, at most.
        several_labels: whether a text may have several labels.
    """

    def __init__(
        self, weights: Weights, length: int, unknown: int, *, threads: int = 1, several_labels: bool = False
    ) -> None:
        self._several_labels = several_labels
        self._embedding = weights["embedding"]
        self._layers = _Layer(weights, "lstm_forward"), _Layer(weights, "lstm_backward")
        # The hidden states that are pooled are doubled.
        self._kernel, self._bias = _HALF * weights["output/kernel"][None], weights["output/bias"]
        self._length, self._unknown, self._threads = length, unknown, threads

    def __call__(self, ids: Sequence[int], without: Sequence[int], ends: Sequence[int]) -> Probabilities:
        """Return probabilities [variant, label]: of the text, without each word, and up to each end.

        Args:
            ids: the text, at least two words.
            without: positions of words to leave out, one at a time, among the last `length`.
            ends: how many words the text has up to each end, at least 1; ascending.
        """
        readings = self._readings(ids)
        n = min(self._threads, len(without) * self._layers[0].units // _WORK_PER_THREAD)
        if n <= 1:
            return self._part(readings, without, ends)
        # Each thread gets variants from all over the text, so that all have the same amount of work.
        parts = [(without[k::n], ends[k::n]) for k in range(n)]
        with ThreadPoolExecutor(n, thread_name_prefix="foretell-variants") as threads:
            results = list(threads.map(lambda part: self._part(readings, *part), parts))
        rows = np.empty((1 + len(without) + len(ends), results[0].shape[1]), np.float32)
        left_out, upto = np.split(rows[1:], [len(without)])
        for k, part in enumerate(results):
            rows[0], (left_out[k::n], upto[k::n]) = part[0], np.split(part[1:], [len(left_out[k::n])])
        return rows

    def _part(
        self, readings: tuple[_Reading, _Reading], without: Sequence[int], ends: Sequence[int]
    ) -> Probabilities:
        """Return the probabilities of the text and of some of its variants."""
        forward, backward = readings
        n, stops = len(forward), np.asarray(ends, np.int64)
        starts = np.maximum(stops - self._length, 0)
        is_cut = n > self._length
        # Where a word is left out of a text that is cut, the word before the first one is read too: the text
        # itself is then the variant without that word, and the row of all words is dropped at the end.
        reach = self._length + 1 if is_cut else n
        positions = np.array([n - reach, *without] if is_cut else without, np.int64)
        begins = stops[:0] if is_cut else n - stops
        whole, after = forward.variants(n - reach, n, positions, begins[:0])
        whole_back, from_begins = np.split(
            backward.variants(0, reach, n - 1 - positions, begins)[0], [1 + len(positions)], axis=1
        )
        if is_cut:
            upto, upto_back = forward.alone(starts, stops), backward.alone(n - stops, n - starts)
        else:
            upto, upto_back = after[:, stops - 1], from_begins
        pooled = _pool(
            np.concatenate([whole, upto], axis=1),
            np.concatenate([whole_back, upto_back], axis=1),
            np.concatenate([[reach], np.full(len(positions), reach - 1), stops - starts]),
        )
        scores = _product(pooled[int(is_cut) :], self._kernel)[0] + self._bias
        if self._several_labels:
            return sigmoid(scores.astype(np.float64))
        return np.exp(linear_log_probabilities(scores)).astype(np.float32)

    def _readings(self, ids: Sequence[int]) -> tuple[_Reading, _Reading]:
        """Return the text as either direction reads it."""
        known = np.where(np.less(ids, len(self._embedding)), ids, self._unknown)
        words, order = np.unique(known, return_inverse=True)
        x = self._embedding[words]
        forward, backward = self._layers
        return _Reading(forward, x, order), _Reading(backward, x, order[::-1])


class _Layer:
    """The weights of an LSTM layer by gate: a matrix for each of the gates i, f, o and the candidate c.

    Everything of the gates is halved, since sigmoid(x) = (1 + tanh(x / 2)) / 2, and so are the weights of
    hidden states, which are doubled. Halving is exact.
    """

    def __init__(self, weights: Weights, name: str) -> None:
        self.kernel = _by_gate(weights[f"{name}/kernel"])  # [gate, in, unit]
        self.recurrent_kernel = _by_gate(_HALF * weights[f"{name}/recurrent_kernel"])  # [gate, unit, unit]
        self.bias = _by_gate(weights[f"{name}/bias"][None])  # [gate, 1, unit]
        self.units = self.bias.shape[-1]


class _Reading:
    """A text as one layer reads it.

    Args:
        layer: the layer.
        x: the embeddings of its different words, [word, in].
        order: the number of the word at each step.
    """

    def __init__(self, layer: _Layer, x: Float32s, order: Integers) -> None:
        self._layer, self._order = layer, order
        self._products = _product(x, layer.kernel)
        self._products += layer.bias

    def __len__(self) -> int:
        return len(self._order)

    def variants(
        self, start: int, stop: int, skipped: Integers, begun: Integers
    ) -> tuple[Float32s, Float32s]:
        """Read the steps from `start` to `stop`.

        Args:
            start, stop: the steps.
            skipped: steps to leave out, one at a time.
            begun: steps at each of which one more text begins.

        Returns:
            States [value, row, unit] at the end: of all steps, without each skipped step, and from each step
            where a text begins. And the states of all steps, after each of them.
        """
        texts = _Texts(self._layer, 1 + len(skipped) + len(begun))
        states, skips, begins = texts.states, set(skipped.tolist()), set(begun.tolist())
        after = np.empty((len(states), stop - start, states.shape[2]), np.float32)
        row_without, row_from, count = {}, {}, 1
        for step, word in enumerate(self._order[start:stop].tolist(), start):
            if step in begins:
                # Its row is still zero.
                row_from[step], count = count, count + 1
            if step in skips:
                row_without[step] = count
                states[:, count] = states[:, 0]
            texts.read(count, self._products[:, word, None])
            after[:, step - start] = states[:, 0]
            count += step in skips
        rows = [row_without[step] for step in skipped.tolist()] + [row_from[step] for step in begun.tolist()]
        return states[:, [0, *rows]], after

    def alone(self, starts: Integers, stops: Integers) -> Float32s:
        """Read the steps from each start to its stop, the longest last; return states [value, row, unit]."""
        texts = _Texts(self._layer, len(starts))
        ends, lengths = stops[::-1], (stops - starts)[::-1]
        longest = int(lengths.max(initial=0))
        # They end together, so the longest begin first.
        n_begun = np.searchsorted(-lengths, np.arange(longest) - longest, side="right")
        for step, count in enumerate(n_begun):
            words = self._order[ends[:count] - (longest - step)]
            texts.read(count, self._products.take(words, axis=1))
        return texts.states[:, ::-1]


class _Texts:
    """Texts that a layer reads together, one word of each per step.

    Attributes:
        states: [value, row, unit]; the values are the hidden state, doubled; the cell state; and the sum and
            the maximum of the doubled hidden states so far.
    """

    def __init__(self, layer: _Layer, count: int) -> None:
        self._recurrent_kernel = layer.recurrent_kernel
        self.states = np.zeros((4, count, layer.units), np.float32)
        self.states[3] = -np.inf
        self._gates = np.empty((4, count, layer.units), np.float32)

    def read(self, count: int, products: Float32s) -> None:
        """Read one word of each of the first `count` texts: input products [gate, text or 1, unit]."""
        h, c, total, largest = self.states[:, :count]
        gates = _product(h, self._recurrent_kernel, self._gates[:, :count])
        gates += products
        np.tanh(gates, out=gates)
        gates[:3] += 1
        i, f, o, candidate = gates
        c *= f
        candidate *= i
        c += candidate
        c *= _HALF
        np.tanh(c, out=h)
        h *= o
        total += h
        np.maximum(largest, h, out=largest)


def _by_gate(weights: Float32s) -> Float32s:
    """Turn [in, 4 * unit], gates i, f, c, o, into [gate, in, unit], gates i, f, o (halved), c."""
    i, f, c, o = np.split(weights, 4, axis=1)
    return np.stack([_HALF * i, _HALF * f, _HALF * o, c])


def _product(rows: Float32s, kernels: Float32s, out: Float32s | None = None) -> Float32s:
    """Multiply rows [row, in] by each of the kernels [kernel, in, unit]: [kernel, row, unit]."""
    (n, size), (n_kernels, _, units) = rows.shape, kernels.shape
    if out is None:
        out = np.empty((n_kernels, n, units), np.float32)
    at_once = max(1, _MULTIPLICATIONS_AT_ONCE // (size * units))
    end = n - n % at_once
    if end:
        parts = out[:, :end].reshape(n_kernels, -1, at_once, units).swapaxes(0, 1)
        np.matmul(rows[:end].reshape(-1, 1, at_once, size), kernels, out=parts)
    if end < n:
        np.matmul(rows[end:], kernels, out=out[:, end:])
    return out


def _pool(forward: Float32s, backward: Float32s, lengths: Integers) -> Float32s:
    """Return [row, 6 * unit] as `networks.labels.Pool` does: max, mean, last, each forward, then backward."""
    last, _, total, largest = np.stack([forward, backward], axis=2)  # each [row, direction, unit]
    mean = total / lengths[:, None, None].astype(np.float32)
    pooled: Float32s = np.stack([largest, mean, last], axis=1).reshape(len(lengths), -1)
    return pooled
