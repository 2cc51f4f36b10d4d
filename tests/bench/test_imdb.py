"""Kept figures are used again only while nothing that affects them has changed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bench import imdb
from bench.imdb import digest, measured


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "foretell"
    (folder / "training" / "labels").mkdir(parents=True)
    (folder / "config.py").write_text("units = 8\n")
    (folder / "training" / "labels" / "train.py").write_text("x = 1\n")
    return folder


@pytest.mark.parametrize(
    "path", ["config.py", "training/labels/train.py", "text/tokenizer.py", "samples/a.csv"]
)
def test_any_file_of_the_package_changes_the_digest(package: Path, path: str) -> None:
    before = digest(package)
    assert digest(package) == before
    file = package / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("other\n")
    assert digest(package) != before


def test_a_file_that_moves_changes_the_digest(package: Path) -> None:
    before = digest(package)
    (package / "config.py").rename(package / "settings.py")
    assert digest(package) != before


def test_compiled_files_do_not(package: Path) -> None:
    before = digest(package)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "config.pyc").write_bytes(b"1")
    assert digest(package) == before


def test_a_library_or_a_setting_in_the_environment_changes_the_digest(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(package)
    monkeypatch.setenv("FORETELL_UNITS", "9")
    changed = digest(package)
    assert changed != before
    monkeypatch.setenv("FORETELL_DATA", "elsewhere")
    assert digest(package) == changed
    monkeypatch.delenv("FORETELL_UNITS")
    assert digest(package) == before
    others = [each for each in metadata.distributions() if each.name != "numpy"]
    monkeypatch.setattr(imdb, "distributions", lambda: others)
    assert digest(package) != before


def test_figures_are_kept_until_the_digest_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained: list[Any] = []

    def train(job: str, source: str, out: Path, **settings: Any) -> dict[str, Any]:
        out.parent.mkdir(parents=True, exist_ok=True)
        trained.append((job, source, settings))
        return {"seconds": 1.0}

    monkeypatch.setattr(imdb, "train", train)
    monkeypatch.setattr(imdb, "evaluate", lambda *_: {"accuracy": 0.5 + len(trained) / 10})
    assert measured("article", 1)["accuracy"] == pytest.approx(0.6)
    assert measured("article", 1)["accuracy"] == pytest.approx(0.6)
    assert measured("article", 2)["accuracy"] == pytest.approx(0.7)
    assert measured("article", 1, fresh=True)["accuracy"] == pytest.approx(0.8)
    monkeypatch.setattr(imdb, "digest", lambda: "changed")
    assert measured("article", 1)["accuracy"] == pytest.approx(0.9)
    assert trained[0] == ("labels", "imdb", {"preset": "article", "seed": 1})
