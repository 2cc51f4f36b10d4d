"""The exported folder: an older export is replaced, anything else is left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from export_workplace import exported

from foretell.artifacts.directory import open_verified
from foretell.errors import ArtifactError
from foretell.export.model_export import export_model, write_export


def test_an_older_export_is_replaced_and_nothing_else(models: dict[str, Path], tmp_path: Path) -> None:
    out = exported(models, "words", "onnx", tmp_path)
    exported(models, "labels", "onnx", tmp_path)
    assert json.loads((out / "model.json").read_text())["job"] == "labels"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"mine\.txt, which is not part of an export"):
        exported(models, "words", "onnx", tmp_path)
    shutil.copytree(models["labels"], tmp_path / "model")
    with pytest.raises(ArtifactError, match="which is not part of an export"):
        export_model(models["words"], tmp_path / "model")
    assert open_verified(tmp_path / "model").job == "labels"
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="found a file"):
        export_model(models["words"], tmp_path / "file")


def test_what_fails_its_check_does_not_replace_an_older_export(tmp_path: Path) -> None:
    write_export({"a/b.txt": b"old"}, {"job": "labels"}, tmp_path / "out", lambda _: None)

    def fail(folder: Path) -> None:
        assert (folder / "a/b.txt").read_bytes() == b"new"
        raise ArtifactError(expected="a good copy", found="a bad one")

    with pytest.raises(ArtifactError, match="a bad one"):
        write_export({"a/b.txt": b"new"}, {"job": "labels"}, tmp_path / "out", fail)
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": {}}', '{"foretell_export": 1}'])
def test_a_folder_with_another_model_json_is_not_an_export(tmp_path: Path, content: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"model\.json, which is not part of an export"):
        write_export({}, {}, tmp_path / "out", lambda _: None)
    assert (tmp_path / "out" / "model.json").read_text() == content


def test_a_label_with_half_a_surrogate_pair_is_written(tmp_path: Path) -> None:
    write_export({}, {"labels": ["\ud800"]}, tmp_path / "out", lambda _: None)
    assert json.loads((tmp_path / "out" / "model.json").read_bytes())["labels"] == ["\ud800"]
