"""A disk that fails (EIO) in any read of a measurement: one error of one line, and no metrics."""

from __future__ import annotations

import builtins
import errno
import gzip
import io
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import NOTES, reviews

from foretell.cli.entry import main
from foretell.config import LabelsSettings, WordsSettings
from tests.builders import write_random

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds open files in Linux's /proc")
_OPEN = io.open


class Disk:
    """Files in a folder; that of the read of a number fails from then on (0: none).

    Attributes:
        reads: how many there were.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.reads = 0
        self._folder = str(folder)
        self._number = number
        self._broken = ""

    def read(self, path: str) -> None:
        self.reads += 1
        if self.reads == self._number:
            self._broken = path
        if path == self._broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def open(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **how: Any) -> Any:
        is_number = isinstance(file, int)
        path = os.readlink(f"/proc/self/fd/{file}") if is_number else os.path.abspath(file)  # noqa: PTH100, PTH115
        if mode not in ("r", "rb") or not path.startswith(self._folder):
            return _OPEN(file, mode, buffering, *rest, **how)
        raw = _File(file, path, self)
        if mode == "rb" and not buffering:
            return raw
        content = io.BufferedReader(raw)
        return content if mode == "rb" else io.TextIOWrapper(content, encoding="utf-8")


class _File(io.FileIO):
    def __init__(self, file: int | str | Path, path: str, disk: Disk) -> None:
        super().__init__(file, "r")
        self._read = partial(disk.read, path)

    def readinto(self, buffer: Any) -> int | None:
        self._read()
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._read()
        return super().readall()

    def read(self, size: int | None = -1) -> bytes:
        self._read()
        return super().read(size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failing")
    sizes: dict[str, Any] = {"embedding_size": 4, "units": 4}
    labels = ["negative", "positive"]
    write_random(folder / "labels", LabelsSettings(**sizes), labels, text="good bad thing")
    write_random(folder / "words", WordsSettings(**sizes), text=NOTES[0])
    # Several reads long.
    table = "text,label\n" + 60 * "".join(reviews())
    (folder / "reviews.csv").write_text(table)
    (folder / "reviews.csv.gz").write_bytes(gzip.compress(table.encode(), 0))
    (folder / "notes.txt").write_text("\n".join(NOTES * 900))
    return folder


@pytest.mark.parametrize(
    ("job", "data"),
    [("labels", "reviews.csv"), ("labels", "reviews.csv.gz"), ("words", "notes.txt")],
)
def test_an_error_in_any_read_ends_evaluate(
    folder: Path,
    job: str,
    data: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def evaluate(number: int) -> tuple[int, int, str, str]:
        disk = Disk(folder, number)
        with monkeypatch.context() as patch:
            patch.setattr(io, "open", disk.open)
            patch.setattr(builtins, "open", disk.open)
            code = main(["evaluate", str(folder / job), str(folder / data), "--json"])
        return disk.reads, code, *capsys.readouterr()

    reads, code, whole, error = evaluate(0)
    assert code == 0, error
    assert reads > 5
    for number in range(1, reads + 1):
        _, code, out, error = evaluate(number)
        assert (code, out) == (1, ""), f"read {number} of {reads}: {error}"
        line = error.strip().splitlines()[-1]
        assert line.startswith("foretell: ")
        assert "input/output error" in line.lower(), line
    assert evaluate(0)[2] == whole
