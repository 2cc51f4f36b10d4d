"""What a `bilstm` network gives for the variants of one text: without one of its words, or up to one of them.

Asked for one by one, each variant would be read from end to end. Here they are rows of one matrix that read
the same word at the same step, and what they have in common is read once: every word's input product; the
text before the word that is left out, from which its row goes on alone (in the backward direction, the text
after it); and, in the forward direction, every beginning: whoever reads the text passes through them all.
The rows of a long text are shared out to several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load as load_safetensors

from foretell.artifacts import manifest
from foretell.artifacts.weights import Weights
from foretell.errors import ArtifactError
from foretell.ngrams.ensemble import linear_log_probabilities

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

# BLAS shares larger products out to threads of its own, which wait busily for one another: on processors with
# other work to do that takes tens of times as long.
_MULTIPLICATIONS_AT_ONCE = 1 << 18
_HALF = np.float32(0.5)
# Threads wait for one another between NumPy's calls, so only long calls are worth a second thread. This many
# words to leave out, times units, for each thread.
_WORK_A_THREAD = 12_000


def read_weights(path: Path, as_opened: bytes) -> Weights | None:
    """Return the weights of a model that was opened before; None where its files have changed or vanished.

    Args:
        path: the model directory.
        as_opened: its manifest when it was opened.
    """
    try:
        entries = manifest.read_manifest(path)
        if (path / manifest.MANIFEST).read_bytes() != as_opened:
            return None
        weights: Weights = load_safetensors(
            manifest.read_verified(path, manifest.WEIGHTS, entries[manifest.WEIGHTS])
        )
    except (ArtifactError, OSError):
        return None
    return weights


class Variants:
    """The network of a labels model, for the variants of a text.

    Args:
        weights: of a `bilstm`.
        length: most words of a text that it reads, the last ones.
        unknown: the id that stands for words that it does not know.
        threads: most threads that share the variants of a text.
    """

    def __init__(self, weights: Weights, length: int, unknown: int, *, threads: int = 1) -> None:
        self._embedding = weights["embedding"]
        self._layers = _Layer(weights, "lstm_forward"), _Layer(weights, "lstm_backward")
        # The hidden states that are pooled are doubled.
        self._kernel, self._bias = _HALF * weights["output/kernel"][None], weights["output/bias"]
        self._length, self._unknown, self._threads = length, unknown, threads

    def __call__(self, ids: Sequence[int], without: Sequence[int], ends: Sequence[int]) -> Floats:
        """Return probabilities [variant, label]: of the text, without each word, and up to each end.

        Args:
            ids: the text, at least two words.
            without: places of words to leave out, one at a time, among the last `length`.
            ends: how many words the text has up to each end, at least 1; in rising order.
        """
        readings = self._readings(ids)
        n = min(self._threads, len(without) * self._layers[0].units // _WORK_A_THREAD)
        if n <= 1:
            return self._share(readings, without, ends)
        # Each thread gets variants from all over the text, so that all have the same work.
        shares = [(without[k::n], ends[k::n]) for k in range(n)]
        with ThreadPoolExecutor(n, thread_name_prefix="foretell-variants") as threads:
            found = list(threads.map(lambda share: self._share(readings, *share), shares))
        rows = np.empty((1 + len(without) + len(ends), found[0].shape[1]), np.float32)
        left_out, upto = np.split(rows[1:], [len(without)])
        for k, part in enumerate(found):
            rows[0], (left_out[k::n], upto[k::n]) = part[0], np.split(part[1:], [len(left_out[k::n])])
        return rows

    def _share(
        self, readings: tuple[_Reading, _Reading], without: Sequence[int], ends: Sequence[int]
    ) -> Floats:
        """Return the probabilities of the text and of some of its variants."""
        forward, backward = readings
        n, stops = len(forward), np.asarray(ends, np.int64)
        starts = np.maximum(stops - self._length, 0)
        is_cut = n > self._length
        # Where a word is left out of a text that is cut, the word before the first moves in: the text itself
        # is then what is left without that word, and nobody asks for all of them.
        reach = self._length + 1 if is_cut else n
        places = np.array([n - reach, *without] if is_cut else without, np.int64)
        begins = stops[:0] if is_cut else n - stops
        whole, after = forward.variants(n - reach, n, places, begins[:0])
        whole_back, from_begins = np.split(
            backward.variants(0, reach, n - 1 - places, begins)[0], [1 + len(places)], axis=1
        )
        if is_cut:
            upto, upto_back = forward.alone(starts, stops), backward.alone(n - stops, n - starts)
        else:
            upto, upto_back = after[:, stops - 1], from_begins
        pooled = _pool(
            np.concatenate([whole, upto], axis=1),
            np.concatenate([whole_back, upto_back], axis=1),
            np.concatenate([[reach], np.full(len(places), reach - 1), stops - starts]),
        )
        scores = _product(pooled[int(is_cut) :], self._kernel)[0] + self._bias
        return np.exp(linear_log_probabilities(scores)).astype(np.float32)

    def _readings(self, ids: Sequence[int]) -> tuple[_Reading, _Reading]:
        """Return the text as either direction reads it."""
        known = np.where(np.less(ids, len(self._embedding)), ids, self._unknown)
        words, order = np.unique(known, return_inverse=True)
        x = self._embedding[words]
        forward, backward = self._layers
        return _Reading(forward, x, order), _Reading(backward, x, order[::-1])


class _Layer:
    """The weights of an LSTM layer, made ready: the gates i, f, o and the candidate c have a matrix each.

    Of the gates everything is halved, since sigmoid(x) = (1 + tanh(x / 2)) / 2, and so is what stands on
    hidden states, since those are doubled. Halving loses nothing.
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
        order: which word comes at each step.
    """

    def __init__(self, layer: _Layer, x: Floats, order: Integers) -> None:
        self._layer, self._order = layer, order
        self._products = _product(x, layer.kernel)
        self._products += layer.bias

    def __len__(self) -> int:
        return len(self._order)

    def variants(self, start: int, stop: int, skipped: Integers, begun: Integers) -> tuple[Floats, Floats]:
        """Read the steps from `start` to `stop`.

        Args:
            start, stop: the steps.
            skipped: steps to leave out, one at a time.
            begun: steps at each of which one more text begins.

        Returns:
            States [value, row, unit] at the end: of all steps, without each that is skipped, and from each on
            where a text begins. And those of all steps, after each of them.
        """
        texts = _Texts(self._layer, 1 + len(skipped) + len(begun))
        states, skips, begins = texts.states, set(skipped.tolist()), set(begun.tolist())
        after = np.empty((len(states), stop - start, states.shape[2]), np.float32)
        row_without, row_from, count = {}, {}, 1
        for step, word in enumerate(self._order[start:stop].tolist(), start):
            if step in begins:
                # Its row is still of zeros.
                row_from[step], count = count, count + 1
            if step in skips:
                row_without[step] = count
                states[:, count] = states[:, 0]
            texts.read(count, self._products[:, word, None])
            after[:, step - start] = states[:, 0]
            count += step in skips
        rows = [row_without[step] for step in skipped.tolist()] + [row_from[step] for step in begun.tolist()]
        return states[:, [0, *rows]], after

    def alone(self, starts: Integers, stops: Integers) -> Floats:
        """Read the steps from each start to its stop, the longest last: states [value, row, unit]."""
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
    """Texts that a layer reads side by side, a word of each at a step.

    Attributes:
        states: [value, row, unit]; the values are the hidden state, twice; the cell state; and the sum and
            the largest of the doubled hidden states so far.
    """

    def __init__(self, layer: _Layer, count: int) -> None:
        self._recurrent_kernel = layer.recurrent_kernel
        self.states = np.zeros((4, count, layer.units), np.float32)
        self.states[3] = -np.inf
        self._gates = np.empty((4, count, layer.units), np.float32)

    def read(self, count: int, products: Floats) -> None:
        """Let the first `count` texts read a word: input products [gate, text or 1, unit]."""
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


def _by_gate(weights: Floats) -> Floats:
    """Turn [in, 4 * unit], gates i, f, c, o, into [gate, in, unit], gates i, f, o (halved), c."""
    i, f, c, o = np.split(weights, 4, axis=1)
    return np.stack([_HALF * i, _HALF * f, _HALF * o, c])


def _product(rows: Floats, kernels: Floats, out: Floats | None = None) -> Floats:
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


def _pool(forward: Floats, backward: Floats, lengths: Integers) -> Floats:
    """Return [row, 6 * unit] as `networks.labels.Pool` does: max, mean, last, each forward, then backward."""
    last, _, total, largest = np.stack([forward, backward], axis=2)  # each [row, direction, unit]
    mean = total / lengths[:, None, None].astype(np.float32)
    pooled: Floats = np.stack([largest, mean, last], axis=1).reshape(len(lengths), -1)
    return pooled
