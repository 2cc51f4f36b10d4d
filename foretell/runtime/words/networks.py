"""The networks of language models behind one interface: read a prompt, then add words, in several
streams.

A state is immutable: continuing from a state twice gives the same answer twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from foretell.arrays import Array, Floats, Logits, LogProbabilities, TokenIds
from foretell.ngrams.ensemble import softmax
from foretell.ngrams.kneser_ney import Interpolation, KneserNey
from foretell.runtime.session import Session
from foretell.runtime.words.sampling import log_probabilities_of

State = tuple[Array, ...]
Following = tuple[Logits, State]
"""Logits of the next word, and the state."""
Later = tuple[Callable[[], LogProbabilities], State]
"""A function, for any thread, of the log-probability of each id but the first, [step]; and the
state.
"""

PROMPT_CHUNK = 128
"""Words of a long prompt that one call reads. With fewer, more calls compute the softmax layer of a
word that is not needed; with more, more words are read again after the last state that was kept."""
MAX_STATES = 32
"""States that are kept. One of a base model is 2 KB; none contains the text that it comes from."""

# The last state may be after a word that is deleted next, or read as unfinished; the one before it
# is not.
STATES_KEPT = 2


class WordNetwork(Protocol):
    """What a completion needs of a network."""

    def read(self, ids: list[int]) -> Following:
        """Read a prompt of at least one id. Returns logits [1, word] of the next word, and the
        state.
        """

    def follow(self, words: TokenIds, state: State) -> Following:
        """Add one word to each stream, [stream]. Returns logits [stream, word] of the next, and the
        state.
        """


class StreamNetwork(WordNetwork, Protocol):
    """A network that reads texts of any length, with a state, and can score them."""

    def zero_state(self) -> State:
        """Return the state of one stream that has read nothing."""

    def advance(self, ids: TokenIds, state: State) -> Following:
        """Read ids [stream, step]. Returns logits [stream, step, word] and the new state."""

    def score_later(self, ids: TokenIds, state: State) -> Later:
        """Read all but the last of ids [step + 1] of one stream."""

    def follow(self, words: TokenIds, state: State) -> Following:
        logits, after = self.advance(words[:, None], state)
        return logits[:, 0], after


class LstmNetwork(StreamNetwork):
    """Embeddings and LSTM layers.

    State: the hidden values of the words that were read last, [stream, step, embedding], which no
    step needs; then h and c of each layer, [stream, units].

    `states` are those after beginnings of the prompts, at multiples of `PROMPT_CHUNK` words.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.states: ReadStates = ReadStates()
        states = [entry for entry in session.inputs if entry.name != "ids"]
        self._names = [entry.name for entry in states]
        (width,) = (entry.shape[-1] for entry in session.outputs if entry.name == "hidden")
        layers = [np.zeros((1, int(entry.shape[-1])), np.float32) for entry in states]
        self._zero: State = (np.zeros((1, 0, int(width)), np.float32), *layers)
        self._outputs = ["hidden", *(f"{name}_out" for name in self._names)]

    def zero_state(self) -> State:
        return self._zero

    def advance(self, ids: TokenIds, state: State) -> Following:
        logits, *after = self._session.run(["logits", *self._outputs], self._inputs(ids, state))
        return logits, tuple(after)

    def score_later(self, ids: TokenIds, state: State) -> Later:
        inputs = self._inputs(ids[None, :-1], state, skip=len(ids) - 1)
        hidden, *layers = self._session.run(self._outputs, inputs)
        return lambda: log_probabilities_of(self.output(hidden[0]), ids[1:]), (hidden, *layers)

    def output(self, rows: Floats) -> Logits:
        """Return the logits [row, word] of hidden values [row, embedding]; the states take no
        part.
        """
        inputs = {**self._inputs(np.zeros((1, 1), np.int64), self._zero, skip=1), "rows": rows}
        return self._session.run(["row_logits"], inputs)[0]

    def read(self, ids: list[int]) -> Following:
        """Continue from the longest beginning whose state was kept.

        The prompt is cut into the same calls with or without such a state, so the results are the
        same, bit for bit.
        """
        prompt = np.array(ids, np.int64)
        logits = np.zeros((1, 1, 0), np.float32)
        keys = keys_of(prompt, PROMPT_CHUNK)
        done, kept = self.states.find(keys)
        state = self._zero if kept is None else kept
        for place in range(done, len(keys) + 1):
            chunk = prompt[None, place * PROMPT_CHUNK : (place + 1) * PROMPT_CHUNK]
            inputs = self._inputs(chunk, state, skip=chunk.shape[1] - 1)
            logits, *after = self._session.run(["logits", *self._outputs], inputs)
            state = tuple(after)
            if len(keys) - STATES_KEPT <= place < len(keys):
                # Copies: the arrays that ONNX Runtime returns are views of its own memory.
                self.states.keep(keys[place], (self._zero[0], *(part.copy() for part in state[1:])))
        return logits[:, 0], state

    def _inputs(self, ids: TokenIds, state: State, skip: int = 0) -> dict[str, Array]:
        """Return the inputs of the graph; the logits of the first `skip` steps are left out."""
        inputs: dict[str, Array] = dict(zip(self._names, state[1:], strict=True))
        return {**inputs, "ids": ids.astype(np.int64, copy=False), "skip": np.array([skip])}


@dataclass
class InterpolatedNetwork(StreamNetwork):
    """A network interpolated with a Kneser–Ney model; its logits are log-probabilities.

    State: the network's, and the last ids read, [stream, order - 1], -1 where there were none.
    """

    network: LstmNetwork
    kneser_ney: KneserNey
    interpolation: Interpolation

    @property
    def _longest(self) -> int:
        return self.kneser_ney.order - 1

    def zero_state(self) -> State:
        return (*self.network.zero_state(), np.full((1, self._longest), -1, np.int64))

    def advance(self, ids: TokenIds, state: State) -> Following:
        logits, after = self.network.advance(ids, state[:-1])
        read = np.concatenate([state[-1], ids], axis=1)
        logps = np.empty_like(logits)
        for stream, step in np.ndindex(ids.shape):
            before = read[stream, : self._longest + step + 1]
            logps[stream, step] = self._log_probabilities(logits[stream, step], before)
        return logps, (*after, self._last(read))

    def score_later(self, ids: TokenIds, state: State) -> Later:
        network_logps, after = self.network.score_later(ids, state[:-1])
        read = np.concatenate([state[-1][0], ids])

        def logps() -> LogProbabilities:
            known = read[read >= 0]
            probabilities, lengths = self.kneser_ney.probabilities(known)
            scored = slice(len(known) - len(ids) + 1, None)
            return self.interpolation.logs(
                network_logps(), np.log(probabilities[scored]), lengths[scored]
            )

        return logps, (*after, self._last(read[None, :-1]))

    def read(self, ids: list[int]) -> Following:
        logits, state = self.network.read(ids)
        text = np.array([[-1] * self._longest + ids], np.int64)
        return self._log_probabilities(logits[0], text[0])[None], (*state, self._last(text))

    def _log_probabilities(self, logits: Logits, before: TokenIds) -> LogProbabilities:
        """Return the log-probability of each word, [word], after the ids before it, [token], -1 in
        front.
        """
        context = self._last(before[None])[0]
        probabilities, length = self.kneser_ney.distribution(context[context >= 0])
        with np.errstate(divide="ignore"):  # float32 can round a tiny probability to 0
            mean = self.interpolation.distribution(softmax(logits), probabilities, length)
            logps: LogProbabilities = np.log(mean)
        return logps

    def _last(self, read: TokenIds) -> TokenIds:
        """Return the last ids read, [stream, order - 1]: the context of the Kneser–Ney model."""
        return read[:, read.shape[1] - self._longest :]


@dataclass
class ArticleNetwork:
    """The article's network: the next word from a window of raw integers, its state [stream,
    step].
    """

    session: Session
    window: int

    def advance(self, windows: TokenIds) -> Logits:
        """Return logits [batch, word] of the word after each window [batch, step]."""
        return self.session.run(["logits"], {"ids": windows[:, :, None].astype(np.float32)})[0]

    def read(self, ids: list[int]) -> Following:
        """Read the last window of at least one window of ids; see `WordNetwork.read`."""
        windows = np.array([ids[-self.window :]], np.int64)
        return self.advance(windows), (windows,)

    def follow(self, words: TokenIds, state: State) -> Following:
        windows = np.concatenate([state[0][:, 1:], words[:, None]], axis=1)
        return self.advance(windows), (windows,)


class ReadStates:
    """A few states, each under the key of the ids that it comes from; several threads may use it at
    once.

    The least recently used one is dropped first. There is no lock, which a forked child could
    inherit locked: each operation of the dictionary is atomic.
    """

    def __init__(self) -> None:
        self._states = OrderedDict[bytes, State]()

    def __len__(self) -> int:
        return len(self._states)

    def find(self, keys: list[bytes]) -> tuple[int, State | None]:
        """Return the state under the last of the keys that has one, and the number of keys up to
        it.
        """
        for place in range(len(keys), 0, -1):
            if (state := self._states.get(keys[place - 1])) is not None:
                self._use(keys[place - 1])
                return place, state
        return 0, None

    def keep(self, key: bytes, state: State) -> None:
        self._states[key] = state
        self._use(key)
        while len(self._states) > MAX_STATES:
            # Another thread may have dropped the last one.
            with suppress(KeyError):
                self._states.popitem(last=False)

    def _use(self, key: bytes) -> None:
        # Another thread may have dropped it.
        with suppress(KeyError):
            self._states.move_to_end(key)


def keys_of(ids: TokenIds, step: int) -> list[bytes]:
    """Return a key for each beginning of ids [id] that is a multiple of `step` long and not all of
    them.
    """
    hashed = blake2b(digest_size=16)
    keys = []
    for start in range(0, len(ids) - step, step):
        hashed.update(ids[start : start + step].tobytes())
        keys.append(hashed.digest())
    return keys
