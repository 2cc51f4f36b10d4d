"""Files whose names hold their SHA-256: the checkpoints of a run and its cached text.

A sealed file is there whole or not at all, and a changed one is noticed when it is looked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from foretell.artifacts.replacement import make_directories, sync_directory, sync_file
from foretell.errors import RunError
from foretell.hashes import sha256_of


@contextlib.contextmanager
def sealing(folder: Path, stem: str, ending: str, content: str) -> Iterator[Path]:
    """Yield a temporary name in a folder; what is written there becomes STEM.SHA256.ENDING at the end.

    Then an older one of this stem is deleted.

    Args:
        folder: where it lies; it is made where it is missing.
        stem: the first part of the name, without a full stop.
        ending: the last part, without a full stop.
        content: what it is, for the error.

    Raises:
        RunError: it cannot be written, as on a full disk; the other files are as they were.
    """
    temporary = folder / f".{stem}.tmp"
    try:
        make_directories(folder)
        yield temporary
        sync_file(temporary)
        final = folder / f"{stem}.{sha256_of(temporary)}.{ending}"
        temporary.replace(final)
        sync_directory(folder)
        for old in set(folder.glob(f"{stem}.*")) - {final}:
            old.unlink()
    except OSError as error:
        raise RunError(
            expected=f"room for {content}",
            found=str(error),
            where=str(folder),
            fix="make room there, then resume",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sealed(folder: Path, stem: str) -> Path | None:
    """Return the file in a folder that was sealed under a stem; None: there is none, or it has changed."""
    for path in folder.glob(f"{stem}.*"):
        with contextlib.suppress(OSError):
            if path.suffixes[-2:-1] == [f".{sha256_of(path)}"]:
                return path
    return None
