"""What a network can start from: a language model (Dai & Le 2015), or the classifier that is continued."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings, WordsSettings, with_changes
from foretell.errors import SettingsError, UsageError
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.continued import Continued

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class LanguageModelWeights:
    """What a classifier takes over from a language model.

    Attributes:
        name: what to call the model.
        tokenizer: its tokenizer.
        embedding: its word vectors, float32 [word, embedding].
        lstm: kernel, recurrent_kernel and bias of its first layer.
    """

    name: str
    tokenizer: Tokenizer
    embedding: npt.NDArray[np.float32]
    lstm: Weights

    def digest(self) -> str:
        """Return a SHA-256 of the weights."""
        digest = hashlib.sha256(self.embedding.tobytes())
        for part in sorted(self.lstm):
            digest.update(self.lstm[part].tobytes())
        return digest.hexdigest()

    @property
    def units(self) -> int:
        """Units of its LSTM."""
        return len(self.lstm["recurrent_kernel"])


def read_language_model(path: str | Path) -> LanguageModelWeights:
    """Read the model directory of a language model with word vectors.

    Raises:
        UsageError: it holds a classifier, or the article's language model, which has no word vectors.
        ArtifactError: it cannot be trusted (each reason has its own subclass).
    """
    return weights_to_start_from(read_model(path), str(path))


def weights_to_start_from(model: Model, name: str) -> LanguageModelWeights:
    """Take what a classifier can start from out of a model in memory; raises as `read_language_model`."""
    settings = model.settings
    if not isinstance(settings, WordsSettings):
        raise UsageError(
            expected="a language model",
            found="a classifier",
            where=name,
            fix="give a model that foretell train words made",
        )
    if not settings.traits.carries_state:
        raise UsageError(
            expected="a language model with word vectors",
            found="the article's, which reads raw integers",
            where=name,
            fix="train one with foretell train words --preset base",
        )
    parts, weights = ("kernel", "recurrent_kernel", "bias"), model.weights
    return LanguageModelWeights(
        name=name,
        tokenizer=model.tokenizer,
        embedding=weights["embedding"],
        lstm={part: weights[f"lstm_1/{part}"] for part in parts},
    )


def fitting_settings(settings: LabelsSettings, start: LanguageModelWeights) -> LabelsSettings:
    """Return settings whose network has the sizes of the language model.

    Raises:
        SettingsError: a network that has no place for these weights.
    """
    if not settings.traits.is_bidirectional:
        raise SettingsError(
            expected="the network bilstm, which can start from a language model",
            found=settings.network,
            where="from",
            fix="choose --preset base",
        )
    return with_changes(settings, {"embedding_size": start.embedding.shape[1], "units": start.units})


def take_over(
    network: Any, tokenizer: Tokenizer, settings: LabelsSettings, start: LanguageModelWeights
) -> int:
    """Give a new classifier the language model's word vectors and its LSTM.

    Words that both know keep their vectors; the others keep the small random ones that they were born with,
    brought to the size of the known. Both directions start from the one LSTM that there is: read backwards it
    is no language model, but its gates are tuned to these word vectors.

    Args:
        network: of `labels_network`, with `fitting_settings`; changed in place.
        tokenizer: the classifier's.
        settings: the classifier's.
        start: what to take over.

    Returns:
        how many words both know.
    """
    size = network_size(settings, tokenizer)
    theirs = [start.tokenizer.id(tokenizer.word(i)) for i in range(tokenizer.specials, size)]
    known = np.array([-1 if i is None else i for i in theirs])
    embedding = network.get_layer("embedding").embeddings
    vectors = embedding.numpy()
    spread = start.embedding[known[known >= 0]].std() if (known >= 0).any() else 1.0
    rows = vectors[tokenizer.specials :]
    rows *= spread / max(float(rows.std()), 1e-9)
    rows[known >= 0] = start.embedding[known[known >= 0]]
    embedding.assign(vectors)
    for direction in ("lstm_forward", "lstm_backward"):
        cell = network.get_layer(direction).cell
        for part, value in start.lstm.items():
            getattr(cell, part).assign(value)
    return int((known >= 0).sum())


Start = LanguageModelWeights | Continued


def added_ancestor(start: Start | None) -> Ancestor | None:
    """Return the classifier whose linear models are added to those that are fitted now, or None.

    Where the old examples are trained on again there is none: the old models have learned from these, so
    their predictions of them would have far too much weight.
    """
    return start.ancestor if isinstance(start, Continued) and not start.has_old else None


def initialise_from(
    start: Start, network: Any, tokenizer: Tokenizer, settings: LabelsSettings, labels: Sequence[str]
) -> str:
    """Give a new network the weights that it starts from.

    Args:
        start: where they come from.
        network: of `labels_network`; changed in place.
        tokenizer: the new tokenizer.
        settings: the network's.
        labels: the new labels, sorted.

    Returns:
        A note on the embeddings.
    """
    size = network_size(settings, tokenizer)
    if isinstance(start, LanguageModelWeights):
        shared = take_over(network, tokenizer, settings, start)
        return f"{shared:,} of {size - tokenizer.specials:,} words have their embedding from {start.name}"
    old = start.ancestor
    shared = take_over_classifier(network, settings, labels, old.model)
    return f"continued from {old.name}: {shared:,} embeddings are kept; {new_words(old, tokenizer, settings)}"


def new_words(old: Ancestor, tokenizer: Tokenizer, settings: LabelsSettings) -> str:
    """Return a note on the words that the tokenizer has and the old one has not."""
    size = network_size(settings, tokenizer)
    added, full = tokenizer.size - old.model.tokenizer.size, tokenizer.size - size
    text = f"{added:,} words are new"
    if added and full:
        text += f", {min(added, full):,} of them for the linear models only (--vocabulary)"
    return text
