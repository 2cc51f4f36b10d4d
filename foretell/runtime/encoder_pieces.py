"""Texts as pieces of token ids that fit into the window of a sentence encoder, by its tokenizer.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from foretell.artifacts.kept_teacher import MAX_WINDOW, MIN_WINDOW
from foretell.errors import ArtifactError

DEFAULT_WINDOW = 256

# An encoding takes far more memory than the ids that are kept.
_ENCODED_AT_ONCE = 256
_CHARACTERS_AT_ONCE = 1 << 16
_SURROGATES = re.compile("[\ud800-\udfff]")
# The position embeddings of these begin after those of the padding.
_POSITIONS_BEFORE_FIRST = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that fits into the window.

    Attributes:
        text: the number of its text.
        ids: token ids with the special ones, int64 [token].
        own: where the tokens of the text itself are, without the special ones.
    """

    text: int
    ids: NDArray[np.int64]
    own: slice


class EncoderTokenizer:
    """The tokenizer of a sentence encoder; its own settings for padding and truncation are ignored.

    Args:
        path: tokenizer.json.
        content: its verified content; None: it is read.

    Attributes:
        largest_id: the largest token id.

    Raises:
        ArtifactError: the tokenizers library cannot read the file.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        try:
            self._tokenizer: Any = (
                Tokenizer.from_file(str(path)) if content is None else Tokenizer.from_buffer(content)
            )
        except Exception as error:  # The library raises plain Exception.
            raise ArtifactError(
                expected="a tokenizer that the tokenizers library reads",
                found=f"{error!s:.100}",
                where=str(path),
                fix="export the encoder again, or upgrade tokenizers",
            ) from error
        self._tokenizer.no_padding()
        self.largest_id: int = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)

    def set_window(self, window: int) -> None:
        """Set the largest number of token ids of a piece, special ones included."""
        special = self._tokenizer.num_special_tokens_to_add(False)
        self._tokenizer.enable_truncation(max(window, special + 1))

    def pieces(self, texts: Sequence[str]) -> Iterator[Piece]:
        """Yield the pieces of the texts in order, each text at least one; no token is left out."""
        parts = [(i, part) for i, text in enumerate(texts) for part in _parts(text)]
        for start in range(0, len(parts), _ENCODED_AT_ONCE):
            block = parts[start : start + _ENCODED_AT_ONCE]
            encodings = self._tokenizer.encode_batch([part for _, part in block])
            for (i, _), encoding in zip(block, encodings, strict=True):
                for piece in (encoding, *encoding.overflowing):
                    yield Piece(i, np.array(piece.ids, np.int64), _own(piece.special_tokens_mask))


def _own(is_special: Sequence[int]) -> slice:
    """Return where the tokens are that the tokenizer did not add; all of them where it added all."""
    own = [place for place, special in enumerate(is_special) if not special]
    return slice(own[0], own[-1] + 1) if own else slice(0, len(is_special))


def stated_window(folder: Path) -> int:
    """Return the number of tokens that an encoder reads, as its files state it, from 8 to 512.

    It is the smallest of `max_seq_length` in sentence_bert_config.json, `model_max_length` in
    tokenizer_config.json and `max_position_embeddings` in config.json. Where none is stated it is 256, the
    window of the most widely used encoders.
    """
    config = _settings(folder / "config.json")
    positions = _length(config, "max_position_embeddings")
    if positions is not None:
        positions -= _POSITIONS_BEFORE_FIRST.get(str(config.get("model_type")), 0)
    lengths = (
        _length(_settings(folder / "sentence_bert_config.json"), "max_seq_length"),
        _length(_settings(folder / "tokenizer_config.json"), "model_max_length"),
        positions,
    )
    stated = min((length for length in lengths if length is not None), default=DEFAULT_WINDOW)
    return min(max(stated, MIN_WINDOW), MAX_WINDOW)


def _parts(text: str) -> Iterator[str]:
    """Yield a very long text in parts that are cut at white space where there is some."""
    # The library's strings have no lone surrogates.
    text = _SURROGATES.sub("\ufffd", text)
    start = 0
    while len(text) - start > _CHARACTERS_AT_ONCE:
        end = start + _CHARACTERS_AT_ONCE
        cut = text.rfind(" ", start + _CHARACTERS_AT_ONCE // 2, end)
        end = end if cut < 0 else cut
        yield text[start:end]
        start = end
    yield text[start:]


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings of a JSON file; none where it is missing or something else."""
    try:
        content: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _length(settings: dict[str, Any], name: str) -> int | None:
    """Return a length; None where there is none, or a placeholder for no limit such as 1e30."""
    value = settings.get(name)
    return value if type(value) is int and 0 < value <= 1_000_000 else None
