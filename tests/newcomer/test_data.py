"""A newcomer's data: each file and command, and the line that answers it before anything is
trained.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell import TextClassifier
from foretell.cli.entry import main
from foretell.data.examples import read_examples, unlabelled_texts
from foretell.errors import DataError, SeenTextsWarning
from tests.data.spreadsheets import write_xlsx

TEAMS = ["billing", "shipping", "login", "billing", "shipping"]
DAYS = [f"2025-0{1 + i // 28}-{1 + i % 28:02}" for i in range(60)]
TICKETS = [
    [f"{i + 1}", DAYS[i], str(i % 3 > 0), f"Text number {i}, please", TEAMS[i % 5], f"{1 + i % 4}"]
    for i in range(60)
]
HEADER = ["id", "date", "vip", "body", "team", "stars"]


def csv_of(*columns: str, delimiter: str = ",") -> str:
    places = [HEADER.index(name) for name in columns]
    rows = [list(columns), *([row[place] for place in places] for row in TICKETS)]
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a newcomer."""
    here = tmp_path_factory.mktemp("newcomer")
    texts = {
        "tickets.csv": csv_of(*HEADER),
        "stars.csv": csv_of("body", "stars", "vip"),
        "onelabel.csv": "".join(f"{line}\n" for line in ("body,team", *["a text,billing"] * 30)),
        "semicolons.csv": csv_of("body", "team", delimiter=";"),
        "issues.csv": "text,labels\n" + "a text,bug;slow\nmore,slow\nand,bug\nso,slow;bug\n" * 5,
        "title.csv": "Tickets of the first quarter\nbody,team\na text,x\nanother,y\n",
        "notes.txt": "A first line, with a comma\nThe text, label and so on\n",
        "deep.jsonl": '{"text": ' + "[" * 100_000 + "\n",
        "deep.toml": "minutes = " + "[" * 100_000,
    }
    for name, text in texts.items():
        (here / name).write_text(text, encoding="utf-8")
    (here / "flat").mkdir()
    (here / "flat" / "0.txt").write_text("a text")
    title = ["Tickets Q1", *[None] * 5]
    rows = [title, [None] * 6, HEADER, *TICKETS[:30], [None] * 6, *TICKETS[30:]]
    write_xlsx(here / "messy.xlsx", {"Tickets Q1": rows, "Summary": [["total", 60]]})
    return here


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of these files, as the working directory."""
    monkeypatch.chdir(folder)
    return folder


REFUSED = {
    "tickets.csv": "several that could be: vip, team, stars; name it with --label COLUMN",
    "tickets.csv --text body --label id": "60 different labels for 60 texts; name another "
    "column with",
    "messy.xlsx --sheet Sumary": "expected a sheet named 'Sumary', found Tickets Q1, Summary",
    "title.csv": "name the row of the header with --header-row N",
    "onelabel.csv": "expected two labels or more, found only 'billing', 30 times",
    "flat": "expected a folder for each label, found 0.txt",
    "notes.txt": "found plain lines of text; give the file the ending of its format",
    "deep.jsonl": "deep.jsonl, line 1, column 1: expected one JSON value on the line",
    "stars.csv --vectors notes.txt": "notes.txt: expected word vectors (GloVe .txt",
    "stars.csv --config deep.toml": "deep.toml: expected a TOML file, found maximum "
    "recursion depth",
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_bad_start_is_one_line(
    here: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "labels", *command.split(), "--out", "model"]) in (1, 2)
    error = capsys.readouterr().err
    assert REFUSED[command] in error
    assert error.count("\n") == 1
    assert not (here / "model").exists()


TAKEN = {
    "tickets.csv --label Team": "texts from the column 'body', labels from 'team'",
    "messy.xlsx --label team": "the header is in row 3, below a title: choose with --header-row N",
    "title.csv --header-row 2": "texts from the column 'body', labels from 'team'",
    "stars.csv": "texts from the column 'body', labels from 'stars'",
    "semicolons.csv": "fields are separated by a semicolon",
    "issues.csv": "50 % of the labels contain ';': if a text may have several labels, set "
    "multi-label to ';'",
}


@pytest.mark.parametrize("command", TAKEN)
@pytest.mark.usefixtures("here")
def test_what_was_chosen_is_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["data", *command.split()])
    out = capsys.readouterr()
    assert code == 0, out.err
    assert TAKEN[command] in " ".join((out.out + out.err).split())


def test_python_has_the_same_advice(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"stars; name it with --label COLUMN \(Python: label='COLUMN'\)$"
    ):
        read_examples(folder / "tickets.csv")
    assert (
        len(read_examples(folder / "messy.xlsx", label="team", header_row=3, sheet="Tickets Q1"))
        == 60
    )
    lines = ["A first line, with a comma", "The text, label and so on"]
    assert unlabelled_texts(folder / "notes.txt", text="text") == lines


def test_evaluate_tells_training_texts_and_other_labels(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "train.csv").write_text("".join(csv_of("body", "team").splitlines(keepends=True)[:41]))
    options = [
        "--preset",
        "quick",
        "--max-steps",
        "2",
        "--folds",
        "0",
        "--text",
        "body",
        "--label",
        "team",
    ]
    assert main(["train", "labels", "train.csv", "--out", "team-model", *options]) == 0
    command = ["evaluate", "team-model", "tickets.csv", "--text", "body", "--label"]
    assert main([*command, "team"]) == 0
    assert (
        "40 of the 60 texts were in the training data: the metrics are too good"
        in capsys.readouterr().err
    )
    assert main([*command, "stars"]) == 1
    assert (
        "expected the labels of the model (billing, login, shipping), found 1"
        in capsys.readouterr().err
    )
    model = here / "team-model"
    classifier = TextClassifier.load(model)
    with pytest.warns(SeenTextsWarning, match="1 of the 2 texts was in the training data"):
        classifier.evaluate(["text  number 1, PLEASE", "another"], ["billing", "login"])
    # The texts themselves are not kept.
    assert b"number" not in (model / "run" / "training_texts.bin").read_bytes()
