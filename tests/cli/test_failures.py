"""Every failure is one line on stderr with what was expected, found and what to do; and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli.entry import describe, help_command, resume_command
from foretell.errors import Interrupted

WRONG_USAGE = [
    "nxt",
    "next",
    "next notes-model the --kk 3",
    "next notes-model the -k 0",
    "next notes-model the -k 1.5",
    "next notes-model the --format xml",
    "next reviews-model the",
    "classify notes-model good",
    "complete notes-model the --temperature -1",
    "complete notes-model the --words 0",
    "info",
    "info reviews-model --presets",
    "classify reviews-model good --json --format csv",
    "evaluate notes-model notes.txt --label team",
    "export reviews-model --to pickle",
    "score",
    "explain notes-model good",
    "train words notes.txt",
    "train words notes.txt --out x --preset huge",
    "train words notes.txt --out x --units 0",
    "train words notes.txt --out x --units -5",
    "train words notes.txt --out x --epochs 1.5",
    "train words notes.txt --out x --units many",
    "train labels reviews.csv --out x --network transformer",
    "train labels reviews.csv --out x --config missing.toml",
    "train labels reviews.csv --out x --checkpoint-seconds 0",
]
FAILED = [
    ("next missing-model the", "missing-model"),
    ("next . the", "did not write"),
    ("score notes-model missing.txt", "missing.txt"),
    ("next notes-model missing.txt", "missing.txt"),
    ("complete notes-model missing.gz", "missing.gz"),
    ("explain reviews-model review.csv", "did you mean reviews.csv?"),
    ("classify reviews-model missing.csv", "missing.csv"),
    ("classify reviews-model tickets.csv --text nosuch", "body, team, subject"),
    ("evaluate reviews-model missing.csv", "missing.csv"),
    ("train labels missing.csv --out x", "missing.csv"),
    ("train labels reviews.csv --label nosuch --out x", "text, label"),
    ("train words notes.txt --out .", "choose another --out"),
    ("train words notes.txt --out y --resume", "none"),
]


@pytest.mark.parametrize("command", WRONG_USAGE)
def test_wrong_usage(run: Run, command: str) -> None:
    answer = run(*command.split())
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert _is_one_line(answer.err)


@pytest.mark.parametrize(("command", "names"), FAILED)
def test_failed(run: Run, command: str, names: str) -> None:
    answer = run(*command.split())
    assert answer.code == 1, answer.err
    assert answer.out == ""
    last = answer.err.splitlines()[-1]
    assert _is_one_line(last + "\n")
    assert "expected" in last
    assert names in last


def test_a_damaged_model_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("train", "words", "notes.txt", "--out", str(tmp_path / "m")).code == 0
    weights = tmp_path / "m" / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1])
    answer = run("next", str(tmp_path / "m"), "the")
    assert answer.code == 1
    assert "model.onnx" in answer.err


def test_a_missing_extra_gives_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretell import machine

    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "tensorflow" else object())
    for argv in (["train", "words", "notes.txt", "--out", "z"], ["demo", "--out", "z"]):
        answer = run(*argv)
        assert answer.code == 1
        assert "pip install 'foretell[train]'" in answer.err
        assert _is_one_line(answer.err)


def test_a_surprise_is_one_line_too() -> None:
    line, code = describe(ZeroDivisionError("a\nb"), [])
    assert code == 1
    assert "ZeroDivisionError: a b" in line


def test_an_interruption_gives_the_command_that_resumes() -> None:
    error = Interrupted(expected="a", found="b")
    line, code = describe(error, ["train", "words", "my notes.txt", "--restart", "--out", "m"])
    assert code == 130
    assert line.endswith("foretell train words 'my notes.txt' --out m --resume")
    assert resume_command(["train", "--resume"]) == "foretell train --resume"
    assert describe(KeyboardInterrupt(), [])[1] == 130


def test_a_signal_has_its_own_exit_code() -> None:
    error = Interrupted(expected="a", found="b")
    error.exit_code = 143
    assert describe(error, ["train"])[1] == 143


def test_a_wrong_value_names_the_help_of_its_command(run: Run) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", "x", "--dropout", "much")
    assert answer.err == (
        'foretell: Invalid value for --dropout: unable to convert "much" into a number; '
        "see foretell train labels --help\n"
    )


def test_a_wrong_option_names_the_help_that_there_is() -> None:
    assert help_command(["train", "labels", "--no"]) == "foretell train labels --help"
    assert help_command(["train", "lables"]) == "foretell train --help"
    assert help_command(["nxt"]) == "foretell --help"
    assert help_command(["next", "m"]) == "foretell next --help"


def test_errors_name_only_options_that_the_command_has(run: Run, workplace: Path) -> None:
    unclear = workplace / "unclear.csv"
    unclear.write_text("a,b,c\n1,2,3\n4,5,6\n")
    labels = run("evaluate", "reviews-model", "unclear.csv")
    assert "--text COLUMN" in labels.err or "--label COLUMN" in labels.err
    for command in ("evaluate", "export", "train labels"):
        text = run(*command.split(), "--help").out
        assert "--text" in text
        assert "--label" in text
        assert "--input-format" in text


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("complete notes-model the --temperature -1", "--temperature"),
        ("next notes-model the -k 0", "-k"),
        ("train words notes.txt --out x --units 0", "--units"),
        ("train labels reviews.csv --out x --checkpoint-seconds 0", "--checkpoint-seconds"),
        ("train words notes.txt --out x --preset article --valid notes.txt", "--valid"),
        ("classify reviews-model good --abstain-below 2", "--abstain-below"),
    ],
)
def test_an_option_is_named_as_it_is_typed(run: Run, command: str, flag: str) -> None:
    assert run(*command.split()).err.startswith(f"foretell: {flag}: expected ")


def test_a_model_of_the_other_job_is_no_option(run: Run) -> None:
    assert run("next", "reviews-model", "the").err.startswith("foretell: reviews-model: expected ")


def test_control_sequences_never_reach_the_terminal(run: Run) -> None:
    for argv in (
        ["next", "missing\x1b]0;x\x07", "the"],
        ["classify", "reviews-model", "--\x1b[31m"],
        ["train", "words", "no\x1b[31m.txt", "--out", "x"],
        ["next", "missing\x9b31m", "the", "--debug"],
    ):
        answer = run(*argv)
        assert answer.code in (1, 2)
        assert not set("\x1b\x07\x9b") & set(answer.err)
        assert "\u241b" in answer.err or "\ufffd" in answer.err


def test_a_full_disk_is_one_line() -> None:
    line, code = describe(OSError(28, "No space left on device", "model.onnx"), [])
    assert code == 1
    assert line.startswith("model.onnx: expected")
    assert "No space left on device" in line


def _is_one_line(text: str) -> bool:
    return text.startswith("foretell: ") and text.count("\n") == 1 and "Traceback" not in text
