"""Read tokenizer.json as data: the words are taken from it, and the rest must be what foretell
writes.

A tokenizer.json of the Hugging Face library can hold any regular expression, padding to any length
and replacements that grow a text without end. So it is never loaded as it is: the tokenizer is
built anew from the settings and the words.
"""

from __future__ import annotations

import json

from tokenizers import models

from foretell.config import Settings
from foretell.text.styles import BYTES, OPEN, SPECIALS, Style, library_tokenizer, open_model
from foretell.text.tokenizer import Tokenizer

_NO_PARTS = frozenset([*SPECIALS["subword"], *BYTES])


def stored_tokenizer(text: str, settings: Settings) -> Tokenizer:
    """Return the tokenizer of a model, from its tokenizer.json and its settings.

    Raises:
        ValueError: it is not the tokenizer that foretell writes with these settings.
    """
    style = settings.tokens
    stored = json.loads(text)
    vocabulary = stored["model"].pop("vocab")
    merges = stored["model"].pop("merges") if style in OPEN else []
    library = library_tokenizer(style, settings.lowercase, [])
    empty = json.loads(library.to_str())
    del empty["model"]["vocab"]
    empty["model"].pop("merges", None)
    if stored != empty:
        names = [name for name in {**stored, **empty} if stored.get(name) != empty.get(name)]
        raise ValueError(
            f"a tokenizer with another {', '.join(names)[:100]} than its settings give"
        )
    _check_vocabulary(vocabulary, style)
    # In one piece, since a tokenizer takes most of the time that a cold prediction waits for its
    # model.
    if style in OPEN:
        library.model = open_model(vocabulary, _checked_merges(merges, vocabulary, style))
    else:
        library.model = models.WordLevel(vocab=vocabulary, unk_token=stored["model"]["unk_token"])
    return Tokenizer(library, style)


def _check_vocabulary(vocabulary: dict[str, int], style: Style) -> None:
    # The library writes words in the order of their ids. False and 1.0 are equal to ids, and none.
    if list(vocabulary.values()) != list(range(len(vocabulary))) or {
        *map(type, vocabulary.values())
    } != {int}:
        raise ValueError("a vocabulary whose ids are not 0, 1, 2, ...")
    tokens = list(vocabulary)
    if style in OPEN:
        if tokens[-len(BYTES) :] != BYTES:
            raise ValueError("a vocabulary without the 256 bytes at its end")
        del tokens[-len(BYTES) :]
    specials = SPECIALS[style]
    # Where words are split at white space, the id after the last word stands for unknown words.
    last = tokens.pop() if style == "white-space" else " "
    if tokens[: len(specials)] != specials or last != " " or len(tokens) <= len(specials):
        raise ValueError("a vocabulary without the special tokens of its style, or without words")


def _checked_merges(
    merges: list[list[str]], vocabulary: dict[str, int], style: Style
) -> list[tuple[str, str]]:
    pairs = [(left, right) for left, right in merges]
    if style == "char" and pairs:
        raise ValueError("pairs of characters to join")
    # Bytes are joined with nothing: a token of them would not be text.
    joined = {token for token in vocabulary if token not in _NO_PARTS}
    if not all(
        left in joined and right in joined and left + right in joined for left, right in pairs
    ):
        raise ValueError("pairs to join that are no tokens of the vocabulary")
    return pairs
