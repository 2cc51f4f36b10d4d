"""The budget of one request: the bytes and values of its body, the characters and the tokens of its
texts.

Each bound is checked before the work that it bounds: bytes while they arrive, values before JSON is
parsed, characters before texts are split into tokens, and tokens before a model reads them. All
routes and all kinds of tokens have the same budget.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from foretell.errors import SettingsError
from foretell.text.tokenizer import Tokenizer

MAX_CONTAINERS = 64
"""Maximum objects and arrays of a body, so also its depth; no valid body has more than four."""

MAX_WORD = 10_000
"""Maximum characters of a word, which is what stands between white space."""

_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
"""Letters of scripts that have no spaces between words: Thai, Lao, Myanmar, Khmer, Kana, Han."""

_SPLIT = "; send several requests, or split a long text"
_PIECE = 1 << 12
"""Characters of a text that are counted together. Tokenizing them does not hold Python's lock."""


def _refused(message: str, *, code: str, param: str | None = None, status: int = 422) -> Exception:
    # Imported late: `foretell serve --help` works without the packages of the service.
    from foretell.service.errors import ApiError

    return ApiError(message, status=status, param=param, code=code)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of the service, as `foretell serve --help` shows them.

    Attributes:
        body: Refuse requests whose body has more bytes (413).
        texts: Refuse requests of more texts, or continuations (422; completions: 400).
        characters: Refuse requests whose texts have more characters together (422; completions:
            400).
        tokens: Refuse requests that read and write more tokens together (422; completions: 400).
        queue: Refuse requests while so many short texts wait for an answer, or so many long ones
            (429).
        seconds: Give up on an answer (503), a body (408) or a reader after so many seconds.
    """

    body: int = 1 << 20
    texts: int = 1000
    characters: int = 200_000
    tokens: int = 20_000
    queue: int = 2048
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            minimum = 0.1 if field.name == "seconds" else 1
            # Written so that NaN fails too.
            if not value >= minimum:
                raise SettingsError(f"at least {minimum}", repr(value), where=f"limit-{field.name}")
        if self.queue < self.texts:
            raise SettingsError(
                f"at least limit-texts ({self.texts}), so that a full request can be accepted",
                repr(self.queue),
                where="limit-queue",
            )

    def check_body(self, body: bytes) -> None:
        """Refuse a body of too many JSON values (400), without parsing it."""
        # A few passes in C, each of about a millisecond for a megabyte.
        plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
        max_values = 2 * self.texts + MAX_CONTAINERS
        n_strings = plain.count(b'"') / 2
        outside = b"" if n_strings > max_values else b"".join(plain.split(b'"')[::2])
        n_containers = outside.count(b"[") + outside.count(b"{")
        if max(n_strings, outside.count(b",")) > max_values or n_containers > MAX_CONTAINERS:
            most = f"{max_values} JSON values, {MAX_CONTAINERS} of them objects and arrays"
            message = f"expected a body of at most {most}, found more; send several requests"
            raise _refused(message, status=400, code="too_many_values")

    def check_texts(self, texts: Sequence[str], *, param: str, most: float = math.inf) -> None:
        """Refuse too many texts, too many characters, and a word that is too long (422).

        `param` is the field that holds the texts, none of which a message quotes; `most` how
        many their model allows.
        """
        count = len(texts)
        characters = sum(map(len, texts))
        most = min(most, self.texts)
        if count > most:
            message = f"expected at most {most} texts, found {count}; send several requests"
            raise _refused(message, param=param, code="too_many_texts")
        if characters > self.characters:
            message = (
                f"expected at most {self.characters} characters in all texts, found {characters}"
            )
            raise _refused(message + _SPLIT, param=param, code="text_too_long")
        for index, text in enumerate(texts):
            words = text.split() if len(text) > MAX_WORD else ()
            if any(len(word) > MAX_WORD and not _WITHOUT_SPACES.search(word) for word in words):
                message = (
                    f"expected words of at most {MAX_WORD} characters, found more in text {index}"
                )
                raise _refused(message, param=param, code="word_too_long")

    def needs_count(self, texts: Sequence[str], more: int = 0) -> bool:
        """Return whether `check_tokens` has to count the tokens, which may take a second."""
        # Unicode's composed form may make three characters of one, each of up to four tokens for
        # its bytes.
        most = sum(len(text) + 1 if text.isascii() else 12 * len(text) for text in texts)
        return most + more > self.tokens

    def check_tokens(
        self, tokenizer: Tokenizer, texts: Sequence[str], *, param: str, more: int = 0
    ) -> None:
        """Refuse too many tokens (422) of texts that `check_texts` has accepted.

        `more` are the tokens that the request asks to be written.
        """
        if not self.needs_count(texts, more):
            return
        room = self.tokens - more
        pieces = [text[at : at + _PIECE] for text in texts for at in range(0, len(text), _PIECE)]
        for start in range(0, len(pieces), 4):
            if room >= 0:
                room -= sum(map(len, tokenizer.encode_batch(pieces[start : start + 4])))
        if room < 0:
            name = "max_tokens" if more > self.tokens else param
            message = (
                f"expected at most {self.tokens} tokens in all texts and continuations, found more"
            )
            raise _refused(message + _SPLIT, param=name, code="text_too_long")
