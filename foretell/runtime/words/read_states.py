"""The states of a network after what it has read: a text that goes on from there need not be read anew."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar

from foretell.runtime.words.sampling import Integers

MOST_STATES = 32
"""States that are kept; one of a base model is 2 KB, and none holds the text that it comes from."""

State = TypeVar("State")


class ReadStates(Generic[State]):
    """A few states, each under the key of the ids that lead to it; several threads may ask at once.

    Args:
        most: so many are kept; the one that nobody has asked for longest makes room.
    """

    def __init__(self, most: int = MOST_STATES) -> None:
        self._most = most
        self._states: OrderedDict[bytes, State] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._states)

    def find(self, keys: list[bytes]) -> tuple[int, State | None]:
        """Return the state under the last of the keys that has one, and the number of keys up to it."""
        with self._lock:
            for place in range(len(keys), 0, -1):
                if (state := self._states.get(keys[place - 1])) is not None:
                    self._states.move_to_end(keys[place - 1])
                    return place, state
        return 0, None

    def keep(self, key: bytes, state: State) -> None:
        """Keep a state."""
        with self._lock:
            self._states[key] = state
            self._states.move_to_end(key)
            if len(self._states) > self._most:
                self._states.popitem(last=False)


def keys_of(ids: Integers, step: int) -> list[bytes]:
    """Return a key for each beginning of ids [id] that is a multiple of `step` long, the whole left out."""
    hashed, keys = blake2b(digest_size=16), []
    for start in range(0, len(ids) - step, step):
        hashed.update(ids[start : start + step].tobytes())
        keys.append(hashed.digest())
    return keys
