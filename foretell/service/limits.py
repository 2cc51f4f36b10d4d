"""Bounds on one request, and on all requests together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from foretell.errors import SettingsError
from foretell.service.errors import ApiError, invalid

# White space is matched too, so that a long run of it costs one match.
_WORD = re.compile(r"(\w+|[^\w\s])|\s+")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of the service.

    Attributes:
        body: maximum bytes of a request's body (413).
        texts: maximum texts, or continuations, of a request (422; completions: 400).
        words: maximum words and punctuation marks of a text, of all texts of a request that asks for values
            of each word, and of a continuation (422; completions: 400).
        queue: maximum texts that wait for an answer, of all requests together (429).
        seconds: maximum seconds until an answer (503), for a body to arrive (408), and for a client to read.
        wait: maximum milliseconds that a text waits for others to share a batch with.

    Raises:
        SettingsError: a value below its minimum, or a queue smaller than `texts`.
    """

    body: int = 4 << 20
    texts: int = 1000
    words: int = 20_000
    queue: int = 2048
    seconds: float = 30.0
    wait: float = 2.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            minimum = {"wait": 0, "seconds": 0.1}.get(field.name, 1)
            # Written so that NaN fails too.
            if not value >= minimum:
                raise SettingsError(
                    expected=f"at least {minimum}", found=repr(value), where=f"limit-{field.name}"
                )
        if self.queue < self.texts:
            raise SettingsError(
                expected=f"at least limit-texts ({self.texts}), so that a full request can be accepted",
                found=repr(self.queue),
                where="limit-queue",
            )

    def check_texts(
        self, texts: Sequence[str], *, param: str, status: int = 422, by_word: bool = False
    ) -> None:
        """Refuse too many texts, and a text with too many words.

        Args:
            texts: the texts of a request.
            param: the field that holds them.
            status: the status of the error.
            by_word: the answer has values of each word, so that all texts together may have `words`.

        Raises:
            ApiError: naming the limit, never quoting a text.
        """
        if len(texts) > self.texts:
            raise invalid(
                f"expected at most {self.texts} texts, found {len(texts)}; send several requests",
                param=param,
                code="too_many_texts",
                status=status,
            )
        if by_word and len(texts) > 1 and has_more_words("\n".join(texts), self.words):
            raise invalid(
                f"expected at most {self.words} words and punctuation marks in all texts together, found "
                "more; send several requests",
                param=param,
                code="text_too_long",
                status=status,
            )
        for index, text in enumerate(texts):
            if has_more_words(text, self.words):
                raise invalid(
                    f"expected at most {self.words} words and punctuation marks in a text, found more in "
                    f"text {index}; split it into several texts",
                    param=param,
                    code="text_too_long",
                    status=status,
                )

    def body_too_large(self) -> ApiError:
        """Return the error of a body that is too large."""
        return ApiError(
            413,
            f"expected a body of at most {self.body} bytes, found a larger one; send several requests",
            code="body_too_large",
        )


def has_more_words(text: str, maximum: int) -> bool:
    """Return whether a text has more than so many words and punctuation marks; it is read no further."""
    if len(text) <= maximum:
        return False
    matches = itertools.islice(_WORD.finditer(text), 2 * maximum + 2)
    return sum(match.lastindex is not None for match in matches) > maximum
