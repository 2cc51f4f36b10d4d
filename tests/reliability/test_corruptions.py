"""Every corruption of a model directory, the manifest included, is caught before the first prediction."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from reliability.sizes import report, sizes

from foretell.artifacts.directory import read_model
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError
from foretell.ngrams.ensemble import Ensemble
from tests.builders import random_linear_model, write_random


def corrupt(content: bytes, chance: random.Random) -> bytes:
    """Return other bytes: a flipped bit, a byte more or less, a cut, zeros, or two parts exchanged."""
    while True:
        changed = bytearray(content)
        at = chance.randrange(len(changed))
        kind = chance.randrange(6)
        if kind < 2:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            changed.insert(at, chance.randrange(256))
        elif kind == 3:
            del changed[at]
        elif kind == 4:
            stop = min(len(changed), at + chance.randrange(1, 4097))
            changed[at:stop] = bytes(stop - at)
        else:
            del changed[at:]
        if changed != content:
            return bytes(changed)


@sizes(100, 2_000)
def test_every_corruption_is_caught(tmp_path: Path, count: int) -> None:
    settings = LabelsSettings(units=5, embedding_size=6, length=30)
    parts = {"ensemble": Ensemble(network=1, linear=1), "linear": random_linear_model(size=20, n_columns=1)}
    path = write_random(tmp_path / "model", settings, ["neg", "pos"], **parts)
    copy = Path(shutil.copytree(path, tmp_path / "copy"))
    names = sorted(each.name for each in path.iterdir())
    chance = random.Random(5)
    for number in range(count):
        name = names[number % len(names)]
        content = (path / name).read_bytes()
        changed = corrupt(content, chance)
        (copy / name).write_bytes(changed)
        with pytest.raises(ArtifactError):
            read_model(copy)
        (copy / name).write_bytes(content)
    read_model(copy)
    report("corruptions", caught=count)


def test_every_bit_of_the_manifest_is_caught(tmp_path: Path) -> None:
    path = write_random(tmp_path / "m", LabelsSettings(units=2, embedding_size=2), ["neg", "pos"])
    content = (path / "manifest.json").read_bytes()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << (at % 8)
        (path / "manifest.json").write_bytes(changed)
        with pytest.raises(ArtifactError):
            read_model(path)
