"""Compiled networks: optimiser, loss and metrics; and a network with the embeddings of some words only.

The embeddings of words that no labelled text has do not change in training. Updating them all the same takes
most of a step's time where there are many unlabelled texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings
from foretell.training.labels.batches import EncodedTexts

_EMBEDDING, _SMALLEST = "embedding", 1e-7


@dataclass(frozen=True, kw_only=True, eq=False)
class CompactNetwork:
    """A compiled network whose ids are places among `words`. Make one with `compact_network`.

    Attributes:
        model: the compiled network.
        words: int32 [word], the ids that it knows, ascending.
        embeddings: float32 [id, dimension], those that training begins with.
        first: the values of the model's and of the optimiser's variables that training begins with.
    """

    model: Any
    words: npt.NDArray[np.int32]
    embeddings: npt.NDArray[np.float32]
    first: list[npt.NDArray[Any]]

    def restart(self) -> None:
        """Go back to the first values."""
        restart(self.model, self.first)

    def renumbered(self, texts: EncodedTexts) -> EncodedTexts:
        """Return texts with the ids of this network."""
        return replace(texts, ids=np.searchsorted(self.words, texts.ids).astype(np.int32))

    def weights(self) -> Weights:
        """Return the weights by name, with the embeddings of all words."""
        from foretell.networks import weights_of

        found = weights_of(self.model)
        embeddings = self.embeddings.copy()
        embeddings[self.words] = found[_EMBEDDING]
        return {**found, _EMBEDDING: embeddings}


def restart(model: Any, first: Sequence[npt.NDArray[Any]]) -> None:
    """Give a compiled network, and its optimiser, the values that training begins with."""
    for variable, value in zip(_variables(model), first, strict=True):
        variable.assign(value)


def new_network(settings: LabelsSettings, n_words: int, n_labels: int, *, soft: bool = False) -> Any:
    """Return a compiled network whose values are still to be set.

    Args:
        settings: the network and its training.
        n_words: ids that it knows.
        n_labels: number of labels.
    """
    from foretell.networks.labels import labels_network

    network = labels_network(settings, n_words, n_labels)
    compile_network(network, settings, n_labels, soft=soft)
    return network


def compact_network(
    network: Any, words: npt.NDArray[np.int32], settings: LabelsSettings, n_labels: int, *, soft: bool = False
) -> CompactNetwork:
    """Return a network with the embeddings of some words only, compiled.

    Args:
        network: a network of `labels_network`, with the weights that training begins with.
        words: int32 [word], ids, ascending; 0, the padding, among them.
        settings: the network and its training.
        n_labels: number of labels.
    """
    from foretell.networks import weights_of

    small = new_network(settings, len(words), n_labels, soft=soft)
    for target, source in zip(small.variables, network.variables, strict=True):
        value = source.numpy()
        target.assign(value if value.shape == target.shape else value[words])
    first = [variable.numpy() for variable in _variables(small)]
    return CompactNetwork(model=small, words=words, embeddings=weights_of(network)[_EMBEDDING], first=first)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def compile_network(model: Any, settings: LabelsSettings, n_labels: int, *, soft: bool = False) -> None:
    """Compile with the optimiser of the settings, as Keras has it; the article's is its Adam, nothing else.
    The other networks add clipping, and `fit` sets their learning rate before each step.
    """
    import keras

    # Clipping guards the LSTM's rare large gradients.
    clip_norm = None if settings.traits.follows_article else 1.0
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
        optimizer = keras.optimizers.SGD(rate, settings.momentum, nesterov=True, global_clipnorm=clip_norm)
    model.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=[accuracy],
    )
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
