"""Manifests that are damaged or name other files are refused."""

import hashlib
import json

import pytest

from foretell.artifacts.directory import open_verified
from foretell.errors import ChangedFileError
from tests.builders import rewrite_manifest


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
    entry = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    rewrite_manifest(directory, lambda listed: listed["files"].update({name: entry}))
    with pytest.raises(ChangedFileError, match="names of files in this directory"):
        open_verified(directory)


@pytest.mark.parametrize(
    "entry", [None, 3, {}, {"size": -1}, {"size": "1", "sha256": "0" * 64}, {"size": 1, "sha256": "x"}]
)
def test_a_manifest_with_a_wrong_entry(directory, entry):
    rewrite_manifest(directory, lambda listed: listed["files"].update({"model.onnx": entry}))
    with pytest.raises(ChangedFileError, match=r"the size and SHA-256 of model\.onnx"):
        open_verified(directory)


def test_a_manifest_of_an_earlier_version_has_no_hash_of_itself(directory):
    listed = json.loads((directory / "manifest.json").read_text())
    del listed["sha256"]
    (directory / "manifest.json").write_text(json.dumps(listed, indent=2))
    open_verified(directory)
    (directory / "manifest.json").write_text(json.dumps({**listed, "more": 1}, indent=2))
    with pytest.raises(ChangedFileError, match="a manifest as it was written"):
        open_verified(directory)
