"""Manifests that are damaged or name other files are refused."""

import os
from types import SimpleNamespace

import pytest

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.errors import ChangedFileError, MissingFileError
from tests.builders import rewrite_manifest


@pytest.mark.parametrize(
    ("name", "says"),
    [
        *((name, "names of files in this directory") for name in ("../x", "run/../../x", "..", "", "C:\\x")),
        ("model.safetensors", r"the size and SHA-256 of model\.safetensors"),
    ],
)
def test_a_manifest_that_is_damaged_or_names_a_file_outside(directory, name, says):
    entry = {"size": 1, "sha256": "x"}
    rewrite_manifest(directory, lambda listed: listed["files"].update({name: entry}))
    with pytest.raises(ChangedFileError, match=says):
        read_model(directory)
    (directory / "manifest.json").write_text('{"files": {}}')
    with pytest.raises(ChangedFileError, match=r"manifest\.json: expected a manifest as it was written"):
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
