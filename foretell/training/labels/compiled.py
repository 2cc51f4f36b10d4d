"""The network as it is trained: texts as it reads them, its batches, its optimiser and its training
step.

A batch is made of one flat array of ids when its step begins: an input pipeline of TensorFlow's
takes longer to build than an epoch of few texts. A network has the embeddings of the words that it
is trained and validated on only: updating the others, which do not change, takes most of a step's
time where there are many unlabelled texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from foretell.arrays import (
    Array,
    Float32s,
    Float64s,
    Int32s,
    Int64s,
    Integers,
    Probabilities,
    in_parts,
    one_hot,
    ranges,
)
from foretell.artifacts.weights import Weights, network_size
from foretell.config import LabelsSettings
from foretell.networks import weights_of
from foretell.ngrams.keys import parts
from foretell.training.labels.balance import Balance
from foretell.training.labels.rows import Rows
from foretell.training.labels.stages import Training
from foretell.training.labels.tokens import TokenizedTexts

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# Batches of similar length are made within pools of this many batches: large enough for little
# padding, small enough that batches differ from epoch to epoch.
_POOL = 50

_READ_AT_ONCE = 1 << 22

_EMBEDDING = "embedding"
_SMALLEST = 1e-7

_MOMENTUM = 0.9
"""Of SGD (Nesterov)."""

Means = dict[str, float]
"""`loss` and `accuracy`, means over the texts of a step."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadTexts:
    """Texts as the network reads them, and their rows; text i has the rows of the text i."""

    texts: TokenizedTexts
    rows: Rows

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def truth(self) -> Array:
        """The labels of the texts, as `Rows.truth` has them."""
        return self.rows.truth()

    @cached_property
    def is_dense(self) -> bool:
        """Whether a text has more than one row."""
        return self.rows.has_several or self.rows.is_soft

    @cached_property
    def weights(self) -> Float64s | None:
        """How much each text counts, [text]; None: all the same."""
        weights = self.rows.weights
        # With a mean of 1 the learning rate keeps its meaning.
        return None if (weights == weights[:1]).all() else weights / weights.mean()

    @cached_property
    def _starts(self) -> Integers:
        return np.searchsorted(self.rows.text, np.arange(len(self) + 1))

    def targets(self, places: Integers) -> Array:
        """Return the targets of some texts: int32 [batch], or float32 [batch, label].

        Of several labels, those that are unknown are NaN.
        """
        if not self.is_dense:
            return self.truth[places]
        rows = self.rows
        first = self._starts[places]
        lengths = self._starts[places + 1] - first
        of_text = np.repeat(np.arange(len(places)), lengths)
        at = ranges(first, lengths)
        unknown = np.nan if rows.has_several else 0.0
        found = np.full((len(places), rows.n_labels), unknown, np.float32)
        found[of_text, rows.label[at]] = rows.target[at]
        return found


def read_texts(
    texts: TokenizedTexts, training: Training, places: Integers | None = None
) -> TokenizedTexts:
    """Return texts as the network of a training reads them: all, or those at some places.

    The last `settings.length` ids of a text are kept. Words outside the network's vocabulary, which
    the linear model may have, become the unknown word; so does a text without any word.
    """
    tokenizer = training.corpus.tokenizer
    unknown = 1 if tokenizer.unknown is None else tokenizer.unknown
    size = network_size(training.settings, tokenizer)
    kind = np.uint16 if size <= 1 << 16 else np.int32
    if places is None:
        places = np.arange(len(texts))
    ends = texts.starts[places + 1]
    kept = np.minimum(ends - texts.starts[places], training.settings.length)
    lengths = np.maximum(kept, 1)
    starts = np.append(0, np.cumsum(lengths))
    read = np.full(starts[-1], unknown, kind)
    # In parts: the places of the ids take eight bytes each.
    for first, last in parts(starts, _READ_AT_ONCE):
        part = slice(first, last)
        ids = texts.ids[ranges(ends[part] - kept[part], kept[part])]
        has_words = np.repeat(kept[part] > 0, lengths[part])
        read[starts[first] : starts[last]][has_words] = np.where(ids < size, ids, unknown)
    return TokenizedTexts(ids=read, starts=starts)


def read_rows(rows: Rows, training: Training) -> ReadTexts:
    """Return the texts of some rows as the network of a training reads them, with their rows."""
    places = np.searchsorted(rows.texts, rows.text).astype(np.int32)
    texts = read_texts(training.corpus.tokenized, training, rows.texts)
    return ReadTexts(texts=texts, rows=replace(rows, text=places))


def distinct_ids(texts: Iterable[TokenizedTexts], size: int) -> Integers:
    """Return the ids below `size` that some texts have, ascending; 0, the padding, among them."""
    is_read = np.zeros(size, bool)
    is_read[0] = True
    for ids in (each.ids for each in texts):
        # In parts: an index takes eight bytes for each id.
        for part in in_parts(ids, _READ_AT_ONCE):
            is_read[part] = True
    return np.flatnonzero(is_read)


def epoch_order(texts: TokenizedTexts, settings: LabelsSettings, epoch: int) -> Int64s:
    """Return the order of the texts [text] in epoch `epoch` (from 0): it depends on the seed and
    the epoch.

    Each run of `batch_size` is one batch; the last may be shorter. Where batches have no fixed
    length, texts of similar length share a batch, and the batches are then shuffled.
    """
    rng = np.random.default_rng([settings.seed, epoch])
    size = settings.batch_size
    order = rng.permutation(len(texts))
    if not settings.is_bidirectional:
        return order
    lengths = np.diff(texts.starts)
    pool = _POOL * size
    for first in range(0, len(order), pool):
        part = order[first : first + pool]
        order[first : first + pool] = part[np.argsort(lengths[part], kind="stable")]
    full = len(order) // size
    shuffled = order[: full * size].reshape(full, size)[rng.permutation(full)]
    return np.concatenate([shuffled.ravel(), order[full * size :]])


def padded(texts: TokenizedTexts, places: Integers, length: int | None) -> Int32s:
    """Return the ids of some texts, [text, step], with 0 in front up to `length`; None: at the
    end.
    """
    start = texts.starts[places, None]
    end = texts.starts[places + 1, None]
    at = start + np.arange((end - start).max()) if length is None else end + np.arange(-length, 0)
    inside = (at >= start) & (at < end)
    return np.where(inside, texts.ids[np.where(inside, at, 0)], np.int32(0))


class CompactNetwork:
    """A compiled network with the embeddings of some words, and the function of its training step.

    Texts have the ids of all words, as `read_texts` returns them. The function is traced once.

    Args:
        whole: a network of `labels_network` for all words, with the weights that training begins
            with.
        words: int64 [word], the ids that texts have, ascending; 0, the padding, among them.
        is_soft: whether texts have soft labels.
        balance: the class weights of the texts, for which predictions and weights are corrected, or
            None.
    """

    def __init__(
        self,
        whole: keras.Model,
        words: Integers,
        settings: LabelsSettings,
        n_labels: int,
        *,
        is_soft: bool = False,
        balance: Balance | None = None,
    ) -> None:
        from foretell.networks.labels import labels_network

        self.embeddings: Float32s = weights_of(whole)[_EMBEDDING]
        self.model = labels_network(settings, len(words), n_labels)
        compile_network(self.model, settings, n_labels, is_soft=is_soft)
        for target, source in zip(self.model.variables, whole.variables, strict=True):
            value = source.numpy()
            target.assign(value if value.shape == target.shape else value[words])
        self._words = words
        self._balance = balance
        self._settings = settings
        self._n_labels = n_labels
        self._is_soft = is_soft
        self._is_binary = n_labels == 2 and not settings.multi_label
        self._length = None if settings.is_bidirectional else settings.length
        self._place_of = np.zeros(len(self.embeddings), np.int32)
        self._place_of[words] = np.arange(len(words))
        self._first = [variable.numpy() for variable in self.variables()]
        self._step: Callable[..., dict[str, tf.Tensor]] | None = None
        self._forward: Callable[[Int32s], tf.Tensor] | None = None

    def variables(self) -> list[keras.Variable]:
        """Return all that a step changes: weights, seeds of dropout, slots of the optimiser."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def restart(self, embeddings: Float32s | None = None) -> None:
        """Go back to the first values of the weights and of the optimiser; the embeddings of all
        words may be others.
        """
        for variable, value in zip(self.variables(), self._first, strict=True):
            variable.assign(value)
        if embeddings is not None:
            self.model.get_layer(_EMBEDDING).embeddings.assign(embeddings[self._words])

    def batch(self, texts: ReadTexts, places: Integers) -> tuple[Array, ...]:
        """Return the words' places [batch, step] and the targets of some texts, and weights [batch]
        if any.

        Targets are float32 [batch, 1] for two labels, else those of `ReadTexts.targets`.
        """
        targets = texts.targets(places)
        if self._is_binary:
            second = targets[:, 1] if texts.is_dense else targets
            targets = second[:, None].astype(np.float32)
        elif self._is_soft and not texts.is_dense:
            targets = one_hot(targets, self._n_labels)
        ids = self._place_of[padded(texts.texts, places, self._length)]
        if texts.weights is None:
            return ids, targets
        return ids, targets, texts.weights[places].astype(np.float32)

    def step(self, texts: ReadTexts, places: Integers, rate: float) -> Means:
        """Do Keras's training step with some texts, at a learning rate; the article's rate stays as
        it is.
        """
        import tensorflow as tf

        data = self.batch(texts, places)
        if self._step is None:
            varying = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in data[1:]]
            signature = [tf.TensorSpec([None, self._length], tf.int32), *varying]
            self._step = tf.function(
                lambda *data: self.model.train_step(data),
                input_signature=signature,
                autograph=False,
            )
        if not self._settings.follows_article:
            self.model.optimizer.learning_rate = rate
        # Keras's metrics are means since they were reset.
        self.model.reset_metrics()
        return {name: float(value) for name, value in self._step(*data).items()}

    def predict(self, texts: TokenizedTexts) -> Probabilities:
        """Return the probabilities [text, label] that the network gives as it stands."""
        import tensorflow as tf

        if self._forward is None:
            # Keras's own `predict` traces again for each new shape and warns about it.
            signature = [tf.TensorSpec([None, self._length], tf.int32)]
            self._forward = tf.function(
                lambda ids: self.model(ids, training=False),
                input_signature=signature,
                autograph=False,
            )
        # By length, so that a batch holds little padding.
        order = np.argsort(np.diff(texts.starts), kind="stable")
        size = self._settings.batch_size
        parts = [padded(texts, batch, self._length) for batch in in_parts(order, size)]
        rows = np.concatenate([self._forward(self._place_of[part]).numpy() for part in parts])
        if self._is_binary:
            rows = np.concatenate([1 - rows, rows], axis=1)
        probabilities: Probabilities = np.empty_like(rows)
        probabilities[order] = rows
        return probabilities if self._balance is None else self._balance.corrected(probabilities)

    def weights(self) -> Weights:
        """Return the weights by name, with the embeddings of all words."""
        found = weights_of(self.model)
        embeddings = self.embeddings.copy()
        embeddings[self._words] = found[_EMBEDDING]
        if self._balance is not None:
            found["output/bias"] += self._balance.bias(len(found["output/bias"]))
        return {**found, _EMBEDDING: embeddings}


def compile_network(
    model: keras.Model, settings: LabelsSettings, n_labels: int, *, is_soft: bool = False
) -> None:
    """Compile with the optimiser of the network, and clipping; the article's is Adam and nothing
    else.

    The bidirectional network learns better with SGD (docs/experiments.md, "Classifiers: SGD
    compared with Adam").
    """
    import keras

    # Clipping guards the LSTM's rare large gradients.
    clip_norm = None if settings.follows_article else 1.0
    is_binary = n_labels == 2 and not settings.multi_label
    loss: object = "categorical_crossentropy" if is_soft else "sparse_categorical_crossentropy"
    accuracy: object = "accuracy"
    if is_binary or settings.multi_label:
        loss = "binary_crossentropy" if is_binary else known_loss
        accuracy = keras.metrics.MeanMetricWrapper(known_accuracy, name="accuracy")
    rate = settings.learning_rate
    if settings.is_bidirectional:
        optimizer = keras.optimizers.SGD(rate, _MOMENTUM, nesterov=True, global_clipnorm=clip_norm)
    else:
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
    model.optimizer.build(model.trainable_variables)
    # Makes the variables of the metrics, which Keras otherwise makes in the first step: TensorFlow
    # traces a function again where it made variables, a third of the time of a small training.
    columns = 1 if is_binary else n_labels
    kind = "float32"
    shape: tuple[int, ...] = (1, columns)
    if not (is_soft or is_binary or settings.multi_label):
        shape = (1,)
        kind = "int32"
    model.compute_metrics(None, keras.ops.zeros(shape, kind), keras.ops.ones((1, columns)))
    model.reset_metrics()


def known_loss(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Return the binary cross-entropy of each text, summed over its known labels, [batch].

    A sum, not a mean: with many labels the gradient of each stays as large as with few.
    """
    from keras import ops

    known = ops.logical_not(ops.isnan(targets))
    true = ops.where(known, targets, 0.0)
    given = ops.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    losses = -(true * ops.log(given) + (1 - true) * ops.log(1 - given))
    return ops.sum(ops.where(known, losses, 0.0), axis=-1)


def known_accuracy(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Return the share of right decisions at 0.5 among the known labels of each text, [batch]."""
    from keras import ops

    known = ops.cast(ops.logical_not(ops.isnan(targets)), "float32")
    right = ops.cast(ops.equal(targets > 0.5, probabilities > 0.5), "float32")
    return ops.sum(known * right, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
