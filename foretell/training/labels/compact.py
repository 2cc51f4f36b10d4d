"""A network with the embeddings of some words only, for few texts.

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

_EMBEDDING = "embedding"


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


def new_network(settings: LabelsSettings, n_words: int, n_labels: int) -> Any:
    """Return a compiled network whose values are still to be set.

    Args:
        settings: the network and its training.
        n_words: ids that it knows.
        n_labels: number of labels.
    """
    from foretell.networks.labels import labels_network
    from foretell.training.labels.network_fit import compile_network

    network = labels_network(settings, n_words, n_labels)
    compile_network(network, settings, n_labels)
    return network


def compact_network(
    network: Any, words: npt.NDArray[np.int32], settings: LabelsSettings, n_labels: int
) -> CompactNetwork:
    """Return a network with the embeddings of some words only, compiled.

    Args:
        network: a network of `labels_network`, with the weights that training begins with.
        words: int32 [word], ids, ascending; 0, the padding, among them.
        settings: the network and its training.
        n_labels: number of labels.
    """
    from foretell.networks import weights_of

    small = new_network(settings, len(words), n_labels)
    for target, source in zip(small.variables, network.variables, strict=True):
        value = source.numpy()
        target.assign(value if value.shape == target.shape else value[words])
    first = [variable.numpy() for variable in _variables(small)]
    return CompactNetwork(model=small, words=words, embeddings=weights_of(network)[_EMBEDDING], first=first)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
