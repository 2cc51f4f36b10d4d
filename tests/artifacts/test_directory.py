"""The model directory: what is written comes back, and nothing damaged, foreign or newer is
believed.
"""

from __future__ import annotations

import dataclasses
import errno
import gc
import hashlib
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from export_workplace import random_tfidf_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.artifacts import manifest
from foretell.artifacts.directory import Home, check_writable, pack, read_model, unpack, write_model
from foretell.errors import (
    ArtifactError,
    ChangedFileError,
    MissingFileError,
    NewerFormatError,
    NotAModelError,
)
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.kneser_ney import Interpolation, KneserNey
from tests.builders import random_linear_model, rewrite_manifest
from tests.encoders import kept_teacher

ALL = (*manifest.FILES, manifest.MANIFEST)
VERIFIED = tuple(name for name in ALL if name != manifest.CARD)
BOTH = Ensemble(network=0.75, linear=0.5, offsets=(0.1, -0.1))


def names_in(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


def files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}


def test_every_network_comes_back_as_it_was(any_model, tmp_path):
    write_model(any_model, tmp_path / "model")
    again = read_model(str(tmp_path / "model"))
    assert (again.job, again.preset, again.settings) == (
        any_model.job,
        any_model.preset,
        any_model.settings,
    )
    assert (again.labels, again.metrics) == (any_model.labels, any_model.metrics)
    assert again.tokenizer.to_json() == any_model.tokenizer.to_json()
    np.testing.assert_equal(again.weights, any_model.weights)


def test_the_files_and_nothing_else(directory):
    assert names_in(directory) == {*ALL}
    assert names_in(directory.parent) == {"model"}
    config = json.loads((directory / "config.json").read_text())
    assert config["format_version"] == 1
    assert {"foretell", "job", "preset", "settings", "labels", "ensemble"} < config.keys()
    assert not {"label_type", "ancestors"} & config.keys()
    listed = json.loads((directory / "manifest.json").read_text())["files"]
    for name, entry in listed.items():
        content = (directory / name).read_bytes()
        assert entry == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_same_model_is_written_the_same(make_model, tmp_path):
    for parent in ("one", "two"):
        write_model(make_model("labels-bilstm"), tmp_path / parent / "model")
    assert files(tmp_path / "one/model") == files(tmp_path / "two/model")


def test_reading_needs_no_onnx_and_no_tensorflow(directory):
    code = (
        "import sys; from foretell.artifacts.directory import read_model, write_model;"
        f"write_model(read_model({str(directory)!r}), {str(directory)!r});"
        "assert not {'onnx', 'onnxruntime', 'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_metrics_of_numpy_and_without_a_number(make_model, tmp_path):
    metrics = {
        "f1": np.float32(0.5),
        "confusion": np.eye(2, dtype=int),
        "perplexity": math.inf,
        "n": (1, 2),
        "file": Path("a/b"),
        "by": {1: math.nan},
    }
    write_model(make_model("labels-bilstm", metrics=metrics), tmp_path / "model")
    assert read_model(tmp_path / "model").metrics == {
        "f1": 0.5,
        "confusion": [[1, 0], [0, 1]],
        "perplexity": None,
        "n": [1, 2],
        "file": "a/b",
        "by": {"1": None},
    }


def test_a_language_model_with_its_kneser_ney_model_and_cache(make_model, kneser_ney, tmp_path):
    plain = make_model("words-1")
    parts = {
        "kneser_ney": kneser_ney(plain.tokenizer.size),
        "interpolation": Interpolation((0.5, 0.25)),
        "cache": ContinuousCache(0.3, 0.2),
    }
    write_model(dataclasses.replace(plain, **parts), tmp_path / "model")
    again = read_model(tmp_path / "model")
    assert (again.interpolation, again.cache) == (parts["interpolation"], parts["cache"])
    np.testing.assert_equal(again.kneser_ney.to_arrays(), parts["kneser_ney"].to_arrays())
    assert isinstance(again.kneser_ney, KneserNey)
    assert names_in(tmp_path / "model") == {*ALL, manifest.KNESER_NEY}


@pytest.fixture
def mixed(make_model):
    """A classifier with linear models and a teacher of its own."""
    plain = make_model("labels-bilstm")
    return dataclasses.replace(
        plain,
        linear=random_linear_model(plain.tokenizer.size, n_columns=1),
        tfidf=random_tfidf_models(plain.tokenizer, ["the mind the body"], n_columns=1),
        teacher=kept_teacher(1, licence=b"MIT"),
        ensemble=BOTH,
        label_type="number",
        labels=["1", "2"],
        ancestors=("a" * 64, "b" * 64),
    )


def test_a_classifier_with_every_part(mixed, make_model, tmp_path):
    path = tmp_path / "model"
    write_model(mixed, path)
    again = read_model(path)
    assert again.ensemble == BOTH
    assert (again.label_type, again.ancestors) == (mixed.label_type, mixed.ancestors)
    np.testing.assert_equal(again.linear.to_arrays(), mixed.linear.to_arrays())
    assert [len(each) for each in again.tfidf] == [len(each) for each in mixed.tfidf]
    np.testing.assert_equal(again.teacher.to_arrays(), mixed.teacher.to_arrays())
    assert again.teacher.files == mixed.teacher.files
    teacher = {"teacher.safetensors", "teacher.onnx", "teacher_tokenizer.json", "teacher_LICENSE"}
    assert names_in(path) == {*ALL, *teacher, "linear.safetensors", "tfidf.safetensors"}
    assert "is a part of it" in (path / "README.md").read_text()
    # A model without these parts takes its place, and their files go with it.
    write_model(make_model("labels-bilstm", ensemble=Ensemble(network=0.5)), path)
    assert names_in(path) == {*ALL}
    assert (read_model(path).linear, read_model(path).ensemble) == (None, Ensemble(network=0.5))


def test_labels_of_any_characters(make_model, tmp_path):
    labels = sorted(["päl|`ace\n# x", "\ud800 half"])
    write_model(make_model("labels-bilstm", labels=labels), tmp_path / "model")
    assert read_model(tmp_path / "model").labels == labels


def test_the_run_moves_in(model, tmp_path):
    run = tmp_path / "model.run"
    run.mkdir()
    (run / "metrics.jsonl").write_text("{}\n")
    write_model(model, tmp_path / "model", run=run)
    assert (tmp_path / "model/run/metrics.jsonl").read_text() == "{}\n"
    assert not run.exists()
    (tmp_path / "model/run/metrics.jsonl").write_text("changed, and not part of the promise")
    read_model(tmp_path / "model")


# --- What is not believed


@pytest.mark.parametrize("name", VERIFIED)
def test_a_changed_a_truncated_and_a_missing_file(directory, name):
    content = (directory / name).read_bytes()
    for found in (content[:-1] + bytes([content[-1] ^ 1]), content[: len(content) // 2], b""):
        (directory / name).write_bytes(found)
        with pytest.raises(ChangedFileError, match=rf"{name}: expected .*, found "):
            read_model(directory)
    (directory / name).unlink()
    with pytest.raises(MissingFileError, match=rf"{name}: expected this file, found none"):
        read_model(directory)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_bit_of_the_manifest_is_checked(directory):
    path = directory / "manifest.json"
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        with pytest.raises(ChangedFileError):
            manifest._entries(path, flipped(content, bit))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_bit_of_any_file_is_found(directory, data):
    name = data.draw(st.sampled_from(sorted({*ALL} - {manifest.CARD})))
    content = (directory / name).read_bytes()
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    (directory / name).write_bytes(flipped(content, bit))
    with pytest.raises(ArtifactError):
        read_model(directory)
    (directory / name).write_bytes(content)
    read_model(directory)


def test_a_newer_format_is_named_before_anything_else(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "format_version": 3}))
    (directory / "model.safetensors").unlink()
    with pytest.raises(NewerFormatError, match=r"found version 3; install a newer foretell"):
        read_model(directory)


def test_places_that_are_no_model(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert/config.json").write_text('{"architectures": ["BertModel"]}')
    (tmp_path / "bert/model.safetensors").write_bytes(b"")
    for name, found in {
        "file": "a file",
        "nothing": "nothing there",
        "empty": "a directory that foretell did not write",
        "bert": "a directory that foretell did not write",
    }.items():
        with pytest.raises(
            NotAModelError, match=f"{name}: expected a foretell model directory, found {found}"
        ):
            read_model(tmp_path / name)


def test_a_disk_that_cannot_be_read_is_told(directory, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(manifest, "read_manifest", broken)
    with pytest.raises(ArtifactError, match="expected a readable model, found Input/output error"):
        read_model(directory)


# --- What is not replaced


def test_check_writable(directory, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/notes.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_text("{}")
    for path in (directory, tmp_path / "empty", tmp_path / "new/deep"):
        check_writable(path)
    assert not (tmp_path / "new").exists()
    (directory / "thesis.doc").write_text("mine")
    for path, says in {
        tmp_path / "file": "expected a model directory, or no such path, found a file",
        tmp_path / "theirs": r"found another file in it: notes\.txt; choose",
        tmp_path / "file/model": "expected a directory to write in, found a file",
        tmp_path / ("n" * 300): "found File name too long; choose another",
        tmp_path / "other": "a directory of another program",
        directory: r"found another file in it: thesis\.doc",
    }.items():
        with pytest.raises(ArtifactError, match=says):
            check_writable(path)


def test_what_is_not_ours_is_not_replaced(model, directory, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/config.json").write_text("{}")
    for write in (
        lambda path: write_model(model, path),
        lambda path: unpack(pack(directory), path),
    ):
        with pytest.raises(ArtifactError, match="a directory of another program"):
            write(tmp_path / "theirs")
        assert files(tmp_path / "theirs") == {"config.json": b"{}"}


def test_a_damaged_model_of_ours_can_be_replaced_and_a_link_to_it_stays_a_link(
    directory, model, tmp_path
):
    (directory / "model.safetensors").unlink()
    (tmp_path / "latest").symlink_to(directory)
    write_model(model, tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    read_model(directory)


# --- Copies


def test_packed_and_unpacked_it_is_the_same(directory, tmp_path):
    (directory / manifest.RUN).mkdir()
    packed = pack(directory)
    assert packed == files(directory)
    unpack(packed, tmp_path / "copy")
    assert files(tmp_path / "copy") == packed
    assert read_model(tmp_path / "copy").job == "labels"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").touch()
    with pytest.raises(ArtifactError, match="a model directory, or no such path"):
        unpack(packed, tmp_path / "theirs")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["thesis.txt"]


def test_the_card_may_be_edited_and_deleted(directory, tmp_path):
    # Older directories list the card.
    old = manifest.digests({manifest.CARD: b"as it was written"})
    for change in (lambda _: None, lambda listed: listed["files"].update(old)):
        rewrite_manifest(directory, change)
        (directory / manifest.CARD).write_text("Trained on the tickets of May.")
        unpack(pack(directory), tmp_path / "copy")
        assert read_model(tmp_path / "copy").job == "labels"
        assert (tmp_path / "copy" / manifest.CARD).read_text() == "Trained on the tickets of May."
    (directory / manifest.CARD).unlink()
    assert manifest.CARD not in pack(directory)
    assert read_model(directory).job == "labels"


def test_a_temporary_directory_goes_with_its_object(directory, tmp_path, monkeypatch):
    home = Home()
    named = Home(directory)
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
    # A process that did not make it, such as a forked child, deletes nothing.
    folder = again.path.parent
    monkeypatch.setattr("foretell.artifacts.directory.os.getpid", lambda: -1)
    del again
    gc.collect()
    assert folder.is_dir()
    shutil.rmtree(folder)


_FORK = """
import os, sys
from foretell.artifacts.directory import Home

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


# --- Manifests


@pytest.mark.parametrize(
    ("name", "says"),
    [
        *(
            (name, "names of files in this directory")
            for name in ("../x", "run/../../x", "..", "", "C:\\x")
        ),
        ("model.safetensors", r"the size and SHA-256 of model\.safetensors"),
    ],
)
def test_a_manifest_that_is_damaged_or_names_a_file_outside(directory, name, says):
    entry = {"size": 1, "sha256": "x"}
    rewrite_manifest(directory, lambda listed: listed["files"].update({name: entry}))
    with pytest.raises(ChangedFileError, match=says):
        read_model(directory)
    (directory / "manifest.json").write_text('{"files": {}}')
    with pytest.raises(
        ChangedFileError, match=r"manifest\.json: expected a manifest as it was written"
    ):
        read_model(directory)


# README.md may be edited on the Hub: its entry is optional.
@pytest.mark.parametrize("name", [name for name in manifest.FILES if name != manifest.CARD])
def test_a_manifest_without_an_entry(directory, name):
    rewrite_manifest(directory, lambda listed: listed["files"].pop(name))
    with pytest.raises(ChangedFileError, match=f"an entry for {name}"):
        read_model(directory)


def test_a_manifest_has_a_maximum_size(directory, monkeypatch):
    size = (directory / "manifest.json").stat().st_size
    monkeypatch.setattr(manifest, "MAX_MANIFEST", size)
    assert len(manifest.read_manifest(directory).content) == size
    monkeypatch.setattr(manifest, "MAX_MANIFEST", size - 1)
    with pytest.raises(ChangedFileError, match=f"at most {size - 1} bytes, found {size}"):
        manifest.read_manifest(directory)


def test_what_is_no_regular_file_is_not_opened(directory, monkeypatch):
    entry = manifest.read_manifest(directory).entries["model.safetensors"]
    (directory / "model.safetensors").unlink()
    with pytest.raises(MissingFileError):
        manifest.read_verified(directory, "model.safetensors", entry)
    os.mkfifo(directory / "model.safetensors")
    for keep in (False, True):
        with pytest.raises(ChangedFileError, match="a regular file"):
            manifest.read_verified(directory, "model.safetensors", entry, keep=keep)
    # It took the place of a regular file after that was looked at.
    answers = iter([True, False])
    monkeypatch.setattr(manifest, "stat", SimpleNamespace(S_ISREG=lambda _: next(answers)))
    with pytest.raises(ChangedFileError, match="a regular file"):
        manifest.read_verified(directory, "model.safetensors", entry)


def test_a_replaced_directory_is_read_again_but_not_for_ever(directory):
    """Each time another manifest, and each time a file that does not fit it."""
    turns = []

    def read(listed):
        turns.append(listed.content)
        rewrite_manifest(directory, lambda values: values.update(turn=len(turns)))
        if len(turns) < stop:
            raise ChangedFileError(expected="a file", found="another", where="x")
        return len(turns)

    stop = manifest._MAX_ATTEMPTS
    assert manifest.read_consistently(directory, read) == stop
    turns.clear()
    stop += 1
    with pytest.raises(ChangedFileError):
        manifest.read_consistently(directory, read)
    assert len(turns) == manifest._MAX_ATTEMPTS

    def fails(listed):
        turns.append(listed.content)
        raise ChangedFileError(expected="a file", found="another", where="x")

    turns.clear()
    with pytest.raises(ChangedFileError):
        manifest.read_consistently(directory, fails)
    # The same manifest twice: the directory is damaged.
    assert len(turns) == 2
