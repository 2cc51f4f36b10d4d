"""Where options come from: flag, environment, file, default; old names everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_workplace import Run, settings_of

from foretell import aliases


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


# A value of each setting that no preset has.
VALUES = {
    "valid_fraction": 0.25,
    "kneser_ney": False,
    "max_ngrams": 1234,
    "max_steps": 3,
    "cooccurrence_embeddings": False,
}


def flag(name: str, value: object) -> list[str]:
    """Return a setting as arguments."""
    option = name.replace("_", "-")
    return [f"--no-{option}"] if value is False else [f"--{option}", str(value)]


@pytest.mark.parametrize("job", aliases.SETTINGS)
def test_old_names_are_accepted_in_the_environment_and_in_files(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    data = {"words": "notes.txt", "labels": "reviews.csv"}[job]
    values = {old: VALUES[current] for old, current in aliases.SETTINGS[job].items()}
    text = {old: str(value).lower() for old, value in values.items()}
    file = tmp_path / "settings.toml"
    file.write_text("".join(f"{old} = {value}\n" for old, value in text.items()))
    sources: dict[str, list[str]] = {
        "file": ["--config", str(file)],
        "environment": [],
        "flags": [each for old, value in values.items() for each in flag(old, value)],
    }
    for source, options in sources.items():
        with monkeypatch.context() as patch:
            if source == "environment":
                for old, value in text.items():
                    patch.setenv(f"FORETELL_{old.upper()}", value)
            out = tmp_path / source
            answer = run("train", job, data, "--out", str(out), *options)
            assert answer.code == 0, answer.err
        settings = settings_of(out)
        assert {current: settings[current] for current in aliases.SETTINGS[job].values()} == {
            current: VALUES[current] for current in aliases.SETTINGS[job].values()
        }


def test_old_names_are_hidden_from_help(run: Run) -> None:
    for job, table in aliases.SETTINGS.items():
        text = run("train", job, "--help-all").out
        for old in table:
            assert f"--{old.replace('_', '-')} " not in text
    for command, flags in aliases.FLAGS.items():
        text = run(*command.split(), "--help-all").out
        for old in flags:
            assert f"--{old} " not in text


def test_a_current_name_has_precedence_over_an_old_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETELL_HELD_OUT", "0.5")
    monkeypatch.setenv("FORETELL_VALID_FRACTION", "0.25")
    answer = run("train", "words", "notes.txt", "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    assert settings_of(tmp_path / "m")["valid_fraction"] == 0.25
    monkeypatch.delenv("FORETELL_HELD_OUT")
    monkeypatch.delenv("FORETELL_VALID_FRACTION")
    file = tmp_path / "settings.toml"
    file.write_text("held_out = 0.5\nvalid-fraction = 0.2\n")
    answer = run("train", "words", "notes.txt", "--out", str(tmp_path / "n"), "--config", str(file))
    assert answer.code == 0, answer.err
    assert settings_of(tmp_path / "n")["valid_fraction"] == 0.2


def test_an_old_flag_of_a_command_has_an_old_variable(
    run: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "records.data").write_text('{"text": "good"}\n')
    monkeypatch.setenv("FORETELL_INPUT", "jsonl")
    assert "good" in run("classify", "reviews-model", "records.data").out
    assert "{" not in run("classify", "reviews-model", "records.data").out


def test_a_variable_gives_an_option_of_any_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_FORMAT", "csv")
    assert run("next", "notes-model", "the").out.startswith("word,probability\n")
