"""The score of a text by dynamic evaluation: the network learns from the text while it is scored."""

from __future__ import annotations

from collections.abc import Iterable

from foretell.artifacts.directory import read_weights_of
from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import UsageError
from foretell.machine import TO_TRAIN, require
from foretell.runtime.words.model_networks import check_cache, with_cache, with_kneser_ney
from foretell.runtime.words.scoring import Score, score_lstm


def score_dynamically(model: Model, lines: Iterable[str], *, cache: int = 0) -> Score:
    """Return the score of a text by a copy of the network that learns from it; the model stays as it is.

    The Kneser–Ney model and the cache take part as without dynamic evaluation, with the same weights.

    Args:
        model: a language model, opened or read.
        lines: lines of text, read once, as for `WordsRuntime.score`.
        cache: words of the text in a continuous cache; 0: none.

    Raises:
        MissingExtraError: TensorFlow is not installed.
        UsageError: a model for labels, or the article's network.
        SettingsError: `cache` out of range.
        ArtifactError: the weights are gone, or no longer those of this model.
        DataError: no word of the text can be predicted.
    """
    settings = model.settings
    if not isinstance(settings, WordsSettings) or not settings.traits.carries_state:
        raise UsageError(
            expected="a model for words whose network carries a state, for dynamic evaluation",
            found=f"one for {model.job} without a state",
            where="dynamic",
            fix="evaluate without it",
        )
    check_cache(settings, cache)
    require(("tensorflow", "keras"), "dynamic evaluation", TO_TRAIN)
    # TensorFlow takes seconds to load.
    from foretell.adaptation.dynamic_network import SEGMENT, DynamicNetwork

    weights = model.weights if model.weights is not None else read_weights_of(model)
    network = with_kneser_ney(model, DynamicNetwork(settings, weights))
    cached = with_cache(model, network, cache)
    return score_lstm(cached, model.tokenizer, lines, threads=1, whole=SEGMENT)
