"""What a model was trained on: hashes of its texts or lines in the folder of its run, which no
export and no push takes along.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from foretell.arrays import in_parts
from foretell.data.split import Split
from foretell.data.text_keys import text_key
from foretell.errors import SeenTextsWarning
from foretell.readable import percent
from foretell.text.tokenizer import utf8_bytes

SEEN = "training_texts.bin"
MAX_SEEN = 1 << 17
_HASH_BYTES = 8
_LAST = b"\xff" * _HASH_BYTES

MIN_BYTES = 32
"""Shorter lines, such as "Thank you very much.", are in many texts."""
_MIN_SHARE = 0.05
"""Below this, lines may be equal by chance: 1 % of the test lines of the Penn Treebank are in its
training text.
"""


def write_seen(split: Split, folder: Path) -> None:
    """Keep 8 bytes of the `text_key` of each training and validation text, at most 131,072, the
    smallest.
    """
    keys = list(split.train.keys)
    if split.valid is not None:
        keys += split.valid.keys
    _write({key[:_HASH_BYTES] for key in keys}, folder)


def noting_seen(lines: Iterable[str], folder: Path) -> Iterator[str]:
    """Yield the lines of a language model's text, and keep hashes of them, as `write_seen`, with
    those that are in the folder. Shorter lines than `MIN_BYTES` are left out.
    """
    hashes = _read(folder)
    for line in lines:
        if utf8_bytes(line) >= MIN_BYTES:
            hashes.add(_hash(line))
        if len(hashes) > 2 * MAX_SEEN:
            hashes = set(_smallest(hashes))
        yield line
    _write(hashes, folder)


def seen_by(model: Path | None, texts: Sequence[str]) -> tuple[list[bool], str]:
    """Return which texts are training texts of a model directory, and how many in words; "": none.

    A model in memory, None, and a directory without its run have none.
    """
    hashes = _of_model(model)
    is_seen = [bool(hashes) and _hash(text) in hashes for text in texts]
    n = sum(is_seen)
    if not n:
        return is_seen, ""
    least = "at least " if len(hashes) == MAX_SEEN else ""
    were = "was" if n == 1 else "were"
    return is_seen, f"{least}{n:,} of the {len(texts):,} texts {were} in the training data"


def warn_of_seen(seen: str, stacklevel: int) -> None:
    """Give a `SeenTextsWarning` with what `seen_by` or `SeenLines.note` says, unless it is "".

    Args:
        seen: what was seen.
        stacklevel: of `warnings.warn`, in the function that calls this one.
    """
    if seen:
        advice = "the metrics are too good; measure on text that the model has not seen"
        warnings.warn(f"{seen}: {advice}", SeenTextsWarning, stacklevel=stacklevel + 1)


class SeenLines:
    """The share of the lines of a text that a language model was trained on, while they are read.

    Where only some hashes are kept, the smallest, the share is that of the lines whose hashes are
    as small: a random part.
    """

    def __init__(self, model: Path | None) -> None:
        self._hashes = _of_model(model)
        self._limit = max(self._hashes) if len(self._hashes) == MAX_SEEN else _LAST
        self._compared = 0
        self._seen = 0

    def watch(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines."""
        for line in lines:
            if self._hashes and utf8_bytes(line) >= MIN_BYTES:
                digest = _hash(line)
                self._compared += digest <= self._limit
                self._seen += digest in self._hashes
            yield line

    def note(self) -> str:
        """Return the share in words; "": so few lines may be equal by chance."""
        share = self._seen / max(1, self._compared)
        if share < _MIN_SHARE:
            return ""
        return f"{percent(share)} of the lines were in the training data"


def _hash(text: str) -> bytes:
    return text_key(text)[:_HASH_BYTES]


def _smallest(hashes: set[bytes]) -> list[bytes]:
    return sorted(hashes)[:MAX_SEEN]


def _write(hashes: set[bytes], folder: Path) -> None:
    (folder / SEEN).write_bytes(b"".join(_smallest(hashes)))


def _of_model(model: Path | None) -> set[bytes]:
    return set() if model is None else _read(model / "run")


def _read(folder: Path) -> set[bytes]:
    content = b""
    with suppress(OSError), (folder / SEEN).open("rb") as file:
        content = file.read(_HASH_BYTES * MAX_SEEN)
    return set(in_parts(content, _HASH_BYTES))
