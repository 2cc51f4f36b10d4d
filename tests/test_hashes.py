"""The SHA-256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from foretell.hashes import sha256_of


def test_files_are_hashed_one_after_another(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"the mind ")
    second.write_bytes(b"adapts")
    assert sha256_of(first) == hashlib.sha256(b"the mind ").hexdigest()
    assert sha256_of(first, second) == hashlib.sha256(b"the mind adapts").hexdigest()
    assert sha256_of(second, first) != sha256_of(first, second)
