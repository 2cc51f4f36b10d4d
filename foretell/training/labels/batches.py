"""The network's batches: texts as it reads them, in an order that depends on seed and epoch alone.

TensorFlow's input pipeline makes the batches from one flat array of ids, so that a step runs no Python and
padding takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Probabilities
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.tokenized import TokenizedTexts, Weights

# Batches of similar length are made within pools of this many batches: large enough for little padding, small
# enough that batches differ from epoch to epoch.
_POOL = 50


@dataclass(frozen=True, kw_only=True)
class EncodedTexts:
    """Texts as ids, one after another.

    Attributes:
        ids: int32 [word], the last `length` ids of every text.
        starts: int64 [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        targets: int32 [text], the label's place among the sorted labels; of soft labels the most probable.
        n_labels: number of labels.
        length: steps of every batch where texts are padded in front; None: padded at the end, to the longest
            text of the batch.
        soft: float32 [text, label], probabilities to learn instead of `targets`; None: learn `targets`.
        weights: float32 [text], how much each text counts in the loss; None: 1 each.
        several: whether a text may have several labels. `targets` is then float32 [text, label], NaN unknown.
    """

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    targets: npt.NDArray[Any]
    n_labels: int
    length: int | None
    soft: npt.NDArray[np.float32] | None = None
    weights: npt.NDArray[np.float32] | None = None
    several: bool = False

    def __len__(self) -> int:
        return len(self.targets)

    def first(self, count: int) -> EncodedTexts:
        """Return the first `count` texts only."""
        return self._part(0, min(count, len(self)))

    def _part(self, first: int, last: int) -> EncodedTexts:
        starts = self.starts[first : last + 1]
        return replace(
            self,
            ids=self.ids[starts[0] : starts[-1]],
            starts=starts - starts[0],
            targets=self.targets[first:last],
            soft=None if self.soft is None else self.soft[first:last],
            weights=None if self.weights is None else self.weights[first:last],
        )

    @property
    def is_binary(self) -> bool:
        """Whether the network has one output, the probability of the second of two labels."""
        return self.n_labels == 2 and not self.several

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Words of each text, [text]."""
        return np.diff(self.starts)


Predictor = Callable[[EncodedTexts, int], Probabilities]


def as_read(
    texts: TokenizedTexts,
    targets: npt.NDArray[Any],
    n_labels: int,
    tokenizer: Tokenizer,
    settings: LabelsSettings,
    soft: npt.NDArray[np.float32] | None = None,
    weights: Weights | None = None,
) -> EncodedTexts:
    """Return texts as the network reads them.

    The last `settings.length` ids of a text are kept. Words outside the network's vocabulary, which the
    linear model may have, become the unknown word; so does a text without any word.

    Args:
        texts: the texts.
        targets: the place of each label, [text]; of texts that may have several, float32 [text, label].
        n_labels: number of labels.
        tokenizer: the tokenizer of the ids.
        settings: network, length and vocabulary are read.
        soft: probabilities to learn instead of `targets`, [text, label], or None.
        weights: how much each text counts, [text]; only their proportions have an effect. None: 1 each.
    """
    ids, starts = texts.ids, texts.starts
    unknown = tokenizer.unknown if tokenizer.unknown is not None else 1
    kept = np.minimum(np.diff(starts), settings.length)
    read = np.maximum(kept, 1)
    firsts = np.concatenate([[0], np.cumsum(read)]).astype(np.int64)
    within = np.arange(firsts[-1]) - np.repeat(firsts[:-1], read)
    at = np.repeat(starts[1:] - kept, read) + within
    is_word = np.repeat(kept > 0, read)
    chosen = np.where(is_word, ids[np.where(is_word, at, 0)] if len(ids) else unknown, unknown)
    return EncodedTexts(
        ids=np.where(chosen < network_size(settings, tokenizer), chosen, unknown).astype(np.int32),
        starts=firsts,
        targets=targets if settings.is_multi_label else targets.astype(np.int32),
        several=settings.is_multi_label,
        n_labels=n_labels,
        length=settings.length if settings.traits.pads_front else None,
        soft=soft,
        # With a mean of 1 the learning rate keeps its meaning.
        weights=None if weights is None else (weights / weights.mean()).astype(np.float32),
    )


def epoch_order(texts: EncodedTexts, batch_size: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of the texts [text] in epoch `epoch` (from 0).

    Each run of `batch_size` is one batch; the last may be shorter. Where batches have no fixed length, texts
    of similar length share a batch, and the batches are then shuffled.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(texts))
    if texts.length is not None:
        return order
    lengths, pool = texts.lengths, _POOL * batch_size
    for first in range(0, len(order), pool):
        part = order[first : first + pool]
        order[first : first + pool] = part[np.argsort(lengths[part], kind="stable")]
    full = len(order) // batch_size
    shuffled = order[: full * batch_size].reshape(full, batch_size)[rng.permutation(full)]
    return np.concatenate([shuffled.ravel(), order[full * batch_size :]])


def batches(texts: EncodedTexts, order: npt.NDArray[np.int64], batch_size: int, *, first: int = 0) -> Any:
    """Return a tf.data.Dataset of (ids, targets), from batch `first` of `order` on.

    ids are int32 [batch, step], padded with 0; targets float32 [batch, 1] for two labels, else int32 [batch],
    or float32 [batch, label] where they are soft or texts may have several labels. With `texts.weights` there
    is a third part, float32 [batch].
    """
    import tensorflow as tf

    binary = texts.is_binary
    learned: npt.NDArray[Any] = texts.targets
    if texts.soft is not None:
        learned = texts.soft[:, 1] if binary else texts.soft
    flat, starts, targets = (tf.constant(values) for values in (texts.ids, texts.starts, learned))
    length, weights = texts.length, texts.weights

    def gather(places: Any) -> tuple[Any, ...]:
        start, end = tf.gather(starts, places), tf.gather(starts, places + 1)
        if length is None:
            at = start[:, None] + tf.range(tf.reduce_max(end - start))
        else:
            at = end[:, None] + tf.range(-length, 0, dtype=tf.int64)
        inside = (at >= start[:, None]) & (at < end[:, None])
        ids = tf.where(inside, tf.gather(flat, tf.where(inside, at, 0)), 0)
        target = tf.gather(targets, places)
        target = tf.cast(target, tf.float32)[:, None] if binary else target
        return (ids, target) if weights is None else (ids, target, tf.gather(weights, places))

    # There is nothing to tune, and the tuning thread can delay the end of an epoch by a minute.
    untuned = tf.data.Options()
    untuned.autotune.enabled = False
    places = tf.data.Dataset.from_tensor_slices(order[first * batch_size :])
    return places.batch(batch_size).map(gather).prefetch(4).with_options(untuned)


def make_predictor(model: Any, length: int | None) -> Predictor:
    """Return a function from (texts, batch size) to the probabilities [text, label] that `model` gives.

    It is traced once: Keras's own `predict` traces again for each new shape and warns about it.

    Args:
        model: a network of `labels_network`.
        length: steps of every batch, or None where they differ.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec([None, length], tf.int32)]
    forward = tf.function(lambda ids: model(ids, training=False), input_signature=signature)

    def predict(texts: EncodedTexts, batch_size: int) -> Probabilities:
        # By length, so that a batch holds little padding.
        order = np.argsort(texts.lengths, kind="stable")
        firsts = range(0, len(order), batch_size)
        sorted_rows = np.concatenate(
            [forward(padded(texts, order[first : first + batch_size])).numpy() for first in firsts]
        )
        if texts.is_binary:
            sorted_rows = np.concatenate([1 - sorted_rows, sorted_rows], axis=1)
        probabilities: Probabilities = np.empty_like(sorted_rows)
        probabilities[order] = sorted_rows
        return probabilities

    return predict


def padded(texts: EncodedTexts, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the ids of some texts, [text, step], padded with 0.

    What `batches` makes in TensorFlow. A pipeline of its own takes longer to build than a small network takes
    to answer a few hundred texts.
    """
    start, end = texts.starts[places, None], texts.starts[places + 1, None]
    at = start + np.arange((end - start).max()) if texts.length is None else end + np.arange(-texts.length, 0)
    inside = (at >= start) & (at < end)
    padded: npt.NDArray[np.int32] = np.where(inside, texts.ids[np.where(inside, at, 0)], np.int32(0))
    return padded
