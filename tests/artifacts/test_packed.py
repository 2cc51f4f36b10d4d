"""The directory of a model in memory: copied, pickled, and deleted by the process that made it."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foretell.artifacts import manifest
from foretell.artifacts.directory import open_verified
from foretell.artifacts.packed import Home, pack, unpack
from foretell.errors import ArtifactError, ChangedFileError


def files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}


def test_packed_and_unpacked_it_is_the_same(directory: Path, tmp_path: Path) -> None:
    (directory / manifest.RUN).mkdir()
    packed = pack(directory)
    assert packed == files(directory)
    unpack(packed, tmp_path / "copy")
    assert files(tmp_path / "copy") == packed
    assert open_verified(tmp_path / "copy").job == "labels"


def test_a_changed_file_is_not_packed(directory: Path) -> None:
    (directory / manifest.CARD).write_text("changed")
    with pytest.raises(ChangedFileError, match="README"):
        pack(directory)


def test_another_directory_is_not_replaced(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(ArtifactError, match=r"another file in it: notes\.txt"):
        unpack(pack(directory), tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "x"


def test_a_temporary_directory_goes_with_its_object(directory: Path, tmp_path: Path) -> None:
    home, named = Home(), Home(directory)
    shutil.copytree(directory, home.path)
    folder = home.path.parent
    again = pickle.loads(pickle.dumps(home))
    assert files(again.path) == files(directory)
    assert again.path != home.path
    home.save(tmp_path / "saved")
    del home, named
    gc.collect()
    assert not folder.exists()
    assert files(again.path) == files(tmp_path / "saved") == files(directory)


_FORK = """
import os, sys
from foretell.artifacts.packed import Home

home = Home()
home.path.mkdir()
kept = home.path
for leave in (lambda: sys.exit(0), lambda: os._exit(0), lambda: globals().pop("home") and sys.exit(0)):
    pid = os.fork()
    if pid == 0:
        leave()
    assert os.waitpid(pid, 0)[1] == 0
    assert kept.is_dir(), "a child has deleted the model of its parent"
print(kept)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_ends_leaves_the_directory_to_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # The parent deletes it at its own end.
    assert not Path(done.stdout.strip()).parent.exists()
