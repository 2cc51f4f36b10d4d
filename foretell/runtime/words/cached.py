"""The network of a model, with its Kneser–Ney model, and with a continuous cache where one is asked
for.

The state holds the cache, so streams and chunks of a text each have their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.arrays import Array, Floats, Integers, LogProbabilities, TokenIds
from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import UsageError
from foretell.ngrams.cache import MAX_SIZE, NONE, PENDING, ContinuousCache, probabilities
from foretell.runtime.session import Session
from foretell.runtime.words.networks import (
    PROMPT_CHUNK,
    ArticleNetwork,
    Following,
    InterpolatedNetwork,
    Later,
    LstmNetwork,
    State,
    StreamNetwork,
)
from foretell.runtime.words.sampling import check_value, log_softmax


@dataclass
class CachedNetwork(StreamNetwork):
    """A network with a cache; its logits are log-probabilities.

    State: hidden values, [stream, place, embedding], the last of them of the last word read; the
    word after each, [stream, place], `NONE` or `PENDING`; then the network's state. There are at
    most size + 1 places, and after a few words few: many short texts take little memory.

    The network's state begins with hidden values, as that of `LstmNetwork` does.
    """

    network: StreamNetwork
    cache: ContinuousCache
    size: int

    def zero_state(self) -> State:
        state = self.network.zero_state()
        return (
            np.zeros((1, 1, state[0].shape[2]), np.float32),
            np.full((1, 1), NONE, np.int64),
            *state,
        )

    def advance(self, ids: TokenIds, state: State) -> Following:
        logits, after = self.network.advance(ids, state[2:])
        logps = log_softmax(logits, np.float32)
        hidden, words = self._read(ids, state, after)
        first = state[0].shape[1]
        for stream in range(len(ids)):
            # Of all steps at once: one product of matrices instead of one of a vector for each.
            products = hidden[stream, first:] @ hidden[stream].T
            for step in range(ids.shape[1]):
                pairs = slice(max(0, first + step - self.size), first + step)
                logps[stream, step] = self.cache.add(
                    logps[stream, step], products[step, pairs], words[stream, pairs]
                )
        return logps, (*self._kept(hidden, words), *after)

    def score_later(self, ids: TokenIds, state: State) -> Later:
        network_logps, after = self.network.score_later(ids, state[2:])
        first = state[0].shape[1]
        hidden, words = self._read(ids[None, :-1], state, after)

        def logps() -> LogProbabilities:
            followed = np.append(words[0, :-1], ids[-1])
            cached = probabilities(self.cache.theta, hidden[0], followed, self.size, first=first)
            return self.cache.logs(network_logps(), *cached)

        return logps, (*self._kept(hidden, words), *after)

    def read(self, ids: list[int]) -> Following:
        prompt = np.array(ids, np.int64)
        state = self.zero_state()
        # The last word is read by itself, for its logits; those of the others are not computed.
        for start in range(0, len(ids) - 1, PROMPT_CHUNK):
            _, state = self.score_later(
                prompt[start : min(start + PROMPT_CHUNK + 1, len(ids))], state
            )
        logits, state = self.advance(prompt[None, -1:], state)
        return logits[:, 0], state

    def _read(self, ids: TokenIds, state: State, after: State) -> tuple[Floats, Integers]:
        """Return the hidden values and the words after them, with those of ids [stream, step]
        appended.
        """
        hidden: Array = np.concatenate([state[0], after[0]], axis=1)
        pending = np.full((len(ids), 1), PENDING, np.int64)
        before = state[1][:, -1:]
        # Before the first word of a text there is no hidden value.
        first = np.where(before == PENDING, ids[:, :1], before)
        return hidden, np.concatenate([state[1][:, :-1], first, ids[:, 1:], pending], axis=1)

    def _kept(self, hidden: Floats, words: Integers) -> tuple[Floats, Integers]:
        return hidden[:, -self.size - 1 :], words[:, -self.size - 1 :]


def network_of(
    model: Model, settings: WordsSettings, session: Session, cache: int = 0
) -> StreamNetwork | ArticleNetwork:
    """Return the network of a model, with its Kneser–Ney model, and a continuous cache of so many
    words.

    Raises:
        SettingsError: `cache` is negative or above 10,000.
        UsageError: a cache for the article's network.
    """
    check_value(0 <= cache <= MAX_SIZE, f"a number of words from 0 to {MAX_SIZE:,}", "cache", cache)
    if settings.follows_article:
        if cache:
            raise UsageError(
                "no cache, since the article's network reads a window of words only",
                f"{cache}",
                where="cache",
                fix="leave it out, or train with --preset base",
            )
        return ArticleNetwork(session, settings.window)
    lstm = LstmNetwork(session)
    network: StreamNetwork = lstm
    if model.kneser_ney is not None and model.interpolation is not None:
        network = InterpolatedNetwork(lstm, model.kneser_ney, model.interpolation)
    if cache:
        return CachedNetwork(network, model.cache or ContinuousCache(), cache)
    return network
