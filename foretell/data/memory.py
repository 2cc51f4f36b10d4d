"""Texts that are kept are refused while there is still memory for an answer.

Where processes take more memory than there is, the kernel ends one without a word.
"""

from __future__ import annotations

from foretell.errors import DataError
from foretell.machine import memory_left
from foretell.readable import number_of

RESERVE = 1 << 30
"""Bytes that have to be left for what follows: TensorFlow, the features, the network."""

_CHARACTERS = 1 << 23
"""Characters between two looks at the memory."""


class MemoryWatch:
    """Looks from time to time whether there is memory for more texts of a source.

    Args:
        name: of the source, for an error.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts = 0
        self._unseen = 0

    def kept(self, text: str) -> None:
        """Count a text that is kept.

        Raises:
            DataError: too little memory is left for more.
        """
        self._texts += 1
        self._unseen += len(text)
        if self._unseen < _CHARACTERS:
            return
        self._unseen = 0
        left = memory_left()
        if left < RESERVE:
            raise DataError(
                f"{RESERVE / 1e6:,.0f} MB of memory for what follows the reading of the texts",
                f"{left / 1e6:,.0f} MB left after {number_of(self._texts, 'text')}",
                where=self._name,
                fix="give fewer texts, or use a machine with more memory",
            )
