"""Crash safety: a write that fails anywhere leaves the old model whole, and no litter."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foretell.artifacts import manifest, replacement
from foretell.artifacts.directory import open_verified, read_model, write_model
from foretell.errors import ArtifactError

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def contents(directory):
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def fail_at(monkeypatch, owner, name, call, error=NO_SPACE):
    """Make the `call`th call of `owner.name` (from 0) raise."""
    real, calls = getattr(owner, name), []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == call + 1:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, failing)


@pytest.fixture
def model(make_model):
    """Another model, to take its place."""
    return make_model("labels-bilstm", seed=1)


@pytest.fixture
def old(written, tmp_path):
    """A model that is there before."""
    return shutil.copytree(written, tmp_path / "model")


STEPS = [
    *((replacement, "write_synced", call) for call in range(len(manifest.FILES) + 1)),
    *((os, "fsync", call) for call in range(len(manifest.FILES) + 2)),  # every file, then the directory
    (replacement, "sync_directory", 0),
    (Path, "mkdir", 0),
    (replacement, "take_place", 0),
    (replacement, "_exchange", 0),
]


@pytest.mark.parametrize(("owner", "name", "call"), STEPS)
def test_a_full_disk_at_any_step_leaves_the_old_model(old, model, monkeypatch, owner, name, call):
    before = contents(old)
    fail_at(monkeypatch, owner, name, call)
    with pytest.raises(ArtifactError, match=r"found No space left on device; free some space .* still whole"):
        write_model(model, old)
    monkeypatch.undo()
    assert contents(old) == before
    assert [path.name for path in old.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(("owner", "name", "call"), STEPS[:-1])
def test_a_failure_where_nothing_was_leaves_nothing(model, tmp_path, monkeypatch, owner, name, call):
    fail_at(monkeypatch, owner, name, call)
    with pytest.raises(ArtifactError):
        write_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_other_interruptions_leave_no_litter(old, model, monkeypatch, error):
    before = contents(old)
    fail_at(monkeypatch, replacement, "write_synced", 3, error)
    with pytest.raises(type(error)):
        write_model(model, old)
    assert contents(old) == before
    assert [path.name for path in old.parent.iterdir()] == ["model"]


def test_a_full_disk_leaves_the_run_for_resume(old, model, tmp_path, monkeypatch):
    run = tmp_path / "model.run"
    run.mkdir()
    (run / "checkpoint").write_text("x")
    fail_at(monkeypatch, replacement, "write_synced", 2)
    with pytest.raises(ArtifactError):
        write_model(model, old, run=run)
    assert (run / "checkpoint").read_text() == "x"


def test_a_run_that_cannot_move_leaves_the_new_model_whole(old, model, tmp_path):
    with pytest.raises(ArtifactError, match=r"expected to move the run .* the model itself is written"):
        write_model(model, old, run=tmp_path / "nowhere")
    open_verified(old)


def test_the_new_replaces_the_old(old, model):
    before = contents(old)
    write_model(model, old)
    assert contents(old)["model.safetensors"] != before["model.safetensors"]
    read_model(old)
    assert [path.name for path in old.parent.iterdir()] == ["model"]


def test_a_long_name(model, tmp_path):
    write_model(model, tmp_path / ("n" * 250))
    open_verified(tmp_path / ("n" * 250))


@pytest.fixture
def no_exchange(monkeypatch):
    """A system that cannot exchange two names."""
    monkeypatch.setattr(replacement, "_exchange", lambda *_: False)


@pytest.mark.usefixtures("no_exchange")
def test_two_steps_where_names_cannot_be_exchanged(old, model):
    before = contents(old)
    write_model(model, old)
    assert contents(old)["model.safetensors"] != before["model.safetensors"]
    assert [path.name for path in old.parent.iterdir()] == ["model"]


@pytest.mark.usefixtures("no_exchange")
@pytest.mark.parametrize("call", [1, 2])
def test_two_steps_go_back_when_one_fails(old, model, monkeypatch, call):
    # Call 0 is the plain rename, which fails by itself because a model is there.
    before = contents(old)
    fail_at(monkeypatch, Path, "rename", call)
    with pytest.raises(ArtifactError):
        write_model(model, old)
    monkeypatch.undo()
    assert contents(old) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2")
def test_linux_exchanges_in_one_call(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    if not replacement._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange two names")
    assert [(tmp_path / name / "file").read_text() for name in ("one", "other")] == ["other", "one"]
    with pytest.raises(OSError, match="No such file"):
        replacement._exchange(tmp_path / "one", tmp_path / "nowhere")


def test_what_a_killed_process_left_goes_after_a_day(tmp_path, model):
    left, fresh, theirs = (
        tmp_path / name for name in (".model.aa.foretell-new", ".model.bb.foretell-new", ".model.aa.mine")
    )
    for path in (left, fresh, theirs):
        path.mkdir()
        (path / "file").write_text("x")
    for path in (left, theirs):
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    write_model(model, tmp_path / "model")
    assert (left.exists(), fresh.exists(), theirs.exists()) == (False, True, True)


_WRITE_FOREVER = """
import sys
from foretell.artifacts.directory import read_model, write_model
model = read_model(sys.argv[1])
print("ready", flush=True)
while True:
    write_model(model, sys.argv[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2 and SIGKILL")
def test_a_reader_always_sees_a_whole_model_and_a_kill_leaves_one(old, tmp_path):
    (tmp_path / "empty").mkdir()
    if not replacement._exchange(old, tmp_path / "empty"):
        pytest.skip("this file system cannot exchange two names")
    replacement._exchange(old, tmp_path / "empty")
    command = [sys.executable, "-c", _WRITE_FOREVER, str(old)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"ready\n"
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert (old / "config.json").is_file()
        writer.send_signal(signal.SIGKILL)
    open_verified(old)
