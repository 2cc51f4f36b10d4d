"""The cross-entropy of a softmax over a large vocabulary, estimated from few of its words.

`negatives` words are drawn, shared by all rows, with replacement, log-uniformly by rank: P(id) =
log((id + 2) / (id + 1)) / log(size + 1), close to Zipf's law since ids are ranked by frequency. A drawn word
stands for 1 / (negatives · P) words, so log(negatives · P), its expected count, is taken from its logit; then
the mean of the sum over the draws is the true sum over the vocabulary without the target (importance
sampling, Bengio & Senécal 2008; shared draws, Jozefowicz et al. 2016). The target itself is always included.
"""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow import Tensor

from foretell.networks.words import LstmNetwork

_PADDED_TO = 64
"""The sampled words are padded to a multiple of it: oneDNN prepares a matrix product for each new size."""


def drawn_words(size: int, negatives: int, seed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the words that a step's softmax is sampled from, each once, and how often each was drawn.

    Args:
        size: of the vocabulary.
        negatives: number of words to draw.
        seed: int32 [2], of the step.

    Returns:
        words and counts, int32 [word].
    """
    uniform = tf.random.stateless_uniform([negatives], seed + tf.constant([0, 1_000]), alg="philox")
    ids = tf.minimum(tf.cast(tf.exp(uniform * math.log(size + 1)), tf.int32) - 1, size - 1)
    words, _, counts = tf.unique_with_counts(ids)
    return words, counts


def sampled_loss(
    network: LstmNetwork, hidden: Tensor, targets: Tensor, negatives: int, seed: Tensor
) -> Tensor:
    """Estimate the cross-entropy of each row.

    Args:
        network: gives the logits.
        hidden: float [row, embedding].
        targets: int32 [row].
        negatives: number of words to draw.
        seed: int32 [2].

    Returns:
        The loss of each row in nats, float [row].
    """
    words, counts = drawn_words(network.size, negatives, seed)
    # The padding has a count of 0: it adds nothing to the sum.
    padding = [[0, -tf.size(words) % _PADDED_TO]]
    words, counts = tf.pad(words, padding), tf.pad(counts, padding)
    rank = tf.cast(words, tf.float32)
    expected = negatives * tf.math.log1p(1.0 / (rank + 1.0)) / math.log(network.size + 1)  # [word]
    # Half of the draws repeat a word: its exponential times its count is their sum.
    others = network.logits_of(hidden, words, tf.math.log(tf.cast(counts, tf.float32) / expected))
    # A draw that is the row's own target would count it twice.
    is_own = words[None, :] == targets[:, None]
    loss: Tensor = _cross_entropy(network.logit_of_own(hidden, targets), others, is_own)
    return loss


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _cross_entropy(own: Tensor, others: Tensor, is_own: Tensor) -> object:
    """Return −log softmax of the own logit among itself and the others.

    The gradient is explicit, since it needs only what the loss has computed. TensorFlow's automatic one reads
    and writes the logits more often, which takes a tenth of a step.

    Args:
        own: float [row].
        others: float [row, word].
        is_own: bool [row, word], those to leave out.
    """
    others = tf.where(is_own, -math.inf, others)
    largest = tf.maximum(tf.reduce_max(others, axis=1), own)
    weights = tf.exp(others - largest[:, None])
    own_weight = tf.exp(own - largest)
    total = tf.reduce_sum(weights, axis=1) + own_weight

    def gradient(d_loss: Tensor) -> list[Tensor | None]:
        return [d_loss * (own_weight / total - 1.0), weights * (d_loss / total)[:, None], None]

    return tf.math.log(total) + largest - own, gradient
