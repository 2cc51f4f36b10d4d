"""The word networks behind one interface: read a prompt, then follow it word by word, in several streams.

A state is immutable: following from it twice gives the same answer twice, so beams can branch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foretell.ngrams.ensemble import softmax
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey
from foretell.runtime.session import Array, Session
from foretell.runtime.words.read_states import ReadStates, keys_of
from foretell.runtime.words.sampling import log_probabilities_of

State = tuple[Array, ...]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]

PROMPT_CHUNK = 128
"""Words of a long prompt that are read in one call. Fewer would be read again after each state that is kept;
with fewer, every call costs the softmax layer of one word more."""

# One may be a word too far: where the last word is taken away, or read as the beginning of one.
STATES_KEPT = 2


class WordNetwork(Protocol):
    """What completion needs of a network."""

    def read(self, ids: list[int]) -> tuple[Floats, State]:
        """Read a prompt from the start. Returns logits [1, word] of the word after it, and the state."""

    def follow(self, words: Integers, state: State) -> tuple[Floats, State]:
        """Add one word, [stream], to each stream. Returns logits [stream, word] and the new state."""

    def pick(self, state: State, streams: Integers) -> State:
        """Return the state of the given streams, in that order; a stream may be picked more than once."""


class StreamNetwork(WordNetwork, Protocol):
    """A network that reads a text of any length with a state, and can tell of each word how likely it was."""

    def zero_state(self) -> State:
        """Return the state of one stream that has read nothing."""

    def advance(self, ids: Integers, state: State) -> tuple[Floats, State]:
        """Read ids [stream, step]. Returns logits [stream, step, word] and the new state."""

    def tell(self, ids: Integers, state: State) -> tuple[Callable[[], Floats], State]:
        """Read all but the last of ids [step + 1] of one stream.

        Returns:
            what gives the log-probability of each id but the first, float [step], on any thread; and the new
            state.
        """

    def follow(self, words: Integers, state: State) -> tuple[Floats, State]:
        """See `WordNetwork.follow`."""
        logits, after = self.advance(words[:, None], state)
        return logits[:, 0], after

    def pick(self, state: State, streams: Integers) -> State:
        """See `WordNetwork.pick`."""
        return tuple(part[streams] for part in state)


class LstmNetwork(StreamNetwork):
    """Embeddings and LSTM layers; the state is h and c of each layer, [stream, units].

    Args:
        session: a graph with inputs `ids` int64 [stream, step], `h_k`, `c_k` [stream, units_k] and outputs
            `logits` [stream, step, word], `h_k_out`, `c_k_out`; the optional input `skip`, int64 [1], is the
            number of first steps whose logits are left out.

    Attributes:
        states: those after beginnings of what was read, at multiples of `PROMPT_CHUNK`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.states: ReadStates[State] = ReadStates()
        states = [entry for entry in session.get_inputs() if entry.name != "ids"]
        self._names = [entry.name for entry in states]
        self._widths = [int(entry.shape[-1]) for entry in states]
        self._outputs = [f"{name}_out" for name in self._names]

    def zero_state(self) -> State:
        """See `StreamNetwork.zero_state`."""
        return tuple(np.zeros((1, width), np.float32) for width in self._widths)

    def advance(self, ids: Integers, state: State) -> tuple[Floats, State]:
        """See `StreamNetwork.advance`."""
        logits, *after = self._session.run(["logits", *self._outputs], self._inputs(ids, state))
        return logits, tuple(after)

    def tell(self, ids: Integers, state: State) -> tuple[Callable[[], Floats], State]:
        """See `StreamNetwork.tell`."""
        logits, after = self.advance(ids[None, :-1], state)
        return lambda: log_probabilities_of(logits[0], ids[1:]), after

    def read(self, ids: list[int]) -> tuple[Floats, State]:
        """See `WordNetwork.read`; at least one id.

        Goes on from the longest beginning whose state is kept. The calls of the network are the same ones
        with or without it, so the numbers are, too, bit for bit.
        """
        prompt, logits = np.array(ids, np.int64), np.zeros((1, 1, 0), np.float32)
        keys = keys_of(prompt, PROMPT_CHUNK)
        done, found = self.states.find(keys)
        state = self.zero_state() if found is None else found
        for place in range(done, len(keys) + 1):
            chunk = prompt[None, place * PROMPT_CHUNK : (place + 1) * PROMPT_CHUNK]
            inputs = {**self._inputs(chunk, state), "skip": np.array([chunk.shape[1] - 1])}
            logits, *after = self._session.run(["logits", *self._outputs], inputs)
            state = tuple(after)
            if len(keys) - STATES_KEPT <= place < len(keys):
                # Copies: what ONNX Runtime gives are views of its own memory.
                self.states.keep(keys[place], tuple(part.copy() for part in state))
        return logits[:, 0], state

    def _inputs(self, ids: Integers, state: State) -> dict[str, Array]:
        inputs: dict[str, Array] = dict(zip(self._names, state, strict=True))
        inputs["ids"] = ids.astype(np.int64, copy=False)
        return inputs


class MixedNetwork(StreamNetwork):
    """A network and an n-gram model that give the answer together; its logits are log-probabilities.

    State: the network's, and the last ids read, [stream, order - 1], -1 where there were none.

    Args:
        network: the network.
        ngrams: the n-gram model.
        interpolation: what it weighs.
    """

    def __init__(self, network: LstmNetwork, ngrams: KneserNey, interpolation: Interpolation) -> None:
        self.network = network
        self._ngrams = ngrams
        self._interpolation = interpolation
        self._longest = ngrams.order - 1

    def zero_state(self) -> State:
        """See `StreamNetwork.zero_state`."""
        return (*self.network.zero_state(), np.full((1, self._longest), -1, np.int64))

    def advance(self, ids: Integers, state: State) -> tuple[Floats, State]:
        """See `StreamNetwork.advance`."""
        logits, after = self.network.advance(ids, state[:-1])
        read = np.concatenate([state[-1], ids], axis=1)
        mixed = np.empty_like(logits)
        for stream, step in np.ndindex(ids.shape):
            mixed[stream, step] = self._mixed(logits[stream, step], read[stream, : self._longest + step + 1])
        return mixed, (*after, self._last(read))

    def tell(self, ids: Integers, state: State) -> tuple[Callable[[], Floats], State]:
        """See `StreamNetwork.tell`."""
        told, after = self.network.tell(ids, state[:-1])
        read = np.concatenate([state[-1][0], ids])

        def mixed() -> Floats:
            before = read[read >= 0]
            probabilities, lengths = self._ngrams.probabilities(before)
            followed = slice(len(before) - len(ids) + 1, None)
            return self._interpolation.logs(told(), np.log(probabilities[followed]), lengths[followed])

        return mixed, (*after, self._last(read[None, :-1]))

    def read(self, ids: list[int]) -> tuple[Floats, State]:
        """See `WordNetwork.read`; at least one id."""
        logits, state = self.network.read(ids)
        text = np.array([[-1] * self._longest + ids], np.int64)
        return self._mixed(logits[0], text[0])[None], (*state, self._last(text))

    def _mixed(self, logits: Floats, read: Integers) -> Floats:
        """Return the log-probability of each word, [word], after what was read, [token], -1 in front."""
        before = self._last(read[None])[0]
        probabilities, length = self._ngrams.distribution(before[before >= 0])
        with np.errstate(divide="ignore"):  # float32 can round what is next to impossible to 0
            logs: Floats = np.log(self._interpolation.distribution(softmax(logits), probabilities, length))
        return logs

    def _last(self, read: Integers) -> Integers:
        """Return the last ids that the n-gram model looks at, of those read, [stream, token]."""
        return read[:, read.shape[1] - self._longest :]


class ArticleNetwork:
    """The article's network: the next word from a window of raw integers. State: the window, [stream, step].

    Args:
        session: a graph with input `ids` float [batch, step, 1] and output `logits` [batch, word].
        window: words in a window.
    """

    def __init__(self, session: Session, window: int) -> None:
        self._session = session
        self.window = window

    def advance(self, windows: Integers) -> Floats:
        """Return logits [batch, word] of the word after each window [batch, step]."""
        return self._session.run(["logits"], {"ids": windows[:, :, None].astype(np.float32)})[0]

    def read(self, ids: list[int]) -> tuple[Floats, State]:
        """See `WordNetwork.read`; at least a window of ids, the last of which are read."""
        windows = np.array([ids[-self.window :]], np.int64)
        return self.advance(windows), (windows,)

    def follow(self, words: Integers, state: State) -> tuple[Floats, State]:
        """See `WordNetwork.follow`."""
        windows = np.concatenate([state[0][:, 1:], words[:, None]], axis=1)
        return self.advance(windows), (windows,)

    def pick(self, state: State, streams: Integers) -> State:
        """See `WordNetwork.pick`."""
        return (state[0][streams],)
