"""Crash safety: a write that fails anywhere leaves the old model whole, and no litter."""

import contextlib
import errno
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from foretell.artifacts import manifest, replacement
from foretell.artifacts.directory import write_model
from foretell.errors import ArtifactError, ForetellError
from foretell.export.model_export import export_model
from foretell.runtime.labels.explanation import Explanation, write_html
from foretell.training.report import Report

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def contents(directory):
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def fail_at(monkeypatch, owner, name, call, error=NO_SPACE):
    """Make the `call`th call of `owner.name` (from 0) raise."""
    real = getattr(owner, name)
    calls = []

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


STEPS = [
    *((replacement, "write_synced", call) for call in range(len(manifest.FILES) + 1)),
    *(
        (os, "fsync", call) for call in range(len(manifest.FILES) + 2)
    ),  # every file, then the directory
    (replacement, "sync_directory", 0),
    (Path, "mkdir", 0),
    (replacement, "take_place", 0),
    (replacement, "_exchange", 0),
]


@pytest.mark.parametrize(("owner", "name", "call"), STEPS)
def test_a_full_disk_at_any_step_leaves_the_old_model(
    directory, model, tmp_path, monkeypatch, owner, name, call
):
    """And nothing where nothing was; the run stays for --resume."""
    before = contents(directory)
    places = [directory] if name == "_exchange" else [directory, tmp_path / "new" / "model"]
    (tmp_path / "new").mkdir()
    (tmp_path / "run").mkdir()
    for place in places:
        fail_at(monkeypatch, owner, name, call)
        with pytest.raises(
            ArtifactError, match=r"found No space left .*; free some space .* is unchanged"
        ):
            write_model(model, place, run=tmp_path / "run")
        monkeypatch.undo()
    assert contents(directory) == before
    assert {path.name for path in tmp_path.iterdir()} == {"model", "new", "run"}
    assert not list((tmp_path / "new").iterdir())


def test_other_interruptions_leave_no_litter(directory, model, monkeypatch):
    before = contents(directory)
    fail_at(monkeypatch, replacement, "write_synced", 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_model(model, directory)
    assert contents(directory) == before
    assert [path.name for path in directory.parent.iterdir()] == ["model"]


@pytest.fixture
def no_exchange(monkeypatch):
    """A system that cannot exchange two names."""
    monkeypatch.setattr(replacement, "_exchange", lambda *_: False)


@pytest.mark.usefixtures("no_exchange")
def test_two_steps_where_names_cannot_be_exchanged(directory, model):
    before = contents(directory)
    write_model(model, directory)
    assert contents(directory)["model.safetensors"] != before["model.safetensors"]
    assert [path.name for path in directory.parent.iterdir()] == ["model"]


@pytest.mark.usefixtures("no_exchange")
@pytest.mark.parametrize("call", [1, 2])
def test_two_steps_go_back_when_one_fails(directory, model, monkeypatch, call):
    # Call 0 is the plain rename, which fails by itself because a model is there.
    before = contents(directory)
    fail_at(monkeypatch, Path, "rename", call)
    with pytest.raises(ArtifactError):
        write_model(model, directory)
    monkeypatch.undo()
    assert contents(directory) == before


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
        tmp_path / name
        for name in (".model.aa.foretell-new", ".model.bb.foretell-new", ".model.aa.mine")
    )
    for path in (left, fresh, theirs):
        path.mkdir()
        (path / "file").write_text("x")
    for path, seconds in ((left, 86_400 + 60), (theirs, 2 * 86_400), (fresh, 86_400 - 60)):
        os.utime(path, (time.time() - seconds,) * 2)
    write_model(model, tmp_path / "model")
    assert (left.exists(), fresh.exists(), theirs.exists()) == (False, True, True)


# ---- One file


def write_new(path, error=None):
    with replacement.new_file(path) as new:
        new.write_bytes(b"new")
        if error is not None:
            raise error


def replace_file(path):
    replacement.replace_file(path, b"new")


@pytest.mark.parametrize(("write", "kind"), [(replace_file, OSError), (write_new, ForetellError)])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch, write, kind):
    path = tmp_path / ("n" * 200)
    path.write_bytes(b"old")
    (tmp_path / f".{path.name}.tmp").write_bytes(b"what a killed process left")
    fail_at(monkeypatch, replacement, "sync_file", 0)
    with pytest.raises(kind, match="No space left"):
        write(path)
    assert path.read_bytes() == b"old"
    monkeypatch.undo()
    fail_at(monkeypatch, replacement, "sync_directory", 0)
    with pytest.raises(kind, match="No space left"):
        write(path)
    monkeypatch.undo()
    write(path)
    assert path.read_bytes() == b"new"
    assert {each.name for each in tmp_path.iterdir()} <= {path.name, f".{path.name}.tmp"}


def test_a_new_file_that_is_not_finished_is_not_there(tmp_path):
    for error, kind in (
        (ValueError("a bug"), ValueError),
        (OSError("nothing to see"), ForetellError),
    ):
        with pytest.raises(kind):
            write_new(tmp_path / "file", error)
    assert not list(tmp_path.iterdir())


@contextlib.contextmanager
def target(folder, kind):
    """Yield a path of a kind, and the file that must have the content afterwards (None: a stream,
    whose content is yielded by a function).
    """
    old = folder / "old"
    path = folder / "path"
    if kind.isdecimal():
        old = path
    if kind.isdecimal() or kind.startswith("link"):
        old.write_bytes(b"old")
        old.chmod(int(kind.removeprefix("link"), 8))
    if kind.startswith("link"):
        (folder / "between").symlink_to("old")
        path.symlink_to("between")
    if kind == "dangling":
        path.symlink_to("old")
    if kind == "fifo":
        os.mkfifo(path)
        with ThreadPoolExecutor() as reader:
            read = reader.submit(path.read_bytes)
            yield path, read.result
        assert stat.S_ISFIFO(path.lstat().st_mode)
        return
    if kind == "device":
        # Like /dev/null, which is not put at risk.
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes a device")
        yield path, lambda: b"new"
        assert stat.S_ISCHR(path.lstat().st_mode)
        return
    before = path.is_symlink()
    mode = old.stat().st_mode if old.exists() else None
    yield path, (path if kind == "new" else old).read_bytes
    assert path.is_symlink() == before
    assert mode is None or old.stat().st_mode == mode


WRITERS = {
    "file": lambda path: write_new(path),
    "one process": replace_file,
    "explanation": lambda path: write_html(
        Explanation("new", "pos", 0.5, (), (0.5,), stride=1), path
    ),
    "report": lambda path: Report("<p>new</p>", None).save(path),
}
KINDS = ["new", "600", "640", "444", "link600", "link644", "dangling", "fifo", "device"]


@pytest.mark.skipif(os.name != "posix", reason="needs links, modes and FIFOs")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_at_the_path_stays_of_its_kind_with_its_permissions(tmp_path, kind, writer):
    with target(tmp_path, kind) as (path, read):
        WRITERS[writer](path)
        assert b"new" in read()
    assert not [each.name for each in tmp_path.iterdir() if each.name.startswith(".")]


@pytest.mark.skipif(os.name != "posix", reason="needs a shell and /dev/stdout")
def test_an_open_file_of_the_process_is_written_to(tmp_path):
    program = "from foretell.artifacts.replacement import *\n"
    program += "with new_file(Path('/dev/stdout')) as new: new.write_text('new')"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"new"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
        inode = os.fstat(out.fileno()).st_ino
    assert (tmp_path / "out").read_bytes() == b"new"
    assert (tmp_path / "out").stat().st_ino == inode


@pytest.mark.skipif(os.name != "posix", reason="needs links and modes")
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o777])
@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize("what", ["model", "export"])
def test_a_folder_keeps_its_permissions_and_its_links(directory, model, mode, is_link, what):
    place = directory
    if what == "export":
        place = directory.with_name("copy")
        export_model(directory, place, "onnx")
    place.chmod(mode)
    path = place
    if is_link:
        path = place.with_name("link")
        path.symlink_to(place)
    modes = []
    with pytest.MonkeyPatch.context() as patch:
        real = replacement.write_synced

        def watching(new, content):
            modes.append(stat.S_IMODE(new.parent.stat().st_mode))
            real(new, content)

        patch.setattr(replacement, "write_synced", watching)
        if what == "model":
            write_model(model, path)
        else:
            export_model(directory, path, "onnx")
    assert stat.S_IMODE(place.stat().st_mode) == mode
    assert path.is_symlink() == is_link
    # Nobody reads it meanwhile, either.
    assert set(modes) == {0o700}


def test_two_writers_of_a_file_do_not_meet(tmp_path):
    path = tmp_path / f"{'a' * 50}1"
    beside = tmp_path / f"{'a' * 50}2"
    new = replacement.new_file
    with new(path) as one, new(path) as other, new(beside) as third:
        for name, text in ((one, "one"), (other, "other"), (third, "third")):
            name.write_text(text)
    assert (path.read_text(), beside.read_text()) == ("one", "third")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_system_that_cannot_sync_directories_is_used_as_it_is(tmp_path, monkeypatch):
    fail_at(monkeypatch, os, "fsync", 0, OSError(errno.EINVAL, "cannot"))
    replacement.sync_directory(tmp_path)
    monkeypatch.undo()
    fail_at(monkeypatch, os, "fsync", 0, OSError(errno.EIO, "broken"))
    with pytest.raises(OSError, match="broken"):
        replacement.sync_directory(tmp_path)
    # Windows cannot open a directory.
    monkeypatch.setattr(replacement, "os", SimpleNamespace(name="nt"))
    replacement.sync_directory(tmp_path / "nowhere")


# ---- Two names in one call


@pytest.mark.parametrize(
    ("platform", "name", "arguments"),
    [
        ("darwin", "renamex_np", (b"one", b"other", 2)),
        ("linux", "renameat2", (-100, b"one", -100, b"other", 2)),
    ],
)
def test_the_call_of_each_system(monkeypatch, platform, name, arguments):
    def exchange(code, *names):
        calls = []

        def call(*arguments):
            calls.append(arguments)
            return -1 if code else 0

        library = SimpleNamespace(**dict.fromkeys(names, call))
        monkeypatch.setattr(replacement.sys, "platform", platform)
        monkeypatch.setattr(replacement.ctypes, "CDLL", lambda *_, **__: library)
        monkeypatch.setattr(replacement.ctypes, "get_errno", lambda: code)
        return replacement._exchange(Path("one"), Path("other")), calls

    assert exchange(0, name) == (True, [arguments])
    for code in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV):
        assert exchange(code, name)[0] is False
    with pytest.raises(PermissionError, match="other"):
        exchange(errno.EACCES, name)
    assert exchange(0) == (False, [])
    monkeypatch.setattr(replacement, "os", SimpleNamespace(name="nt"))
    assert exchange(0, name) == (False, [])


def test_new_names_are_on_disk_at_the_end(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(replacement, "sync_directory", synced.append)
    for _ in range(2):
        replacement.make_directories(tmp_path / "a" / "new")
        replacement.take_place(tmp_path / "a" / "new", tmp_path / "target")
        (tmp_path / "target" / "file").write_text("x")
    assert synced == [tmp_path, tmp_path / "a", tmp_path, tmp_path / "a", tmp_path]
    with pytest.raises(OSError, match="Not a directory"):
        replacement.take_place(tmp_path / "a", tmp_path / "target" / "file")
