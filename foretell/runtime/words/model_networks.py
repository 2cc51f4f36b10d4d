"""The networks of a model: its own, with its Kneser–Ney model where it has one, and with a cache."""

from __future__ import annotations

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import SettingsError, UsageError
from foretell.ngrams.cache import MAX_SIZE, ContinuousCache
from foretell.runtime.session import Session
from foretell.runtime.words.cached import CachedNetwork
from foretell.runtime.words.networks import ArticleNetwork, InterpolatedNetwork, LstmNetwork, StreamNetwork


def network_of(model: Model, settings: WordsSettings, session: Session) -> StreamNetwork | ArticleNetwork:
    """Return the network of a model's graph, with its Kneser–Ney model where it has one."""
    if not settings.traits.carries_state:
        return ArticleNetwork(session, settings.window)
    return with_kneser_ney(model, LstmNetwork(session))


def cached_network_of(model: Model, settings: WordsSettings, session: Session, size: int) -> StreamNetwork:
    """Return `network_of` with a cache of `size` words.

    Raises:
        SettingsError: `size` is negative or above 10,000.
        UsageError: the article's network.
    """
    check_cache(settings, size)
    network = LstmNetwork(session, keeps_hidden=True)
    return with_cache(model, with_kneser_ney(model, network), size)


def check_cache(settings: WordsSettings, size: int) -> None:
    """Check that a model can have a cache of `size` words; 0 is none.

    Raises:
        SettingsError: `size` is negative or above 10,000.
        UsageError: the article's network.
    """
    if not 0 <= size <= MAX_SIZE:
        raise SettingsError(
            expected=f"a number of words from 0 to {MAX_SIZE:,}", found=f"{size}", where="cache"
        )
    if size and not settings.traits.carries_state:
        raise UsageError(
            expected="no cache, since the article's network reads a window of words only",
            found=f"{size}",
            where="cache",
            fix="leave it out, or train with --preset base",
        )


def with_kneser_ney(model: Model, network: StreamNetwork) -> StreamNetwork:
    """Return the network with the model's Kneser–Ney model, where it has one."""
    if model.kneser_ney is None or model.interpolation is None:
        return network
    return InterpolatedNetwork(network, model.kneser_ney, model.interpolation)


def with_cache(model: Model, network: StreamNetwork, size: int) -> StreamNetwork:
    """Return the network with a cache of `size` words, by the model's parameters; 0: without one.

    Args:
        model: the model.
        network: its state begins with the hidden values of the words read last, [stream, step, embedding].
        size: words in the cache.
    """
    return CachedNetwork(network, model.cache or ContinuousCache(), size) if size else network
