"""Encoded texts, and the order in which training sees them: a function of seed and epoch alone.

Batches are put together by TensorFlow's own input pipeline from one flat array of ids, so a step costs no
Python and padding costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.text.tokenizer import Tokenizer

# Batches of like length are made within pools of this many batches: enough that little is padding, few
# enough that a text meets others in every epoch.
_POOL = 50


@dataclass(frozen=True, kw_only=True)
class EncodedTexts:
    """Texts as ids, one after another.

    Attributes:
        ids: int32 [word], the last `length` ids of every text.
        starts: int64 [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        targets: int32 [text], the label's place among the sorted labels; of soft ones the likeliest.
        n_labels: number of labels.
        length: steps of every batch where texts are padded in front; None: padded at the end, to the longest
            text of the batch.
        soft: float32 [text, label], the probability of each label, which is then what is learned; None:
            `targets` are.
    """

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    n_labels: int
    length: int | None
    soft: npt.NDArray[np.float32] | None = None

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
        )

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Words of each text, [text]."""
        return np.diff(self.starts)


Probabilities = npt.NDArray[np.float32]
Predictor = Callable[[EncodedTexts, int], Probabilities]


def encode_texts(
    texts: Sequence[str],
    targets: npt.NDArray[np.int32],
    n_labels: int,
    tokenizer: Tokenizer,
    settings: LabelsSettings,
) -> EncodedTexts:
    """Encode texts [text] with their targets [text] as `settings.network` reads them; see `network_texts`."""
    ids, starts = flat_ids(texts, tokenizer)
    return network_texts(ids, starts, targets, n_labels, tokenizer, settings)


def flat_ids(
    texts: Sequence[str], tokenizer: Tokenizer
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return all ids of the texts one after another, [word], and where each text begins, [text + 1]."""
    parts: list[npt.NDArray[np.int32]] = []
    starts = np.zeros(len(texts) + 1, np.int64)
    # In chunks: lists of Python integers take nine times the memory of the array.
    for first in range(0, len(texts), 1024):
        found = tokenizer.encode_batch(texts[first : first + 1024])
        starts[first + 1 : first + 1 + len(found)] = [len(ids) for ids in found]
        parts.append(np.array([i for ids in found for i in ids], np.int32))
    return np.concatenate(parts) if parts else np.zeros(0, np.int32), np.cumsum(starts)


def network_texts(
    ids: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int32],
    n_labels: int,
    tokenizer: Tokenizer,
    settings: LabelsSettings,
    soft: npt.NDArray[np.float32] | None = None,
) -> EncodedTexts:
    """Return texts as the network reads them.

    Of a long text the last `settings.length` ids are kept; words that the network does not know (the linear
    model may) become the unknown word; so does a text without any word.

    Args:
        ids: [word], the ids of all texts one after another.
        starts: [text + 1]; text i is ids[starts[i]:starts[i + 1]].
        targets: the label's place, [text].
        n_labels: number of labels.
        tokenizer: what made the ids.
        settings: network, length and vocabulary are read.
        soft: the probability of each label, [text, label], where that is to be learned.
    """
    unknown = tokenizer.unknown if tokenizer.unknown is not None else 1
    known = network_size(settings, tokenizer)
    kept = np.minimum(np.diff(starts), settings.length)
    read = np.maximum(kept, 1)
    firsts = np.concatenate([[0], np.cumsum(read)]).astype(np.int64)
    within = np.arange(firsts[-1]) - np.repeat(firsts[:-1], read)
    at = np.repeat(starts[1:] - kept, read) + within
    is_word = np.repeat(kept > 0, read)
    found = np.where(is_word, ids[np.where(is_word, at, 0)] if len(ids) else unknown, unknown)
    return EncodedTexts(
        ids=np.where(found < known, found, unknown).astype(np.int32),
        starts=firsts,
        targets=targets.astype(np.int32),
        n_labels=n_labels,
        length=settings.length if settings.traits.pads_front else None,
        soft=soft,
    )


def epoch_order(texts: EncodedTexts, batch_size: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the texts' places [text] in the order in which epoch `epoch` (from 0) sees them.

    Each run of `batch_size` is one batch; the last may be shorter. Where batches have no fixed length, texts
    of like length are brought together and the batches are then shuffled.
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
    or float32 [batch, label] where they are soft.
    """
    import tensorflow as tf

    binary = texts.n_labels == 2
    learned: npt.NDArray[Any] = texts.targets
    if texts.soft is not None:
        learned = texts.soft[:, 1] if binary else texts.soft
    flat, starts, targets = (tf.constant(values) for values in (texts.ids, texts.starts, learned))
    length = texts.length

    def gather(places: Any) -> tuple[Any, Any]:
        start, end = tf.gather(starts, places), tf.gather(starts, places + 1)
        if length is None:
            at = start[:, None] + tf.range(tf.reduce_max(end - start))
        else:
            at = end[:, None] + tf.range(-length, 0, dtype=tf.int64)
        inside = (at >= start[:, None]) & (at < end[:, None])
        ids = tf.where(inside, tf.gather(flat, tf.where(inside, at, 0)), 0)
        target = tf.gather(targets, places)
        return ids, tf.cast(target, tf.float32)[:, None] if binary else target

    # There is nothing to tune, and the thread that would do it can hold up the end of an epoch for a minute.
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
        found = np.concatenate([forward(ids).numpy() for ids, _ in batches(texts, order, batch_size)])
        if texts.n_labels == 2:
            found = np.concatenate([1 - found, found], axis=1)
        probabilities: Probabilities = np.empty_like(found)
        probabilities[order] = found
        return probabilities

    return predict
