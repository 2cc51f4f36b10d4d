"""Read tokenizer.json as data: the words are taken from it, and the rest must be what foretell writes.

A tokenizer.json of the Hugging Face library can hold any regular expression, padding to any length and
replacements that grow a text without end. So it is never loaded as it is: the tokenizer is built anew from
the settings and the words.
"""

from __future__ import annotations

import json

from tokenizers import models

from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.text.styles import SPECIALS, VERSIONS, Style, library_tokenizer
from foretell.text.tokenizer import Tokenizer


def stored_tokenizer(text: str, settings: Settings) -> Tokenizer:
    """Return the tokenizer of a model.

    Args:
        text: tokenizer.json.
        settings: of the model.

    Raises:
        ValueError: it is not the tokenizer that foretell writes with these settings.
    """
    assert isinstance(settings, WordsSettings | LabelsSettings)
    style = settings.tokens
    stored = json.loads(text)
    vocabulary = stored["model"].pop("vocab")
    # The pattern shows the version of the rules; older models have an earlier one.
    for version in range(VERSIONS[style], 0, -1):
        library = library_tokenizer(style, settings.lowercase, [], version)
        empty = json.loads(library.to_str())
        del empty["model"]["vocab"]
        if stored == empty:
            break
    else:
        names = [name for name in {**stored, **empty} if stored.get(name) != empty.get(name)]
        raise ValueError(f"a tokenizer with another {', '.join(names)[:100]} than its settings give")
    _check_vocabulary(vocabulary, style)
    # In one piece, since a tokenizer takes most of the time that a cold prediction waits for its model.
    library.model = models.WordLevel(vocab=vocabulary, unk_token=stored["model"]["unk_token"])
    return Tokenizer(library, style, version)


def _check_vocabulary(vocabulary: dict[str, int], style: Style) -> None:
    # The library writes words in the order of their ids. False and 1.0 are equal to ids, and none.
    if list(vocabulary.values()) != list(range(len(vocabulary))) or {*map(type, vocabulary.values())} != {
        int
    }:
        raise ValueError("a vocabulary whose ids are not 0, 1, 2, ...")
    tokens = list(vocabulary)
    specials = SPECIALS[style]
    # Where words are split at white space, the id after the last word stands for unknown words.
    last = tokens.pop() if style == "white-space" else " "
    if tokens[: len(specials)] != specials or last != " " or len(tokens) <= len(specials):
        raise ValueError("a vocabulary without the special tokens of its style, or without words")
