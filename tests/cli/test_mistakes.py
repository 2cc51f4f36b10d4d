"""Mistakes: each command with its exit code, and words of the one line that answers it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from cli_workplace import Run

TEXTS = [("the parcel is late", "shipping"), ("the invoice is wrong", "billing")]


@pytest.fixture(scope="module")
def folder(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a newcomer, and a model for each job: w for words, m for labels."""
    here = tmp_path_factory.mktemp("mistakes")
    for name, model in (("w", "notes-model"), ("m", "reviews-model")):
        shutil.copytree(workplace / model, here / name)
    for name in ("notes.txt", "reviews.csv"):
        shutil.copy(workplace / name, here)
    rows = [f"{text} {number},{label}\n" for number in range(40) for text, label in TEXTS]
    (here / "tickets.csv").write_text("body,team\n" + "".join(rows))
    (here / "stars.csv").write_text(
        "body,stars\n" + "".join(f"{t} {i},{i % 3}\n" for i, (t, _) in enumerate(TEXTS * 20))
    )
    (here / "header.csv").write_text("text,label\n")
    (here / "-mine.csv").write_text("text,label\n")
    (here / "folder").mkdir()
    (here / "folder" / "mine.txt").write_text("x")
    return here


NEW = "train labels tickets.csv --out new"
COMMANDS = [
    # The nearest name.
    (
        "train tickets.csv --out new",
        2,
        "Available commands: words, labels; see ",
    ),
    ("data -mine.csv", 2, "name the file as ./-mine.csv"),
    ("version", 2, "did you mean --version?"),
    ("predict m text", 2, "did you mean classify?"),
    (f"{NEW} --preset bset", 2, "found 'bset'; did you mean best?"),
    ("trian labels tickets.csv", 2, 'Unknown command "trian"; did you mean train?'),
    # Words of other tools.
    ("test m reviews.csv", 2, "did you mean evaluate?"),
    ("fit tickets.csv", 2, "did you mean train?"),
    ("classify m text --threshold 0.5", 2, "did you mean --abstain-below?"),
    (f"{NEW} --class-weight balanced", 2, "did you mean --balance?"),
    (f"{NEW} --n-jobs 4", 2, "foretell uses every processor"),
    # No distant guess, and no option of another command.
    ("serve m --limit-foo 3", 2, "Unknown option: --limit-foo; see "),
    (f"{NEW} --threshold 0.5", 2, "Unknown option: --threshold; see "),
    # Where answers are written.
    (
        "classify m good --out answers.xls",
        2,
        "a name that ends in .xlsx, .csv or .jsonl, found answers",
    ),
    ("classify m good --json --out answers.csv", 2, "found answers.csv and --format jsonl"),
    ("classify m reviews.csv --out reviews.csv", 2, "another file than that of TEXT..."),
    ("score w notes.txt --out folder", 2, "--out: expected a name that ends in .xlsx"),
    ("evaluate m reviews.csv --workers 2", 2, "--cluster with --workers, found none; add"),
    ("serve m --host localhost:9000", 2, "give --host localhost --port 9000"),
    (f"{NEW} --lr 0.1", 2, "Unknown option: --lr; did you mean --learning-rate?"),
    # No option, but where it is explained.
    (f"{NEW} --gpu", 2, "a GPU is used wherever TensorFlow finds one"),
    ("explain m text --label positiv", 2, "found positiv; did you mean positive?"),
    # Before anything is read.
    (
        "train labels tickets.csv --out m",
        1,
        "found a finished model; choose another --out, or replace",
    ),
    ("train labels header.csv --out new", 1, "header.csv: expected texts with labels, found none"),
    ("train labels tickets.csv --out folder", 1, "found another file in it: mine.txt"),
    (f"{NEW} --resume", 1, "expected an unfinished run, found none"),
    (f"{NEW} --resume --restart", 2, "found both"),
    # Before TensorFlow is imported.
    (f"{NEW} --unlabelled notes.txt --teacher nope", 1, "nope: expected"),
    (f"{NEW} --continue nope", 1, "nope: expected a foretell model directory"),
    (f"{NEW} --config nope.toml", 2, "nope.toml: expected a TOML file"),
    (f"{NEW} --continue w", 2, "found a language model; give a classifier, or continue"),
    ("train words notes.txt --out new --continue m", 2, "found a classifier"),
    (
        "train labels --out new",
        2,
        "texts with labels, or --label-hints FILE, or --soft FILE, found none",
    ),
    (f"{NEW} --soft x.csv --teacher hf://a/b", 2, "found --teacher and --soft"),
    (f"{NEW} --continue m --units 7", 2, "as in the model to continue, found 7"),
    (f"{NEW} --continue m --preset article", 2, "as in the model to continue, found article"),
    (f"{NEW} --continue m --label-hints x.csv", 2, "found --label-hints"),
    ("train words notes.txt --out new --old notes.txt", 2, "old: expected a model to continue"),
    (f"{NEW} --old tickets.csv", 2, "--old: expected --continue MODEL"),
    (
        f"{NEW} --continue m --old tickets.csv --old stars.csv",
        1,
        "stars.csv: expected the columns of tickets.csv",
    ),
    (f"{NEW} --soft nope.csv", 1, "nope.csv: expected a file"),
    (f"{NEW} --vectors nope.txt", 1, "nope.txt: expected"),
    # Values out of range.
    (f"{NEW} --units 0", 2, "--units: expected a number from 1 to 8192, found 0"),
    (f"{NEW} --units 1.5", 2, "--units: expected a whole number, found '1.5'"),
    ("serve m --limit-texts 1.5", 2, "--limit-texts: expected a whole number, found '1.5'"),
    ("serve m --limit-seconds nan", 2, "--limit-seconds: expected at least 0.1, found nan"),
    ("next w the -k 0", 2, "-k: expected"),
    # Arguments that are missing, or too many.
    ("info", 2, "expected a model directory or --presets, found neither"),
    ("info m --presets", 2, "found both"),
    ("classify m good --json --format csv", 2, "--json and --format csv"),
    ("evaluate w notes.txt --label team", 2, "--label or --input-format with a model for words"),
    ("score", 2, "parameter MODEL requires an argument; see "),
    (
        "train labels tickets.csv stars.csv --out new",
        1,
        "stars.csv: expected the columns of tickets.csv, body, team, found body, stars",
    ),
    ("train labels nosuch-*.csv --out new", 1, "nosuch-*.csv: expected files that match"),
    ("train labels tickets.csv nosuch.csv --out new", 1, "nosuch.csv: expected a file"),
    ("next w What stands", 2, "put a text in quotes"),
    # Files and columns that are not there.
    ("explain m ticket.csv", 1, "did you mean tickets.csv?"),
    ("classify m tickets.csv --text nosuch", 1, "the columns body, team"),
    # Models of the other job, and what is no model.
    ("classify nope text", 1, "nope: expected a foretell model directory, found nothing there"),
    ("classify w text", 2, "use foretell next, complete or score with it"),
    ("next m the", 2, "use foretell classify with it"),
    ("serve", 2, "expected a model directory, found none"),
    ("label notes.txt --out a.jsonl", 2, "--labels good,bad"),
    ("classify m good --abstain-below 2", 2, "--abstain-below: expected a probability from 0 to 1"),
    ("complete w the --temperature -1", 2, "--temperature: expected "),
    (
        "train words notes.txt --out new --preset article --valid notes.txt",
        2,
        "--valid: expected no ",
    ),
    ("evaluate m reviews.csv --cache 5", 2, "--cache with a model for labels"),
    # Several workers.
    ("classify m reviews.csv --cluster local", 2, "expected --out DIR with --cluster, found none"),
    ("classify m 'a text' --literal --cluster local --out x", 2, "found --literal"),
    ("classify m --cluster local --out x", 2, "expected files, folders or bucket paths"),
    ("classify m - --cluster local --out x", 2, "found standard input"),
    (
        "classify m a.csv --cluster local --out x --header-row 3",
        2,
        "no --header-row and no --sheet",
    ),
    ("classify m reviews.csv --cluster ray://here:1 --out x", 2, "--cluster: expected local, auto"),
    ("score w notes.txt --text body", 2, "--text and --input-format with --cluster"),
    ("evaluate m reviews.csv --cluster local --out x", 2, "Unknown option: --out; see "),
    *(
        (f"evaluate m reviews.csv --cluster local {option}", 2, "--show with evaluate --cluster")
        for option in ("--folds 3", "--by label", "--cost fp=5,fn=1", "--show 2")
    ),
    ("evaluate m reviews.csv --cluster local --sheet a", 2, "no --header-row and no --sheet"),
    ("evaluate m reviews.csv --cluster local --split a", 2, "no --split and no --weight"),
    ("evaluate m nosuch.csv --cluster local", 1, "nosuch.csv: expected "),
    ("evaluate m notes.txt --cluster local", 1, "notes.txt: expected texts with labels"),
    # The survey.
    ("data reviews.csv --out clean.csv", 2, "add --accept FILE or --accept-above P"),
    ("data reviews.csv --accept-above 0.9 --out clean.csv", 2, "add --check-labels"),
    # Evaluation, comparison, export.
    ("evaluate m reviews.csv --by team", 1, "named 'team', found the columns text, label"),
    ("evaluate m reviews.csv --cost 5", 2, "--cost: expected costs like fp=5,fn=1, found 5"),
    (
        "evaluate m reviews.csv --cost fp=0,fn=1",
        2,
        "--cost: expected the costs fp and fn, numbers above 0",
    ),
    ("evaluate m reviews.csv --positive negative", 2, "expected --cost with --positive"),
    ("compare m w reviews.csv", 2, "w: expected a model for labels, found one for words"),
    ("compare m m stars.csv --text body --label stars", 1, "found 0, 1, 2"),
    ("export m --out new --int8", 2, "--data"),
    ("export m --out new --int8 --data stars.csv --text body --label stars", 1, "found 0, 1, 2"),
    # Annotation.
    (
        "label notes.txt --out reviews.csv --labels a,b",
        1,
        "found another file; choose another name",
    ),
    ("label - --out a.jsonl --labels a,b", 2, "standard input"),
    (
        "label notes.txt --labels a,b --out a.jsonl --export a.jsonl",
        2,
        "another file than that of --",
    ),
    (
        "label notes.txt --labels a,b --out a.jsonl --export b.csv",
        1,
        "answers to write, found none",
    ),
    (
        "label notes.txt --labels a,b --out a.jsonl --export notes.txt",
        2,
        "another file than that of TEXTS",
    ),
    # A file that the command reads is not written.
    ("data reviews.csv --html reviews.csv", 2, "--html: expected another file than that of DATA"),
    (
        "data stars.csv --check-labels --accept tickets.csv --out tickets.csv",
        2,
        "than that of --accept",
    ),
    ("data stars.csv --label stars --text body --out tickets.csv", 2, "add --accept FILE"),
    (
        "explain m reviews.csv --html folder/../reviews.csv",
        2,
        "--html: expected another file than that of",
    ),
    # The service.
    ("serve w w", 2, "NAME=DIRECTORY"),
]


@pytest.mark.parametrize(
    ("command", "code", "words"), COMMANDS, ids=[command for command, _, _ in COMMANDS]
)
def test_a_mistake_is_one_line(
    run: Run, folder: Path, command: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("foretell.training.run.RunLock", _too_late)
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    answer = run(*shlex.split(command))
    line = answer.err.splitlines()[-1]
    assert (answer.code, answer.out) == (code, "")
    assert line.startswith("foretell: ")
    assert words in line
    assert "unexpected error" not in answer.err
    assert not (folder / "new").exists()
    assert {path: path.read_bytes() for path in before} == before


def _too_late(_folder: Path) -> None:
    raise AssertionError("a run was begun first")


# A command, a part of its note, and a part of its answer: of `next` a probability, since what so
# small a model predicts is chance.
ANSWERED = [
    ("classify m ''", "", "empty"),
    ("classify m '😀'", "", "mostly unknown words"),
    ("explain m ''", "", "no words"),
    ("next w 'Quantum computers'", "unknown to the model: Quantum, computers", "  0."),
    ("next w ''", "the text is empty", ""),
    ("complete w '' --seed 1", "the text is empty", ""),
    ("compare m m reviews.csv", "", "do not differ by more than chance"),
    ("info m", "", "Accuracy"),
]


@pytest.mark.parametrize(
    ("command", "noted", "answered"), ANSWERED, ids=[each[0] for each in ANSWERED]
)
def test_what_is_unusual_is_answered_with_a_note(
    run: Run, folder: Path, command: str, noted: str, answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    answer = run(*shlex.split(command))
    assert answer.code == 0
    assert noted in answer.err
    assert answered in answer.out
    assert answer.out
