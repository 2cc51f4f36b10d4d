"""The states of a network after the prompts that it has read, so that none is read twice."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from hashlib import blake2b
from typing import Generic, TypeVar

from foretell.arrays import TokenIds

MAX_STATES = 32
"""States that are kept. One of a base model is 2 KB; none contains the text that it comes from."""

State = TypeVar("State")


class ReadStates(Generic[State]):
    """A few states, each under the key of the ids that it comes from; several threads may use it at once.

    There is no lock, which a forked child could inherit locked: each operation of the dictionary is atomic.

    Args:
        max_states: how many are kept; the least recently used one is dropped first.
    """

    def __init__(self, max_states: int = MAX_STATES) -> None:
        self._max_states = max_states
        self._states: OrderedDict[bytes, State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def find(self, keys: list[bytes]) -> tuple[int, State | None]:
        """Return the state under the last of the keys that has one, and the number of keys up to it."""
        for place in range(len(keys), 0, -1):
            if (state := self._states.get(keys[place - 1])) is not None:
                self._use(keys[place - 1])
                return place, state
        return 0, None

    def keep(self, key: bytes, state: State) -> None:
        """Keep a state."""
        self._states[key] = state
        self._use(key)
        while len(self._states) > self._max_states:
            # Another thread may have dropped the last one.
            with suppress(KeyError):
                self._states.popitem(last=False)

    def _use(self, key: bytes) -> None:
        # Another thread may have dropped it.
        with suppress(KeyError):
            self._states.move_to_end(key)


def keys_of(ids: TokenIds, step: int) -> list[bytes]:
    """Return a key for each beginning of ids [id] that is a multiple of `step` long and not all of them."""
    hashed, keys = blake2b(digest_size=16), []
    for start in range(0, len(ids) - step, step):
        hashed.update(ids[start : start + step].tobytes())
        keys.append(hashed.digest())
    return keys
