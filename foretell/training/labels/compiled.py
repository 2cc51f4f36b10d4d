"""Compiled networks: optimiser, loss and metrics, and the steps of their training.

A network has the embeddings of the words that it is trained and validated on only. Those of the other words
do not change in training, and updating them all the same takes most of a step's time where there are many
unlabelled texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s, Probabilities
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings
from foretell.training.labels.balance import Balance
from foretell.training.labels.batches import EncodedTexts, batch, padded

_EMBEDDING, _SMALLEST = "embedding", 1e-7
_MOMENTUM = 0.9
"""Of SGD (Nesterov)."""

Means = dict[str, float]
"""`loss` and `accuracy`, means over the texts since an epoch began."""


class CompactNetwork:
    """A compiled network with the embeddings of some words, and the function of its training step.

    Texts have the ids of all words. The function is traced once for each network.

    Args:
        whole: a network of `labels_network` for all words, with the weights that training begins with.
        words: int32 [word], the ids that texts have, ascending; 0, the padding, among them.
        settings, n_labels: of the network; `soft`: whether texts have soft labels.
        balance: the class weights of the texts, for which predictions and weights are corrected, or None.

    Attributes:
        model: the Keras network.
        embeddings: float32 [id, dimension], those that training begins with, of all words.
    """

    def __init__(
        self,
        whole: Any,
        words: npt.NDArray[np.int32],
        settings: LabelsSettings,
        n_labels: int,
        *,
        soft: bool = False,
        balance: Balance | None = None,
    ) -> None:
        from foretell.networks import weights_of

        self.embeddings: Float32s = weights_of(whole)[_EMBEDDING]
        self.model = new_network(settings, len(words), n_labels, soft=soft)
        for target, source in zip(self.model.variables, whole.variables, strict=True):
            value = source.numpy()
            target.assign(value if value.shape == target.shape else value[words])
        self._words, self._balance, self._follows_article = words, balance, settings.follows_article
        self._place_of = np.zeros(len(self.embeddings), np.int32)
        self._place_of[words] = np.arange(len(words))
        self._first = [variable.numpy() for variable in self._variables()]
        self._step: Callable[..., dict[str, Any]] | None = None
        self._forward: Callable[[npt.NDArray[np.int32]], Any] | None = None

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def restart(self) -> None:
        """Go back to the first values of the weights and of the optimiser."""
        for variable, value in zip(self._variables(), self._first, strict=True):
            variable.assign(value)

    def step(self, texts: EncodedTexts, places: npt.NDArray[np.int64], rate: float) -> Means:
        """Do Keras's training step with some texts, at a learning rate; the article's rate stays as it is."""
        import tensorflow as tf

        ids, *others = batch(texts, places)
        if self._step is None:
            varying = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in others]
            signature = [tf.TensorSpec([None, texts.length], tf.int32), *varying]
            self._step = tf.function(
                lambda *data: self.model.train_step(data), input_signature=signature, autograph=False
            )
        if not self._follows_article:
            self.model.optimizer.learning_rate = rate
        return {name: float(value) for name, value in self._step(self._place_of[ids], *others).items()}

    def predict(self, texts: EncodedTexts, batch_size: int) -> Probabilities:
        """Return the probabilities [text, label] that the network gives as it stands."""
        import tensorflow as tf

        if self._forward is None:
            # Keras's own `predict` traces again for each new shape and warns about it.
            signature = [tf.TensorSpec([None, texts.length], tf.int32)]
            self._forward = tf.function(
                lambda ids: self.model(ids, training=False), input_signature=signature, autograph=False
            )
        # By length, so that a batch holds little padding.
        order = np.argsort(texts.lengths, kind="stable")
        parts = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
        rows = np.concatenate([self._forward(self._place_of[padded(texts, part)]).numpy() for part in parts])
        if texts.is_binary:
            rows = np.concatenate([1 - rows, rows], axis=1)
        probabilities: Probabilities = np.empty_like(rows)
        probabilities[order] = rows
        return probabilities if self._balance is None else self._balance.corrected(probabilities)

    def weights(self) -> Weights:
        """Return the weights by name, with the embeddings of all words."""
        from foretell.networks import weights_of

        found = weights_of(self.model)
        embeddings = self.embeddings.copy()
        embeddings[self._words] = found[_EMBEDDING]
        if self._balance is not None:
            found["output/bias"] += self._balance.bias(len(found["output/bias"]))
        return {**found, _EMBEDDING: embeddings}


def new_network(settings: LabelsSettings, n_words: int, n_labels: int, *, soft: bool = False) -> Any:
    """Return a compiled network for `n_words` ids, whose values are still to be set."""
    from foretell.networks.labels import labels_network

    network = labels_network(settings, n_words, n_labels)
    compile_network(network, settings, n_labels, soft=soft)
    return network


def compile_network(model: Any, settings: LabelsSettings, n_labels: int, *, soft: bool = False) -> None:
    """Compile with the optimiser of the settings, as Keras has it; the article's is its Adam, nothing else.
    The other networks add clipping, and a learning rate that is set before each step.
    """
    import keras

    # Clipping guards the LSTM's rare large gradients.
    clip_norm = None if settings.follows_article else 1.0
    several = "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"
    loss: Any = "binary_crossentropy" if n_labels == 2 else several
    accuracy: Any = "accuracy"
    if settings.is_multi_label:
        loss = known_loss
        accuracy = keras.metrics.MeanMetricWrapper(known_accuracy, name="accuracy")
    elif soft and n_labels == 2:
        accuracy = keras.metrics.MeanMetricWrapper(_same_side, name="accuracy")
    rate = settings.learning_rate
    if settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    else:
        optimizer = keras.optimizers.SGD(rate, _MOMENTUM, nesterov=True, global_clipnorm=clip_norm)
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])
    model.optimizer.build(model.trainable_variables)
    _build_metrics(model, settings, n_labels, soft=soft)


def _build_metrics(model: Any, settings: LabelsSettings, n_labels: int, *, soft: bool) -> None:
    """Make the variables of the metrics, which Keras otherwise makes in the first step.

    TensorFlow traces a function again where it made variables: a third of the time of a small training.
    """
    import keras

    columns = 1 if n_labels == 2 and not settings.is_multi_label else n_labels
    is_float = soft or columns == 1 or settings.is_multi_label
    targets = keras.ops.zeros((1, columns) if is_float else (1,), "float32" if is_float else "int32")
    model.compute_metrics(None, targets, keras.ops.ones((1, columns)))
    model.reset_metrics()


def _same_side(targets: Any, probabilities: Any) -> Any:
    """Tell where a soft target and its prediction, both [batch, 1], mean the same label."""
    from keras import ops

    return ops.cast((targets > 0.5) == (probabilities > 0.5), "float32")


def known_loss(targets: Any, probabilities: Any) -> Any:
    """Return the binary cross-entropy of each text, summed over its known labels, [batch].

    A sum, not a mean: with many labels the gradient of each stays as large as with few.
    """
    from keras import ops

    known = ops.logical_not(ops.isnan(targets))
    true = ops.where(known, targets, 0.0)
    given = ops.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    losses = -(true * ops.log(given) + (1 - true) * ops.log(1 - given))
    return ops.sum(ops.where(known, losses, 0.0), axis=-1)


def known_accuracy(targets: Any, probabilities: Any) -> Any:
    """Return the share of right decisions at 0.5 among the known labels of each text, [batch]."""
    from keras import ops

    known = ops.cast(ops.logical_not(ops.isnan(targets)), "float32")
    right = ops.cast(ops.equal(targets > 0.5, probabilities > 0.5), "float32")
    return ops.sum(known * right, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
