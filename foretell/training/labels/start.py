"""What a network can start from: a language model, or the classifier that is continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.text.tokenizer import Tokenizer
from foretell.training.labels.ancestor import Ancestor, take_over_classifier
from foretell.training.labels.continued import Continued
from foretell.training.labels.transfer import LanguageModelWeights, take_over

Start = LanguageModelWeights | Continued


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
