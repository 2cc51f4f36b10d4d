"""The SHA-256 of files, by which a change of their content is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(*files: Path) -> str:
    """Return the SHA-256 of the contents of files, one after another, in hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
