"""A newcomer's commands: each with its exit code, and words of the one line that answers it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from foretell.cli import main

TINY = {
    **{"UNITS": "8", "EMBEDDING_SIZE": "8", "EPOCHS": "1", "MIN_STEPS": "4", "FOLDS": "0"},
    **{"STREAMS": "2", "WINDOW": "5"},
}
TEXTS = [("the parcel is late", "shipping"), ("the invoice is wrong", "billing")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a newcomer, and a model for each job."""
    here = tmp_path_factory.mktemp("commands")
    rows = [f"{text} {number},{label}\n" for number in range(40) for text, label in TEXTS]
    (here / "tickets.csv").write_text("body,team\n" + "".join(rows))
    (here / "stars.csv").write_text(
        "body,stars\n" + "".join(f"{t} {i},{i % 3}\n" for i, (t, _) in enumerate(TEXTS * 20))
    )
    (here / "notes.txt").write_text("What stands in the way becomes the way .\n" * 40)
    (here / "folder").mkdir()
    (here / "folder" / "mine.txt").write_text("x")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        for name, value in TINY.items():
            patch.setenv(f"FORETELL_{name}", value)
        assert main(["train", "words", "notes.txt", "--out", "w"]) == 0
        assert main(["train", "labels", "tickets.csv", "--out", "m"]) == 0
    return here


NEW = "train labels tickets.csv --out new"
COMMANDS = [
    # The nearest name.
    ("--verison", 2, "did you mean --version?"),
    ("version", 2, "did you mean --version?"),
    ("help", 2, "did you mean foretell --help?"),
    ("trian labels tickets.csv --out new", 2, "found 'trian'; did you mean train?"),
    ("train lables tickets.csv --out new", 2, "found 'lables'; did you mean labels?"),
    ("train tickets.csv --out new", 2, "say what to train: foretell train labels, or foretell train words"),
    ("predict m text", 2, "did you mean classify?"),
    ("clasify m text", 2, "did you mean classify?"),
    (f"{NEW} --preset bset", 2, "found 'bset'; did you mean best?"),
    (f"{NEW} --epoch 3", 2, "found '--epoch'; did you mean --epochs?"),
    (f"{NEW} --lr 0.1", 2, "did you mean --learning-rate?"),
    (f"{NEW} --batch 8", 2, "did you mean --batch-size?"),
    ("train labels tickets.csv --output new", 2, "did you mean --out?"),
    ("export m --to onxx", 2, 'Did you mean "onnx"?'),
    ("explain m text --label billin", 2, "found billin; did you mean billing?"),
    ("train labels tickets.csv --out new --text bdy", 1, "did you mean"),
    # No option, but where it is explained.
    (f"{NEW} --gpu", 2, "a GPU is used wherever TensorFlow finds one"),
    (f"{NEW} --device cuda", 2, "docs/devices.md"),
    ("demo --cuda", 2, "foretell doctor --train"),
    # Before anything is read.
    ("train labels tickets.csv --out m", 1, "found a finished model; choose another --out, or replace"),
    ("train words notes.txt --out w", 1, "--overwrite"),
    ("train labels tickets.csv --out folder", 1, "found another file in it: mine.txt"),
    ("train labels tickets.csv --out tickets.csv/x", 1, "expected a directory to write in, found a file"),
    ("train labels tickets.csv --out /dev/null/x", 1, "expected a directory to write in, found a file"),
    (f"{NEW} --resume", 1, "expected an unfinished run, found none"),
    (f"{NEW} --resume --restart", 2, "found both"),
    # Before TensorFlow is imported.
    (f"{NEW} --vectors nope.txt", 1, "nope.txt: expected a file or folder that exists"),
    (f"{NEW} --unlabelled notes.txt --teacher nope", 1, "nope: expected"),
    (f"{NEW} --from nope", 1, "nope: expected a foretell model directory"),
    (f"{NEW} --continue nope", 1, "nope: expected a foretell model directory"),
    (f"{NEW} --valid nope.csv", 1, "nope.csv: expected"),
    (f"{NEW} --unlabelled nope.csv", 1, "nope.csv: expected"),
    (f"{NEW} --config nope.toml", 2, "nope.toml: expected a TOML file"),
    (f"{NEW} --continue w", 2, "expected a classifier to continue, found a language model"),
    ("train words notes.txt --out new --continue m", 2, "found a classifier"),
    (f"{NEW} --old tickets.csv", 2, "--old: expected --continue MODEL"),
    # Values out of range.
    (f"{NEW} --minutes -1", 2, "--minutes: expected at least 0"),
    (f"{NEW} --units 0", 2, "--units: expected a number from 1 to 8192, found 0"),
    (f"{NEW} --units abc", 2, "whole number"),
    (f"{NEW} --seed 1.5", 2, "whole number"),
    ("next w the -k 0", 2, "-k: expected"),
    ("next w the --format xml", 2, "xml"),
    ("complete w the --words 0", 2, "--words: expected"),
    (f"{NEW} --network transformer", 2, "transformer"),
    ("export m --to pickle", 2, "pickle"),
    # Arguments that are missing, or too many.
    ("info", 2, "expected a model directory or --presets, found neither"),
    ("info m --presets", 2, "found both"),
    ("classify m good --json --format csv", 2, "--json and --format csv"),
    ("evaluate w notes.txt --label team", 2, "plain text for a model for words"),
    ("score", 2, "expected MODEL, found nothing"),
    ("train labels tickets.csv", 2, "expected --out, found nothing; see foretell train labels --help"),
    ("classify", 2, "expected MODEL, found nothing"),
    ("evaluate m", 2, "expected DATA, found nothing"),
    ("train labels tickets.csv stars.csv --out new", 2, "found 'stars.csv' too"),
    ("next w What stands", 2, "put a text in quotes"),
    # Files and columns that are not there.
    ("score w missing.txt", 1, "missing.txt: expected a file that exists"),
    ("complete w missing.gz", 1, "missing.gz: expected a file that exists"),
    ("explain m ticket.csv", 1, "did you mean tickets.csv?"),
    ("classify m tickets.csv --text nosuch", 1, "the columns body, team"),
    ("train labels tickets.csv --label nosuch --out new", 1, "the columns body, team"),
    # Models of the other job, and what is no model.
    ("classify nope text", 1, "nope: expected a foretell model directory, found nothing there"),
    ("classify folder text", 1, "found a directory that foretell did not write"),
    ("classify w text", 2, "use foretell next, complete or score with it"),
    ("next m the", 2, "use foretell classify with it"),
    ("complete m the", 2, "use foretell classify with it"),
    (
        "evaluate m stars.csv --text body --label stars",
        1,
        "labels of the model (billing, shipping)",
    ),
    ("compare m w tickets.csv", 2, "expected a model for labels, found one for words"),
    ("push m 'not a name' --yes", 2, "expected a repository like owner/name, found 'not a name'"),
    ("push m a/b", 2, "add --yes to agree"),
    ("serve", 2, "expected a model directory, found none"),
    ("serve m --port 99999", 2, "a port from 0 to 65535"),
    ("label notes.txt --out a.jsonl", 2, "--labels good,bad"),
]


@pytest.mark.parametrize(("command", "code", "words"), COMMANDS, ids=[command for command, _, _ in COMMANDS])
def test_a_mistake_is_one_line(
    folder: Path,
    command: str,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("foretell.training.run.load_tensorflow", _too_late)
    capsys.readouterr()
    assert main(shlex.split(command)) == code
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert captured.out == ""
    assert line.startswith("foretell: ")
    assert words in line
    assert "unexpected error" not in captured.err
    assert not (folder / "new").exists()


def _too_late() -> None:
    raise AssertionError("TensorFlow was loaded first")


ANSWERED = [
    ("classify m ''", "", "empty"),
    ("classify m '😀'", "", "mostly unknown words"),
    ("explain m ''", "", "no words"),
    ("next w 'Quantum computers'", "unknown to the model: Quantum, computers", "way"),
    ("next w ''", "the text is empty", ""),
    ("complete w '' --seed 1", "the text is empty", ""),
    ("compare m m tickets.csv", "A and B are the same model", "do not differ by more than chance"),
    ("info m", "", "Accuracy"),
]


@pytest.mark.parametrize(("command", "noted", "answered"), ANSWERED, ids=[each[0] for each in ANSWERED])
def test_what_is_unusual_is_answered_with_a_note(
    folder: Path,
    command: str,
    noted: str,
    answered: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(shlex.split(command)) == 0
    captured = capsys.readouterr()
    assert noted in captured.err
    assert answered in captured.out
    assert captured.out
