"""Manifests that are damaged or name other files are refused."""

import hashlib
import json

import pytest

from foretell.artifacts.directory import open_verified
from foretell.errors import (
    ChangedFileError,
)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": []}', '{"files": {}}', "\x00"])
def test_a_damaged_manifest(directory, text):
    (directory / "manifest.json").write_text(text)
    with pytest.raises(ChangedFileError, match=r"manifest\.json"):
        open_verified(directory)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/hosts", "run/../../outside", "..", ".", "", "C:\\x", "a\x00b"]
)
def test_a_manifest_that_names_a_file_outside(directory, name):
    (directory.parent / "outside").write_bytes(b"x")
    listed = json.loads((directory / "manifest.json").read_text())
    listed["files"][name] = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (directory / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(ChangedFileError, match="names of files in this directory"):
        open_verified(directory)


@pytest.mark.parametrize(
    "entry", [None, 3, {}, {"size": -1}, {"size": "1", "sha256": "0" * 64}, {"size": 1, "sha256": "x"}]
)
def test_a_manifest_with_a_wrong_entry(directory, entry):
    listed = json.loads((directory / "manifest.json").read_text())
    listed["files"]["model.onnx"] = entry
    (directory / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(ChangedFileError, match=r"the size and SHA-256 of model\.onnx"):
        open_verified(directory)
