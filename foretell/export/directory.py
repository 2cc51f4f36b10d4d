"""The exported folder: written whole or not at all, and recognised when it is to be replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from foretell.artifacts import replacement
from foretell.errors import ArtifactError

MODEL = "model.json"
TOKENIZER = "tokenizer.json"
README = "README.md"
FORMAT_VERSION = 1
_MARK = "foretell_export"

Files = Mapping[str, bytes]


def check_free(path: Path) -> None:
    """Check that `path` is free for an exported model: nothing is there, or an older export.

    Raises:
        ArtifactError: something else is there.
    """
    fix = "choose another folder, or move this one away"
    where, expected = str(path), "an exported model, or nothing"
    if not path.exists():
        return
    if not path.is_dir():
        raise ArtifactError(expected=expected, found="a file", where=where, fix=fix)
    names = {each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()}
    foreign = sorted(names - _files_of(path))
    if foreign:
        raise ArtifactError(
            expected=expected, found=f"{foreign[0]}, which is not part of an export", where=where, fix=fix
        )


def write_export(
    files: Files, description: Mapping[str, object], path: Path, check: Callable[[Path], None]
) -> None:
    """Write an exported model at `path`, after `check` has read it back from its temporary name.

    Args:
        files: name to content; a name may contain a folder.
        description: the content of model.json; the size and SHA-256 of each file are added.
        path: the folder; an older export there is replaced.
        check: called with the folder before it gets its name; raises if the export is wrong.

    Raises:
        ArtifactError: `path` holds something else, or it cannot be written. What was there is unchanged.
    """
    target = path.resolve()
    check_free(target)
    try:
        with replacement.new_directory(target) as new:
            for name, content in {**files, MODEL: _described(files, description)}.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                replacement.write_synced(new / name, content)
            check(new)
            replacement.sync_directory(new)
            check_free(target)
            replacement.take_place(new, target)
    except OSError as error:
        raise ArtifactError(
            expected="to write the exported model",
            found=error.strerror or str(error),
            where=str(target),
            fix="free some space or choose another place; what was there is unchanged",
        ) from error


def _described(files: Files, description: Mapping[str, object]) -> bytes:
    digests = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    text = json.dumps({_MARK: FORMAT_VERSION, **description, "files": digests}, ensure_ascii=False, indent=1)
    # A label may contain half of a surrogate pair, which UTF-8 cannot encode.
    return text.encode(errors="backslashreplace") + b"\n"


def _files_of(path: Path) -> set[str]:
    """Return the names of the files of the export in this folder; none if it is not an export."""
    try:
        description = json.loads((path / MODEL).read_bytes())
        return {MODEL, *description["files"]} if _MARK in description else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
