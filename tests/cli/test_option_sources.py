"""Where options come from: flag, environment, file, default; old names everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_workplace import Run, settings_of


def test_flag_then_environment_then_file_then_preset(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'units = 6\nembedding_size = 6\nlearning-rate = 0.6\nlowercase = true\nkeep = "last"\nepochs = 9\n'
    )
    monkeypatch.delenv("FORETELL_EMBEDDING_SIZE")
    monkeypatch.setenv("FORETELL_UNITS", "5")
    out = tmp_path / "m"
    answer = run("train", "labels", "reviews.csv", "--out", str(out), "--config", str(file), "--epochs", "2")
    assert answer.code == 0, answer.err
    settings = settings_of(out)
    assert settings["epochs"] == 2
    assert settings["units"] == 5
    assert settings["embedding_size"] == 6
    assert settings["learning_rate"] == 0.6
    assert settings["keep"] == "last"
    assert settings["batch_size"] == 64


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("uints = 3", "did you mean units?"),
        ("units = [3]", "one value"),
        ("units = ", "TOML"),
        ("[units]\nx = 1", "one value"),
        ("units = 0.5", "whole number"),
        ("config = 'other.toml'", "'config'"),
    ],
)
def test_a_bad_file_is_refused(
    run: Run, tmp_path: Path, content: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETELL_UNITS")
    file = tmp_path / "settings.toml"
    file.write_text(content)
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--config", str(file))
    assert answer.code == 2
    assert says in answer.err
    assert not (tmp_path / "m").exists()
