"""Check the tokenizer.json of a sentence encoder from outside before the tokenizers library reads it.

Such a file can hold any regular expression, which may take forever on some texts, and replacements that grow
a text without end. So its parts must be of the kinds that encoders have, with the expressions of well-known
encoders, and no part may make a text longer than the encoder's own rules need.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def _names(spaced: str) -> frozenset[str]:
    return frozenset(spaced.split())


_NORMALIZERS = _names(
    "BertNormalizer ByteLevel Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Sequence Strip "
    "StripAccents"
)
_PRE_TOKENIZERS = _names(
    "BertPreTokenizer ByteLevel CharDelimiterSplit Digits Metaspace Punctuation Sequence Split Whitespace "
    "WhitespaceSplit"
)
_POST_PROCESSORS = _names("BertProcessing ByteLevel RobertaProcessing Sequence TemplateProcessing")
_MODELS = _names("BPE Unigram WordLevel WordPiece")

_SPACES = " {2,}"
_EXPRESSIONS = frozenset(
    [
        _SPACES,
        r"\s+",
        # GPT-2, and tokenizers after it.
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
)
"""Regular expressions that take time in proportion to the text."""

_MAX_WORD, _MAX_PREPENDED, _MAX_SPECIAL = 1_000, 8, 16


def check_encoder_tokenizer(content: bytes) -> None:
    """Check a tokenizer.json.

    Raises:
        ValueError: what is there instead, in a few words.
    """
    try:
        stored = json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("model"), dict):
        raise ValueError("no tokenizer of the tokenizers library")
    _check_model(stored["model"])
    for part in _parts(stored.get("normalizer"), "normalizers"):
        _check_kind("normalizer", part, _NORMALIZERS)
        _check_normalizer(part)
    for part in _parts(stored.get("pre_tokenizer"), "pretokenizers"):
        _check_kind("pre-tokenizer", part, _PRE_TOKENIZERS)
        if part["type"] == "Split":
            _pattern(part)
    for part in _parts(stored.get("post_processor"), "processors"):
        _check_kind("post-processor", part, _POST_PROCESSORS)
        if part["type"] == "TemplateProcessing":
            _check_template(part)


def _check_model(model: dict[str, Any]) -> None:
    _check_kind("model", model, _MODELS)
    if model.get("dropout"):
        raise ValueError("a tokenizer that drops merges at random")
    longest = model.get("max_input_chars_per_word", 0)
    if type(longest) is not int or longest > _MAX_WORD:
        raise ValueError(f"a tokenizer for words of {str(longest)[:20]} characters")


def _parts(part: Any, inner: str) -> Iterator[dict[str, Any]]:
    """Yield a part of a tokenizer, or those of a sequence, which contains no other one."""
    if part is None:
        return
    if not isinstance(part, dict):
        raise ValueError("no tokenizer of the tokenizers library")
    several = part.get(inner) if part.get("type") == "Sequence" else [part]
    if not isinstance(several, list) or len(several) > _MAX_SPECIAL:
        raise ValueError("a tokenizer with other parts than an encoder's")
    for each in several:
        if not isinstance(each, dict) or (each is not part and each.get("type") == "Sequence"):
            raise ValueError("a tokenizer with other parts than an encoder's")
        yield each


def _check_kind(name: str, part: dict[str, Any], kinds: frozenset[str]) -> None:
    if part.get("type") not in kinds:
        raise ValueError(f"a tokenizer with the {name} {str(part.get('type'))[:40]}")


def _check_normalizer(part: dict[str, Any]) -> None:
    if part["type"] == "Prepend" and len(str(part.get("prepend"))) > _MAX_PREPENDED:
        raise ValueError("a tokenizer that prepends a long text")
    if part["type"] == "Replace":
        replaced, content = _pattern(part), str(part.get("content"))
        # Spaces are two or more.
        if len(content) > (2 if replaced == _SPACES else max(1, len(replaced))):
            raise ValueError("a tokenizer that replaces text by longer text")


def _pattern(part: dict[str, Any]) -> str:
    """Return the pattern that a part looks for: a text, or a known regular expression."""
    pattern = part.get("pattern")
    if isinstance(pattern, dict) and len(pattern) == 1:
        ((kind, value),) = pattern.items()
        if kind == "String" and isinstance(value, str) and value:
            return value
        if kind == "Regex" and value in _EXPRESSIONS:
            return _SPACES if value == _SPACES else "x"
    raise ValueError(f"a tokenizer with the pattern {str(pattern)[:60]}")


def _check_template(part: dict[str, Any]) -> None:
    single = part.get("single")
    specials = part.get("special_tokens")
    if not isinstance(single, list) or len(single) > _MAX_SPECIAL or not isinstance(specials, dict):
        raise ValueError("a tokenizer with a long template")
    sequences = [each for each in single if isinstance(each, dict) and "Sequence" in each]
    lengths = [len(each.get("ids", ())) for each in specials.values() if isinstance(each, dict)]
    if len(sequences) > 1 or sum(lengths) > _MAX_SPECIAL:
        raise ValueError("a tokenizer with a long template")
