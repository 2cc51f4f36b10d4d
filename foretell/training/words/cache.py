"""Files that a resumed run uses again only if they are as they were written.

Beside each lies a record of its size and SHA-256. A file whose record is missing or differs is made anew:
it is derived from the corpus, so this costs time and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

from foretell.artifacts.replacement import replace_file
from foretell.hashes import sha256_of


def record(path: Path) -> None:
    """Write the record of a file that is on disk.

    Raises:
        OSError: it cannot be read or written.
    """
    replace_file(_record_of(path), json.dumps(_entry(path)).encode())


def is_recorded(path: Path) -> bool:
    """Return whether a file is there and as it was when `record` was called."""
    try:
        entry = json.loads(_record_of(path).read_bytes())
        return bool(entry == _entry(path))
    except (OSError, ValueError):
        return False


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _entry(path: Path) -> dict[str, object]:
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}
