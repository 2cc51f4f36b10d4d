"""The texts that wait for an answer, of all models together, and how many may."""

from __future__ import annotations

import math

from foretell.service.errors import ApiError

# Weight of the newest batch in the average time of a text.
_NEWEST = 0.1
_MAX_RETRY_SECONDS = 60.0


class WaitingTexts:
    """Counts the texts that wait, and refuses more than a maximum.

    Args:
        max_texts: the maximum.

    Attributes:
        max_texts: the same.
        count: the texts that wait now.
    """

    def __init__(self, max_texts: int) -> None:
        self.max_texts = max_texts
        self.count = 0
        self._seconds_per_text = 0.001

    def add(self, count: int) -> None:
        """Add `count` texts.

        Raises:
            ApiError: 429, with an estimate in Retry-After of the seconds until there is room.
        """
        if self.count + count > self.max_texts:
            seconds = math.ceil(min(_MAX_RETRY_SECONDS, max(1.0, self.count * self._seconds_per_text)))
            raise ApiError(
                429,
                f"expected at most {self.max_texts} texts waiting for an answer, found {self.count} and "
                f"{count} new ones; try again in {seconds} s",
                code="queue_full",
                headers={"Retry-After": str(seconds)},
            )
        self.count += count

    def remove(self, count: int) -> None:
        """Remove `count` texts, whether answered or not."""
        self.count -= count

    def record(self, count: int, seconds: float) -> None:
        """Update the average time of a text: `count` texts took `seconds`."""
        self._seconds_per_text += _NEWEST * (seconds / count - self._seconds_per_text)
