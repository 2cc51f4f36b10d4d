"""The classifier that a training continues: what is taken over from it, and whether it fits.

Ids of its words keep their meaning, so its embeddings can be copied row by row; new words follow. A
label that both know keeps its weights of the output layer. Its linear models are one member of the
new ensemble: a logarithmic opinion pool of the old and the new classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from foretell.arrays import Float32s, NgramKeys
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.config import LabelsSettings, with_changes
from foretell.errors import UsageError
from foretell.networks import Network, set_weights, weights_of
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import TfidfModel
from foretell.presets import DEFAULT_PRESET, LABELS_PRESETS, preset
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.options import check_unchanged

_SHAPE = ("network", "tokens", "lowercase", "embedding_size", "units")
"""Settings that the weights and the tokens of a model depend on: they stay as they are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ancestor:
    """A classifier whose training is continued, its model opened for prediction too; see
    `read_ancestor`.
    """

    name: str
    model: Model
    runtime: LabelsRuntime

    @property
    def labels(self) -> list[str]:
        return self.runtime.labels


def read_ancestor(path: str | Path) -> Ancestor:
    """Read the model directory of a classifier.

    Raises:
        UsageError: it holds a language model.
        ArtifactError: it cannot be trusted (each reason has its own subclass).
    """
    model = read_model(path)
    if model.job != "labels":
        raise UsageError(
            "a classifier to continue",
            "a language model",
            where=path,
            fix="give a classifier, or continue the language model with foretell train words "
            "--continue",
        )
    runtime = LabelsRuntime(model)
    return Ancestor(name=Path(path).resolve().name, model=runtime.model, runtime=runtime)


def settings_for(
    name: str | None, changes: Mapping[str, object], ancestor: Ancestor | None
) -> tuple[LabelsSettings, str]:
    """Return the settings of a training, and the name of their preset.

    Args:
        name: of a preset; None: the settings of the classifier to continue, or the default preset.
        changes: fields to change.
        ancestor: the classifier to continue, or None.

    Raises:
        SettingsError: no such preset or setting; or another network, other tokens or other sizes
            than the classifier to continue has.
    """
    if ancestor is None:
        name = name or DEFAULT_PRESET
        return with_changes(cast(LabelsSettings, preset("labels", name)), changes), name
    base = own = cast(LabelsSettings, ancestor.model.settings)
    if name is not None:
        # Where texts may have several labels they still may: no preset says so.
        base = replace(cast(LabelsSettings, preset("labels", name)), multi_label=own.multi_label)
    name = name or ancestor.model.preset
    # A time limit that was given for other texts says nothing of these.
    minutes = LABELS_PRESETS.get(name, LABELS_PRESETS[DEFAULT_PRESET]).minutes
    settings = with_changes(base, {"minutes": minutes, **changes})
    check_unchanged(own, settings, _SHAPE if own.is_bidirectional else (*_SHAPE, "length"))
    return settings, name


def take_over_classifier(network: Network, labels: Sequence[str], old: Model) -> None:
    """Give a new network, of `labels_network`, the weights of the classifier that it continues.

    The embeddings of words that both have, the layers, and the weights of labels that both have are
    copied. Embeddings of new words stay random, with the spread of the old ones. A new label starts
    from the mean of the old labels' weights.
    """
    weights = weights_of(network)
    theirs = old.weights
    first = old.tokenizer.specials
    shared = min(len(theirs["embedding"]), len(weights["embedding"]))
    embedding = weights["embedding"].copy()
    spread = float(theirs["embedding"][first:].std()) / max(float(embedding[first:].std()), 1e-9)
    embedding *= spread
    embedding[:shared] = theirs["embedding"][:shared]
    merged: Weights = {
        **theirs,
        "embedding": embedding,
        "output/kernel": columns_for(theirs["output/kernel"], old.labels, labels),
        "output/bias": columns_for(theirs["output/bias"], old.labels, labels),
    }
    set_weights(network, merged)


def columns_for(values: Float32s, old: Sequence[str], labels: Sequence[str]) -> Float32s:
    """Return scores, or weights of scores, [..., column], for other labels, sorted, the old ones
    among them.

    There is one column for each label, or one for two labels, the log-odds of the second. A new
    label has the mean of the old ones.
    """
    if len(labels) == len(old):
        return values.copy()
    if len(old) == 2:
        values = np.concatenate([-values / 2, values / 2], axis=-1)
    result = np.repeat(values.mean(axis=-1, keepdims=True), len(labels), axis=-1)
    result[..., [labels.index(label) for label in old]] = values
    return np.ascontiguousarray(result, np.float32)


def _weights_for(
    weights: Float32s | SparseWeights, old: Sequence[str], labels: Sequence[str]
) -> Float32s | SparseWeights:
    if not isinstance(weights, SparseWeights):
        return columns_for(weights, old, labels)
    # The mean of the old labels' weights is zero, as that of a new label.
    return weights.moved(np.array([labels.index(label) for label in old]), len(labels))


def linear_parts(
    ancestor: Ancestor, size: int, labels: Sequence[str]
) -> tuple[LinearModel | TfidfModel, ...]:
    """Return the linear models of a classifier for a tokenizer with more ids, `size`, and for more
    labels. They keep what the old examples taught about n-grams that no replayed text has.
    """
    model = ancestor.model
    old = ancestor.labels
    if model.linear is None:
        return ()
    linear = replace(
        model.linear,
        keys=keys_for(model.linear.keys, model.linear.size, size),
        weights=columns_for(model.linear.weights, old, labels),
        bias=columns_for(model.linear.bias, old, labels),
        size=size,
    )
    parts: list[LinearModel | TfidfModel] = [linear]
    for each in model.tfidf:
        words = keys_for(each.features.words, each.features.size, size)
        part = replace(
            each,
            features=replace(each.features, words=words, size=size),
            weights=_weights_for(each.weights, old, labels),
            bias=columns_for(each.bias, old, labels),
        )
        parts.append(part)
    return tuple(parts)


def keys_for(keys: NgramKeys, old_size: int, size: int) -> NgramKeys:
    """Return the keys of n-grams (`ngrams.keys`) for a larger number of ids; their order stays.

    Shorter n-grams come first, and among those of one length the order is that of the ids.
    """
    if not (keys >= 0).any():
        return keys
    longer = np.where(keys >= 0, keys // old_size - 1, -1)
    return np.where(keys >= 0, size * (keys_for(longer, old_size, size) + 1) + keys % old_size, -1)
