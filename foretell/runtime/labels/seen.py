"""Which texts a model was trained on: hashes of them in the folder of its run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from foretell.arrays import in_parts
from foretell.data.split import Split
from foretell.data.text_keys import text_key

SEEN = "training_texts.bin"
"""The file of `write_seen`, in the folder of a run, which no export and no push takes along."""
MAX_SEEN = 1 << 17
_HASH_BYTES = 8


def write_seen(split: Split, folder: Path) -> None:
    """Keep 8 bytes of the `text_key` of each training and validation text, at most 131,072, the
    smallest.
    """
    keys = list(split.train.keys)
    if split.valid is not None:
        keys += split.valid.keys
    hashes = sorted({key[:_HASH_BYTES] for key in keys})
    (folder / SEEN).write_bytes(b"".join(hashes[:MAX_SEEN]))


def seen_by(model: Path | None, texts: Sequence[str]) -> tuple[list[bool], str]:
    """Return which texts are training texts of a model directory, and how many in words; "": none.

    A model in memory, None, and a directory without its run have none.
    """
    content = b""
    with suppress(OSError), (Path() if model is None else model / "run" / SEEN).open("rb") as file:
        content = file.read(_HASH_BYTES * MAX_SEEN)
    hashes = set(in_parts(content, _HASH_BYTES))
    is_seen = [bool(hashes) and text_key(text)[:_HASH_BYTES] in hashes for text in texts]
    n = sum(is_seen)
    if not n:
        return is_seen, ""
    least = "at least " if len(hashes) == MAX_SEEN else ""
    were = "was" if n == 1 else "were"
    return is_seen, f"{least}{n:,} of the {len(texts):,} texts {were} in the training data"
