"""tokenizer.json as data: what foretell wrote is read, and anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from foretell.artifacts.stored_tokenizer import stored_tokenizer
from foretell.config import WordsSettings
from foretell.text.tokenizer import Tokenizer
from tests.text.texts import ALL

STYLES = ("words", "white-space", "subword", "char")


def written(style: Any) -> tuple[Tokenizer, WordsSettings]:
    tokenizer = Tokenizer.train([*ALL, *ALL], style, lowercase=True, vocabulary=400)
    return tokenizer, WordsSettings(tokens=style, lowercase=True)


@pytest.mark.parametrize("style", STYLES)
def test_what_was_written_is_read(style: str) -> None:
    tokenizer, settings = written(style)
    again = stored_tokenizer(tokenizer.to_json(), settings)
    assert (again.style, again.size) == (tokenizer.style, tokenizer.size)
    assert [again.encode(text) for text in ALL] == [tokenizer.encode(text) for text in ALL]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no bytes": lambda model: [model["vocab"].pop(f"<0x{i:02X}>") for i in range(256)],
    "bytes that are joined": lambda model: model["merges"].append(["<0xE4>", "<0xBD>"]),
    "a pair of no tokens": lambda model: model["merges"].append(["x", "no such token"]),
    "a pair of specials": lambda model: model["merges"].append(["<pad>", "<unk>"]),
    "three in a pair": lambda model: model["merges"].append(["a", "b", "c"]),
    "pairs that are numbers": lambda model: model.update(merges=[[1, 2]]),
    "no pairs": lambda model: model.update(merges=None),
    "no byte fallback": lambda model: model.update(byte_fallback=False),
    "dropout": lambda model: model.update(dropout=0.5),
    "a prefix": lambda model: model.update(continuing_subword_prefix="##"),
    "an id twice": lambda model: model["vocab"].update({"<0xFF>": 3}),
}


@pytest.mark.parametrize("style", ["subword", "char"])
@pytest.mark.parametrize("name", CHANGES)
def test_another_open_vocabulary_is_refused(style: str, name: str) -> None:
    tokenizer, settings = written(style)
    stored = json.loads(tokenizer.to_json())
    CHANGES[name](stored["model"])
    with pytest.raises((ValueError, TypeError)):
        stored_tokenizer(json.dumps(stored), settings)


def test_characters_are_not_joined() -> None:
    tokenizer, settings = written("char")
    stored = json.loads(tokenizer.to_json())
    stored["model"]["vocab"] = {
        token: i for i, token in enumerate([*list(stored["model"]["vocab"])[:3], "a", "b", "ab"])
    } | {f"<0x{i:02X}>": 6 + i for i in range(256)}
    assert stored_tokenizer(json.dumps(stored), settings).size == 6 + 256
    stored["model"]["merges"] = [["a", "b"]]
    with pytest.raises(ValueError, match="join"):
        stored_tokenizer(json.dumps(stored), settings)


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    of_words, words = written("words")
    of_characters, characters = written("char")
    with pytest.raises((ValueError, KeyError)):
        stored_tokenizer(of_words.to_json(), characters)
    with pytest.raises(ValueError, match="another"):
        stored_tokenizer(of_characters.to_json(), words)
