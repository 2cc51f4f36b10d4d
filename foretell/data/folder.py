"""A folder with one folder for each label, one text in each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foretell.data.decode import open_text
from foretell.data.records import Record
from foretell.data.source import Source
from foretell.errors import DataError

_PARTS = ("train", "test")


def folder_records(source: Source) -> Iterator[Record]:
    """Read the texts of a folder, each labelled by the folder that it is in.

    If the folder has the folders `train` and `test`, that of `options.part` is read, or else `test`. Where
    labels are not needed, files directly in the folder are texts without a label.

    Raises:
        DataError: no files, or no folders where labels are needed.
    """
    path = _part(source)
    folders = [entry for entry in _visible(path) if entry.is_dir()]
    if not folders:
        yield from _unlabelled(path, source)
        return
    for folder in folders:
        if folder.name == "unsup" and source.options.need_label:
            source.add_note("left out the folder 'unsup', which has no labels")
            continue
        for file in sorted(entry for entry in folder.rglob("*") if entry.is_file() and _is_visible(entry)):
            text = _whole_text(file, source.notes)
            yield Record(text, folder.name, {"file": str(file), "text": text, "label": folder.name})


def _part(source: Source) -> Path:
    """Return the folder to read: the source's own, or that of its part."""
    path, part = Path(source.path), source.options.part
    parts = [name for name in _PARTS if (path / name).is_dir()]
    if len(parts) == 2 or (parts and part in parts):
        chosen = part if part in parts else parts[-1]
        source.add_note(f"read its folder '{chosen}'")
        return path / chosen
    return path


def _unlabelled(path: Path, source: Source) -> Iterator[Record]:
    files = [entry for entry in _visible(path) if entry.is_file()]
    need_label = source.options.need_label
    if need_label or not files:
        names = ", ".join(entry.name for entry in files[:5]) or "nothing"
        raise DataError(
            expected="a folder for each label" if need_label else "files of text",
            found=f"{names}{' …' if len(files) > 5 else ''}",
            where=str(path),
            fix="put the texts into folders named by their labels, or give one of the files",
        )
    for file in files:
        text = _whole_text(file, [])
        yield Record(text, None, {"file": str(file), "text": text})


def _whole_text(file: Path, notes: list[str]) -> str:
    # An empty file is one empty record, not an error: there may be thousands of good ones beside it.
    if file.stat().st_size == 0:
        return ""
    with open_text(file, notes=notes) as source:
        return source.stream.read().strip("\n")


def _visible(path: Path) -> Sequence[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if _is_visible(entry))
    except OSError as error:
        raise DataError(
            expected="a folder that can be read", found=str(error.strerror), where=str(path)
        ) from error


def _is_visible(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))
