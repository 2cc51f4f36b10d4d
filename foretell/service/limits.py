"""What one request, and all requests together, may ask of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from foretell.errors import SettingsError
from foretell.service.failures import Refusal, invalid


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of the service.

    Attributes:
        body: most bytes of a request's body (413).
        texts: most texts, or continuations, of a request (422; completions: 400).
        words: most words of a text, counted at white space, and of a continuation (422; completions: 400).
        queue: most texts that wait for an answer at once, of all requests together (429).
        seconds: most time that an answer may take (503), and that a body may take to arrive (408).
        wait: most milliseconds that a text waits for others to share a batch with.

    Raises:
        SettingsError: a value below its least, or a queue that a single request would fill.
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
            least = {"wait": 0, "seconds": 0.1}.get(field.name, 1)
            # Written so that NaN fails too.
            if not value >= least:
                raise SettingsError(
                    expected=f"at least {least}", found=repr(value), where=f"limit-{field.name}"
                )
        if self.queue < self.texts:
            raise SettingsError(
                expected=f"at least limit-texts ({self.texts}): else a full request is never taken",
                found=repr(self.queue),
                where="limit-queue",
            )

    def check_texts(self, texts: Sequence[str], *, param: str, status: int = 422) -> None:
        """Refuse too many texts, and a text of too many words.

        Args:
            texts: the texts of a request.
            param: the field that holds them.
            status: what the refusal answers with.

        Raises:
            Refusal: naming the limit, never the text.
        """
        if len(texts) > self.texts:
            raise invalid(
                f"expected at most {self.texts} texts, found {len(texts)}; send several requests",
                param=param,
                code="too_many_texts",
                status=status,
            )
        for place, text in enumerate(texts):
            # A text of n characters has at most (n + 1) / 2 words: most texts need not be counted.
            if len(text) >= 2 * self.words and (found := len(text.split())) > self.words:
                raise invalid(
                    f"expected at most {self.words} words in a text, found {found} in text {place}; "
                    "cut it into several texts",
                    param=param,
                    code="text_too_long",
                    status=status,
                )

    def too_large(self) -> Refusal:
        """Return the refusal of a body that is too large."""
        return Refusal(
            413,
            f"expected a body of at most {self.body} bytes, found a larger one; send several requests",
            kind="invalid_request_error",
            code="body_too_large",
        )
