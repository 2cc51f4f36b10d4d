"""The network's batches: texts as it reads them, in an order that depends on seed and epoch alone.

A batch is made of one flat array of ids when its step begins: that takes a tenth of a millisecond. An input
pipeline of TensorFlow's takes longer to build than an epoch of few texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.arrays import Array
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.tokens import LabelledTokens

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
    targets: Array
    n_labels: int
    length: int | None
    soft: npt.NDArray[np.float32] | None = None
    weights: npt.NDArray[np.float32] | None = None
    several: bool = False

    def __len__(self) -> int:
        return len(self.targets)

    def first(self, count: int) -> EncodedTexts:
        """Return the first `count` texts only."""
        starts = self.starts[: count + 1]
        return replace(
            self,
            ids=self.ids[: starts[-1]],
            starts=starts,
            targets=self.targets[:count],
            soft=None if self.soft is None else self.soft[:count],
            weights=None if self.weights is None else self.weights[:count],
        )

    @property
    def is_binary(self) -> bool:
        """Whether the network has one output, the probability of the second of two labels."""
        return self.n_labels == 2 and not self.several

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Words of each text, [text]."""
        return np.diff(self.starts)


def as_read(
    part: LabelledTokens, n_labels: int, tokenizer: Tokenizer, settings: LabelsSettings
) -> EncodedTexts:
    """Return texts as the network reads them.

    The last `settings.length` ids of a text are kept. Words outside the network's vocabulary, which the
    linear model may have, become the unknown word; so does a text without any word. Of the weights only the
    proportions have an effect.
    """
    ids, starts, weights = part.texts.ids, part.texts.starts, part.weights
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
        targets=part.targets if settings.is_multi_label else part.targets.astype(np.int32),
        several=settings.is_multi_label,
        n_labels=n_labels,
        length=settings.length if settings.pads_front else None,
        soft=part.soft,
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


def batch(texts: EncodedTexts, places: npt.NDArray[np.int64]) -> tuple[Array, ...]:
    """Return ids and targets of some texts, and with `texts.weights` their weights.

    ids are int32 [batch, step], padded with 0; targets float32 [batch, 1] for two labels, else int32 [batch],
    or float32 [batch, label] where they are soft or texts may have several labels; weights float32 [batch].
    """
    targets: Array = (texts.targets if texts.soft is None else texts.soft)[places]
    if texts.is_binary:
        targets = (targets if texts.soft is None else targets[:, 1])[:, None].astype(np.float32)
    found = (padded(texts, places), targets)
    return found if texts.weights is None else (*found, texts.weights[places])


def padded(texts: EncodedTexts, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the ids of some texts, [text, step], padded with 0."""
    start, end = texts.starts[places, None], texts.starts[places + 1, None]
    at = start + np.arange((end - start).max()) if texts.length is None else end + np.arange(-texts.length, 0)
    inside = (at >= start) & (at < end)
    padded: npt.NDArray[np.int32] = np.where(inside, texts.ids[np.where(inside, at, 0)], np.int32(0))
    return padded
