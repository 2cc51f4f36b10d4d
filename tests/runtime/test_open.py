"""One dispatch by job: the runtime of a model directory, or of a model that was verified before."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from foretell.artifacts import manifest
from foretell.artifacts.directory import pack, read_model, unpack
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime
from tests.builders import write_classifier


def test_the_job_decides(lstm: WordsRuntime, any_labels: LabelsRuntime) -> None:
    for runtime in (lstm, any_labels):
        for model in (runtime.path, str(runtime.path), read_model(runtime.path)):
            opened = open_model(model)
            assert type(opened) is type(runtime)
            assert opened.path == runtime.path


# --- A directory that is replaced while it is read


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelsRuntime, LabelsRuntime]:
    """Two classifiers, each a network and a linear model of other weights."""
    folder = tmp_path_factory.mktemp("two")

    def write(seed: int) -> LabelsRuntime:
        return LabelsRuntime(
            write_classifier(folder / str(seed), seed=seed, metrics={"seed": seed})
        )

    return write(1), write(2)


def copies(two: tuple[LabelsRuntime, LabelsRuntime], to: Path) -> tuple[Path, Path]:
    one, other = (
        Path(shutil.copytree(each.path, to / name)) for each, name in zip(two, "ab", strict=True)
    )
    return one, other


def exchange(one: Path, other: Path) -> None:
    """Exchange the files of two model directories, as two writers would."""
    contents = pack(one), pack(other)
    unpack(contents[1], one)
    unpack(contents[0], other)


TEXTS = ["the mind adapts", "the obstacle to action", "its own purposes"]


def test_the_network_is_the_one_that_was_verified(two, tmp_path: Path) -> None:
    """With a graph that is opened by its name, the answer is one model's network with the other's
    linear.
    """
    wanted = two[0].predict_proba(TEXTS).tolist()
    one, other = copies(two, tmp_path)
    verified = read_model(one)
    exchange(one, other)
    assert open_model(verified).predict_proba(TEXTS).tolist() == wanted


@pytest.mark.parametrize("read", [read_model, pack])
def test_a_change_between_any_two_files_is_read_again(
    two, tmp_path: Path, monkeypatch, read
) -> None:
    one, other = copies(two, tmp_path)
    real = manifest.read_verified
    turns = 0

    def exchanging(*arguments, **how):
        nonlocal turns
        turns += 1
        if turns == change_at:
            monkeypatch.setattr(manifest, "read_verified", real)
            exchange(one, other)
            monkeypatch.setattr(manifest, "read_verified", exchanging)
        return real(*arguments, **how)

    for change_at in range(1, 5):
        turns = 0
        monkeypatch.setattr(manifest, "read_verified", exchanging)
        result = read(one)
        assert turns > change_at, "never exchanged"
        monkeypatch.setattr(manifest, "read_verified", real)
        now = pack(one)
        if read is pack:
            assert result == now
        else:
            assert result.metrics == read_model(one).metrics
            np.testing.assert_equal(result.weights, load(now["model.safetensors"]))


def test_only_the_runtime_of_the_job_is_imported(lstm: WordsRuntime) -> None:
    script = (
        "import sys; from foretell.runtime.open import open_model; open_model(sys.argv[1]);"
        "sys.exit('foretell.runtime.labels.classifier' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(lstm.path)]).returncode == 0
