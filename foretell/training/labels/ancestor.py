"""The classifier that a training continues: what is taken over from it, and whether it fits.

Ids of its words keep their meaning, so its embeddings can be copied row by row; new words follow. A label
that both know keeps its weights of the output layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from foretell.arrays import Float32s, Probabilities
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings, with_changes
from foretell.errors import UsageError
from foretell.presets import preset
from foretell.training.ancestry import ContinuedModel, check_unchanged

_SHAPE = (
    "network",
    "tokens",
    "lowercase",
    "embedding_size",
    "units",
    "dense_units",
    "filters",
    "kernel_size",
    "pool_size",
)
"""Settings that the weights and the tokens of a model depend on: they stay as they are."""


class Classifier(Protocol):
    """A classifier that is opened for prediction; `LabelsRuntime` is one.

    Attributes:
        labels: the labels, sorted.
    """

    labels: list[str]

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each label for each text, [text, label]."""


OpenClassifier = Callable[[Path], Classifier]
"""Opens a model directory: `LabelsRuntime.open`, which is a layer above."""


class Ancestor(ContinuedModel[Classifier]):
    """A classifier whose training is continued. Make one with `read_ancestor`."""

    @property
    def labels(self) -> list[str]:
        """Its labels, sorted."""
        return self.runtime.labels

    def probabilities(self, texts: Sequence[str], labels: Sequence[str]) -> Probabilities:
        """Return its probabilities of other labels, [text, label]; 0 for a label that it does not know.

        Args:
            texts: any number of texts.
            labels: sorted, its own among them.
        """
        found = np.zeros((len(texts), len(labels)), np.float32)
        found[:, [labels.index(label) for label in self.labels]] = self.runtime.predict_proba(texts)
        return found


def read_ancestor(path: str | Path, open_classifier: OpenClassifier) -> Ancestor:
    """Read the model directory of a classifier.

    Args:
        path: the model directory.
        open_classifier: opens a model directory for prediction.

    Raises:
        UsageError: it holds a language model.
        ArtifactError: it cannot be trusted (each reason has its own subclass).
    """
    model = read_model(path)
    if model.job != "labels":
        raise UsageError(
            expected="a classifier to continue",
            found="a language model",
            where=str(path),
            fix="give a model that foretell train labels made, or start from this one with --from",
        )
    return Ancestor(
        name=Path(path).resolve().name,
        model=model,
        runtime=open_classifier(Path(path)),
        open=open_classifier,
    )


def continued_settings(model: Model, name: str | None, changes: Mapping[str, Any]) -> LabelsSettings:
    """Return the settings of a training that continues a model.

    Args:
        model: the classifier; its own settings are where the others start from.
        name: of a preset to start from instead; None: the model's settings.
        changes: fields to change.

    Raises:
        SettingsError: no such preset or setting; or another network, other tokens or other sizes than the
            model has.
    """
    own = cast(LabelsSettings, model.settings)
    base = own if name is None else cast(LabelsSettings, preset("labels", name))
    settings = with_changes(base, dict(changes))
    shape = (*_SHAPE, "length") if own.traits.pads_front else _SHAPE
    check_unchanged(own, settings, shape, name=name, changes=changes, data="data")
    return settings


def take_over_classifier(network: Any, settings: LabelsSettings, labels: Sequence[str], old: Model) -> int:
    """Give a new classifier the weights of the one that it continues.

    The embeddings of words that both have, the layers, and the weights of labels that both have are copied.
    Embeddings of new words stay random, with the spread of the old ones. A new label starts from the mean of
    the old labels' weights.

    Args:
        network: of `labels_network`; changed in place.
        settings: the network's; those of `continued_settings`.
        labels: the labels of the new classifier, sorted.
        old: the classifier to continue, with its weights.

    Returns:
        How many embeddings were copied.
    """
    from foretell.networks import set_weights, weights_of

    weights, theirs = weights_of(network), old.require_weights()
    first = old.tokenizer.specials
    shared = min(len(theirs["embedding"]), len(weights["embedding"]))
    embedding = weights["embedding"].copy()
    spread = float(theirs["embedding"][first:].std()) / max(float(embedding[first:].std()), 1e-9)
    embedding *= spread
    embedding[:shared] = theirs["embedding"][:shared]
    merged: Weights = {**theirs, "embedding": embedding}
    merged |= _output(theirs, list(old.labels or []), labels)
    assert {name: value.shape for name, value in merged.items()} == {
        name: value.shape for name, value in weights.items()
    }, settings.network
    set_weights(network, merged)
    return shared - first


def _output(weights: Weights, old: Sequence[str], labels: Sequence[str]) -> Weights:
    """Return the output layer for new labels."""
    return {
        "output/kernel": columns_for(weights["output/kernel"], old, labels),
        "output/bias": columns_for(weights["output/bias"][None], old, labels)[0],
    }


def columns_for(values: Float32s, old: Sequence[str], labels: Sequence[str]) -> Float32s:
    """Return scores, or weights of scores, [row, column], for other labels.

    Two labels have one column, the log-odds of the second. A new label has the mean of the old ones.

    Args:
        values: one column for each label of `old`, or one for two labels.
        old: the labels of the columns, sorted.
        labels: the labels of the result, sorted, those of `old` among them.
    """
    if len(labels) == len(old):
        return values.copy()
    if len(old) == 2:
        values = np.concatenate([-values / 2, values / 2], axis=1)
    result = np.repeat(values.mean(axis=1, keepdims=True), len(labels), axis=1)
    result[:, [labels.index(label) for label in old]] = values
    return np.ascontiguousarray(result, np.float32)
