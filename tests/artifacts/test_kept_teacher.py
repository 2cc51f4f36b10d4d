"""The limits of an encoder's tokenizer: the largest that is allowed, and one more."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from foretell.artifacts.kept_teacher import check_encoder_tokenizer

LARGEST: dict[str, tuple[int, Callable[[int], dict[str, Any]]]] = {
    "a word": (100, lambda n: {"model": {"max_input_chars_per_word": n}}),
    "a prefix": (16, lambda n: {"model": {"continuing_subword_prefix": "#" * n}}),
    "a suffix": (15, lambda n: prefixed(end_of_word_suffix="#" * n)),
    "parts": (200, lambda n: normalized(*[{"type": "NFC"}] * n)),
    "a replacement": (32, lambda n: normalized({"pattern": {"String": "ab"}, "content": "c" * n})),
    "growth of growth": (4, lambda n: normalized({"prepend": "a" * 4}, {"prepend": "b" * n})),
    "special tokens": (48, lambda n: normalized({"single": [{}] * n})),
}


def prefixed(**model: str) -> dict[str, Any]:
    return {"model": {"continuing_subword_prefix": "#", **model}}


def normalized(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"model": {}, "normalizer": list(parts)}


@pytest.mark.parametrize("name", LARGEST)
def test_the_limits_of_a_tokenizer(name: str) -> None:
    largest, make = LARGEST[name]
    check_encoder_tokenizer(json.dumps(make(largest)).encode())
    with pytest.raises(ValueError, match=r"^a tokenizer "):
        check_encoder_tokenizer(json.dumps(make(largest + 1)).encode())
