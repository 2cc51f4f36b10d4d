"""Options have their values from flag, environment, file and preset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli_workplace import Run, settings_of

from foretell.cli.entry import main


def test_flag_then_environment_then_file_then_preset(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        "units = 6\nembedding_size = 6\nlearning-rate = 0.6\nlowercase = true\npatience = "
        "7\nepochs = 9\n"
    )
    monkeypatch.delenv("FORETELL_EMBEDDING_SIZE")
    monkeypatch.setenv("FORETELL_UNITS", "5")
    out = tmp_path / "m"
    answer = run(
        "train", "labels", "reviews.csv", "--out", str(out), "--config", str(file), "--epochs", "2"
    )
    assert answer.code == 0, answer.err
    settings = settings_of(out)
    names = ("epochs", "units", "embedding_size", "learning_rate", "patience", "batch_size")
    assert [settings[name] for name in names] == [2, 5, 6, 0.6, 7, 64]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("uints = 3", "did you mean units?"),
        ("units = [3]", "Invalid value for [units]"),
        ("units = ", "TOML"),
        ("config = 'other.toml'", "[config]"),
        ("data = 'other.csv'", "[data]"),
    ],
)
def test_a_bad_file_is_refused(
    run: Run, tmp_path: Path, content: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETELL_UNITS")
    file = tmp_path / "settings.toml"
    file.write_text(content)
    answer = run(
        "train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--config", str(file)
    )
    assert (answer.code, says in answer.err) == (2, True), answer.err
    assert "settings.toml" in answer.err or "[units]" in answer.err
    assert not (tmp_path / "m").exists()


def test_a_column_may_be_named_in_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "it.toml").write_text("label = 'team'", encoding="utf-8-sig")
    it = run(
        "train",
        "labels",
        "reviews.csv",
        "--out",
        str(tmp_path / "m"),
        "--config",
        str(tmp_path / "it.toml"),
    )
    assert "expected a column named 'team'" in it.err


def test_the_folder_of_data_sets_is_no_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_DATA", "/nowhere")
    monkeypatch.setenv("FORETELL_CACHE", "/nowhere")
    assert run("export", "reviews-model", "--out", str(tmp_path / "x")).code == 0
    assert run("next", "notes-model", "the").code == 0


def test_without_a_flag_nothing_is_wrong_where_pydantic_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pydantic")
    for name in [name for name in os.environ if name.startswith("FORETELL_")]:
        monkeypatch.delenv(name)
    data = str(tmp_path / "missing.csv")
    out = str(tmp_path / "m")
    for job in ("labels", "words"):
        assert main(["train", job, data, "--out", out]) == 1
        assert "missing.csv" in capsys.readouterr().err
