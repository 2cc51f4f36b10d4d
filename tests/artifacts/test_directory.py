"""The model directory: what is written comes back, and nothing damaged, foreign or newer is believed."""

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
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from export_workplace import random_tfidf_models
from safetensors.numpy import save

from foretell.artifacts import manifest
from foretell.artifacts.directory import (
    Home,
    check_writable,
    open_verified,
    pack,
    read_model,
    unpack,
    write_model,
)
from foretell.errors import (
    ArtifactError,
    ChangedFileError,
    MissingFileError,
    NewerFormatError,
    NotAModelError,
)
from foretell.ngrams.cache import ContinuousCache
from foretell.ngrams.ensemble import Ensemble
from foretell.ngrams.interpolation import Interpolation
from foretell.ngrams.kneser_ney import KneserNey, Level
from foretell.ngrams.linear import LinearModel
from tests.builders import random_linear_model, rewrite, rewrite_json
from tests.encoders import kept_teacher

ALL = (*manifest.FILES, manifest.MANIFEST)
READERS = pytest.mark.parametrize("reader", [open_verified, read_model])


def test_every_network_comes_back_as_it_was(any_model, tmp_path):
    write_model(any_model, tmp_path / "model")
    again = read_model(tmp_path / "model")
    assert (again.job, again.preset, again.settings) == (any_model.job, any_model.preset, any_model.settings)
    assert (again.labels, again.metrics) == (any_model.labels, any_model.metrics)
    assert again.tokenizer.to_json() == any_model.tokenizer.to_json()
    assert again.weights.keys() == any_model.weights.keys()
    for name, weight in again.weights.items():
        np.testing.assert_array_equal(weight, any_model.weights[name])


def test_the_files_and_nothing_else(directory):
    assert {path.name for path in directory.iterdir()} == {*ALL}
    assert [path.name for path in directory.parent.iterdir()] == ["model"]
    config = json.loads((directory / "config.json").read_text())
    assert config["format_version"] == 1
    assert {"foretell", "job", "preset", "settings", "labels", "ensemble"} < config.keys()
    listed = json.loads((directory / "manifest.json").read_text())["files"]
    for name, entry in listed.items():
        content = (directory / name).read_bytes()
        assert entry == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_same_model_is_written_the_same(make_model, tmp_path):
    for parent in ("one", "two"):
        write_model(make_model("labels-bilstm"), tmp_path / parent / "model")
    for name in ALL:
        assert (tmp_path / "one/model" / name).read_bytes() == (tmp_path / "two/model" / name).read_bytes()


def test_open_verified_gives_what_the_runtime_needs(directory, model):
    opened = open_verified(str(directory))
    assert opened.onnx_path == directory / "model.onnx"
    assert (opened.job, opened.labels, opened.settings) == ("labels", ["bad", "good"], model.settings)
    assert opened.tokenizer.encode("The mind") == model.tokenizer.encode("The mind")
    assert opened.metrics["accuracy"] == 0.875


def test_reading_needs_no_onnx_and_no_tensorflow(directory):
    code = (
        "import sys; from foretell.artifacts.directory import open_verified, read_model, write_model;"
        f"open_verified({str(directory)!r}); model = read_model({str(directory)!r});"
        "assert not {'onnx', 'onnxruntime', 'tensorflow', 'keras', 'sklearn'} & set(sys.modules);"
        # Writing needs ONNX Runtime, which compares the graph with the reference, and no more.
        f"write_model(model, {str(directory)!r}); assert not {{'onnx', 'tensorflow'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_metrics_of_numpy_and_without_a_number(make_model, tmp_path):
    metrics = {
        "f1": np.float32(0.5), "confusion": np.eye(2, dtype=int), "perplexity": math.inf, "n": (1, 2),
        "file": Path("a/b"), "by": {1: math.nan},
    }  # fmt: skip
    write_model(make_model("labels-bilstm", metrics=metrics), tmp_path / "model")
    expected = {
        "f1": 0.5, "confusion": [[1, 0], [0, 1]], "perplexity": None, "n": [1, 2], "file": "a/b",
        "by": {"1": None},
    }  # fmt: skip
    assert open_verified(tmp_path / "model").metrics == expected


def test_where_foretell_is_not_installed_its_version_is_unknown(make_model, tmp_path, monkeypatch):
    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_installed)
    write_model(make_model("labels-bilstm"), tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["foretell"] == "unknown"


@READERS
def test_a_disk_that_cannot_be_read_is_told(directory, monkeypatch, reader):
    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(manifest, "read_manifest", broken)
    with pytest.raises(ArtifactError, match="expected a readable model, found Input/output error"):
        reader(directory)


def test_a_language_model_with_its_kneser_ney_model(make_model, tmp_path):
    plain = make_model("words-1")
    levels = (
        Level(np.arange(3), np.full(3, 0.2, np.float32), np.array([0.4], np.float32)),
        Level(np.array([1]), np.array([0.5], np.float32), np.array([0.5, 1, 1], np.float32)),
    )
    parts = {
        "kneser_ney": KneserNey(levels, plain.tokenizer.size, 10),
        "interpolation": Interpolation((0.5, 0.25)),
        "cache": ContinuousCache(0.3, 0.2),
    }
    write_model(dataclasses.replace(plain, **parts), tmp_path / "model")
    again = open_verified(tmp_path / "model")
    assert (again.interpolation, again.cache) == (parts["interpolation"], parts["cache"])
    assert len(again.kneser_ney) == len(parts["kneser_ney"])
    assert manifest.KNESER_NEY in {path.name for path in (tmp_path / "model").iterdir()}


@pytest.mark.parametrize("licence", [b"MIT", None])
def test_a_classifier_with_a_kept_teacher(make_model, tmp_path, licence):
    kept = kept_teacher(1, licence=licence)
    plain = make_model("labels-bilstm")
    linear = random_linear_model(plain.tokenizer.size, n_columns=1)
    model = dataclasses.replace(plain, linear=linear, teacher=kept, ensemble=Ensemble(network=1, linear=1))
    write_model(model, tmp_path / "model")
    for reader in (open_verified, read_model):
        again = reader(tmp_path / "model").teacher
        np.testing.assert_array_equal(again.weights, kept.weights)
        np.testing.assert_array_equal(again.bias, kept.bias)
        assert again.files == kept.files
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"teacher.safetensors", "teacher.onnx", "teacher_tokenizer.json"} <= names
    assert ("teacher_LICENSE" in names) == (licence is not None)
    # A model without one takes its place, and its files with it.
    write_model(plain, tmp_path / "model")
    assert not list((tmp_path / "model").glob("teacher*"))
    other = dataclasses.replace(model, teacher=kept_teacher(2))
    with pytest.raises(ArtifactError, match="a linear model of 2 columns for 2 labels"):
        write_model(other, tmp_path / "model")


def test_a_classifier_with_tfidf_models(make_model, tmp_path):
    plain = make_model("labels-bilstm")
    tfidf = random_tfidf_models(plain.tokenizer, ["the mind the body"], n_columns=1)
    linear = random_linear_model(plain.tokenizer.size, 1)
    ensemble = Ensemble(network=0.5, linear=0.6)
    model = dataclasses.replace(plain, linear=linear, tfidf=tfidf, ensemble=ensemble)
    write_model(model, tmp_path / "model")
    again = open_verified(tmp_path / "model")
    assert [len(each) for each in again.tfidf] == [len(each) for each in tfidf]


def test_the_type_of_labels_and_ancestors_come_back(make_model, tmp_path):
    plain = make_model("labels-bilstm")
    write_model(plain, tmp_path / "plain")
    config = json.loads((tmp_path / "plain" / "config.json").read_text())
    assert not {"label_type", "ancestors"} & config.keys()
    more = dataclasses.replace(plain, label_type="number", labels=["1", "2"], ancestors=("a" * 64, "b" * 64))
    write_model(more, tmp_path / "more")
    found = read_model(tmp_path / "more")
    assert (found.label_type, found.ancestors) == ("number", ("a" * 64, "b" * 64))


def test_labels_of_any_characters(make_model, tmp_path):
    labels = sorted(["päl|`ace\n# x", "\ud800 half"])
    write_model(make_model("labels-bilstm", labels=labels), tmp_path / "model")
    assert open_verified(tmp_path / "model").labels == labels


# --- A linear model that is a part of the classifier


@pytest.fixture
def mixed(make_model, tmp_path):
    """A written model with a linear part, and its directory."""
    keys = np.array([2, 3, 5, 8 + 3 * 30 + 4], np.int64)
    weights = np.array([[0.5], [-1.0], [2.0], [0.25]], np.float32)
    linear = LinearModel(keys, weights, np.array([0.125], np.float32), size=30)
    ensemble = Ensemble(network=0.75, linear=0.5, offsets=(0.1, -0.1))
    model = make_model("labels-bilstm", linear=linear, ensemble=ensemble)
    write_model(model, tmp_path / "mixed")
    return model, tmp_path / "mixed"


def test_a_linear_model_and_its_weight_come_back(mixed):
    model, path = mixed
    assert {each.name for each in path.iterdir()} == {*ALL, manifest.LINEAR}
    listed = json.loads((path / "manifest.json").read_text())["files"]
    content = (path / "linear.safetensors").read_bytes()
    assert listed["linear.safetensors"]["sha256"] == hashlib.sha256(content).hexdigest()
    for again in (open_verified(path), read_model(path)):
        assert again.ensemble == model.ensemble
        assert (again.linear.size, again.linear.longest) == (30, 3)
        np.testing.assert_array_equal(again.linear.keys, model.linear.keys)
        np.testing.assert_array_equal(again.linear.weights, model.linear.weights)
        np.testing.assert_array_equal(again.linear.bias, model.linear.bias)
    assert "is a part of it" in (path / "README.md").read_text()


@READERS
def test_a_changed_linear_model_is_refused(mixed, reader):
    _, path = mixed
    content = bytearray((path / "linear.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "linear.safetensors").write_bytes(content)
    with pytest.raises(ChangedFileError, match=r"linear\.safetensors: expected SHA-256"):
        reader(path)
    (path / "linear.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"linear\.safetensors: expected this file"):
        reader(path)


@READERS
@pytest.mark.parametrize("change", ["not safetensors", "keys that descend", "a weight that is NaN"])
def test_a_linear_model_that_lies_under_a_true_hash(mixed, reader, change):
    model, path = mixed
    arrays = {name: array.copy() for name, array in model.linear.to_arrays().items()}
    if change == "keys that descend":
        arrays["linear/keys"] = arrays["linear/keys"][::-1].copy()
    elif change == "a weight that is NaN":
        arrays["linear/weights"][0] = np.nan
    content = b"\x00" * 40 if change == "not safetensors" else save(arrays)
    rewrite(path, "linear.safetensors", content)
    with pytest.raises(ChangedFileError, match=r"linear\.safetensors"):
        reader(path)


def test_a_model_without_a_linear_part_takes_the_place_of_one_with(mixed, make_model):
    _, path = mixed
    write_model(make_model("labels-bilstm"), path)
    assert {each.name for each in path.iterdir()} == {*ALL}
    assert open_verified(path).linear is None
    write_model(make_model("labels-bilstm", ensemble=Ensemble(network=0.5)), path)
    assert open_verified(path).ensemble == Ensemble(network=0.5)


def test_the_run_moves_in(model, tmp_path):
    run = tmp_path / "model.run"
    run.mkdir()
    (run / "metrics.jsonl").write_text("{}\n")
    write_model(model, tmp_path / "model", run=run)
    assert (tmp_path / "model/run/metrics.jsonl").read_text() == "{}\n"
    assert not run.exists()
    (tmp_path / "model/run/metrics.jsonl").write_text("changed, and not part of the promise")
    open_verified(tmp_path / "model")


# --- What is not believed


@READERS
@pytest.mark.parametrize("name", manifest.FILES)
def test_one_changed_bit(directory, name, reader):
    content = bytearray((directory / name).read_bytes())
    content[len(content) // 2] ^= 1
    (directory / name).write_bytes(content)
    with pytest.raises(ChangedFileError, match=rf"{name}: expected SHA-256 \w+…, found \w+…; copy"):
        reader(directory)


@READERS
@pytest.mark.parametrize("name", manifest.FILES)
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_truncated_file(directory, name, keep, reader):
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ChangedFileError, match=rf"{name}: expected {len(content)} bytes, found \d+"):
        reader(directory)


@READERS
@pytest.mark.parametrize("name", ALL)
def test_a_missing_file(directory, name, reader):
    (directory / name).unlink()
    with pytest.raises(MissingFileError, match=rf"{name}: expected this file, found none"):
        reader(directory)


def test_a_newer_format_is_named_before_anything_else(directory):
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "format_version": 3}))
    (directory / "model.onnx").unlink()
    with pytest.raises(NewerFormatError, match=r"found version 3; pip install --upgrade foretell"):
        open_verified(directory)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("labels"),
        lambda config: config.update(job="images"),
        lambda config: config["settings"].update(units=-1),
        lambda config: config["settings"].update(color="red"),
    ],
)
def test_a_config_that_lies_under_a_true_hash(directory, change):
    rewrite_json(directory, "config.json", change)
    with pytest.raises(ChangedFileError, match=r"config\.json"):
        open_verified(directory)


def test_settings_of_another_network_under_a_true_hash(directory):
    rewrite_json(directory, "config.json", lambda config: config["settings"].update(units=8))
    for reader in (open_verified, read_model):
        with pytest.raises(ArtifactError, match="another graph than its settings give"):
            reader(directory)


@READERS
def test_places_that_are_no_model(tmp_path, reader):
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
            reader(tmp_path / name)


# --- What is not written


@pytest.mark.parametrize("labels", [None, [], ["one"], ["b", "a"], ["a", "a"]])
def test_labels_that_are_none(make_model, tmp_path, labels):
    with pytest.raises(ArtifactError, match="two or more labels, sorted"):
        write_model(make_model("labels-bilstm", labels=labels), tmp_path / "model")


def test_settings_of_the_other_job(make_model, tmp_path):
    with pytest.raises(ArtifactError, match="expected settings for labels, found WordsSettings"):
        write_model(make_model("words-1", job="labels", labels=["a", "b"]), tmp_path / "model")


def test_check_writable(directory, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/notes.txt").write_text("mine")
    for path in (directory, tmp_path / "empty", tmp_path / "new/deep"):
        check_writable(path)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ArtifactError, match="expected a model directory, or no such path, found a file"):
        check_writable(tmp_path / "file")
    with pytest.raises(ArtifactError, match=r"found another file in it: notes\.txt; choose"):
        check_writable(tmp_path / "theirs")
    with pytest.raises(ArtifactError, match="expected a directory to write in, found a file"):
        check_writable(tmp_path / "file/model")
    with pytest.raises(ArtifactError, match="found File name too long; choose another"):
        check_writable(tmp_path / ("n" * 300))
    (directory / "thesis.doc").write_text("mine")
    with pytest.raises(ArtifactError, match=r"found another file in it: thesis\.doc"):
        check_writable(directory)


def test_what_is_not_ours_is_not_replaced(model, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="a directory of another program"):
        write_model(model, tmp_path / "theirs")
    assert (tmp_path / "theirs/config.json").read_text() == "{}"


def test_a_damaged_model_of_ours_can_be_replaced(directory, model):
    (directory / "model.onnx").unlink()
    write_model(model, directory)
    open_verified(directory)


def test_a_link_to_a_model_stays_a_link(directory, model, tmp_path):
    (tmp_path / "latest").symlink_to(directory)
    write_model(model, tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    open_verified(directory)


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


def test_a_temporary_directory_goes_with_its_object(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    # A process that did not make it deletes nothing.
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
