"""Several text columns, and columns of parts and weights, in each command that reads a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from builders import write_classifier
from cli_workplace import Answer, Run, report_of, rows_of

import foretell
from foretell.data.records import joined_text

ROWS = [("the mind", "adapts"), ("the obstacle", "acting"), ("impediment", ""), ("", "action")] * 4
LABELS = ["neg", "pos", "pos", "neg"] * 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs of models with the same weights; of each one has joined two columns. A table with
    these, and the same texts in one column.
    """
    for name, columns in (("one", ()), ("two", ("subject", "body"))):
        for seed in (7, 8):
            write_classifier(tmp_path / f"{name}{seed}", seed=seed, text_columns=columns)
    write_classifier(tmp_path / "others", text_columns=("body", "note"))
    with (tmp_path / "two.csv").open("w", newline="") as file:
        rows = [(n, *row, LABELS[n]) for n, row in enumerate(ROWS)]
        csv.writer(file).writerows([("id", "subject", "body", "queue"), *rows])
    with (tmp_path / "one.csv").open("w", newline="") as file:
        texts = [joined_text(zip(("subject", "body"), row, strict=True)) for row in ROWS]
        csv.writer(file).writerows([("text", "queue"), *zip(texts, LABELS, strict=True)])
    return tmp_path


def values(answer: Answer) -> list[dict[str, Any]]:
    """Return what a command wrote as JSON, without names of columns, models and folders."""
    names = ("id", "subject", "body", "queue", "text", "label", "models", "out")
    return [{k: v for k, v in row.items() if k not in names} for row in rows_of(answer)]


@pytest.mark.parametrize(
    "command",
    [
        "classify {0}7 {0}.csv",
        "explain {0}7 {0}.csv",
        "evaluate {0}7 {0}.csv",
        "compare {0}7 {0}8 {0}.csv",
        "compare one7 {0}8 {0}.csv",
        "export {0}7 --int8 --max-loss 1 --out {1}/{0}-onnx --data {0}.csv",
    ],
)
def test_a_model_reads_the_columns_that_it_has_joined(run: Run, folder: Path, command: str) -> None:
    answers = []
    for name in ("one", "two"):
        words = command.format(name, folder).split()
        if words[0] not in ("classify", "explain"):
            words += ["--label", "queue"]
        answers.append(values(in_folder(run, folder, *words, "--json")))
    assert answers[0] == answers[1] != []


def in_folder(run: Run, folder: Path, *words: str) -> Answer:
    """Run a command whose arguments are names in a folder."""
    named = (folder / each if (folder / each).exists() else each for each in words)
    return run(*map(str, named))


def test_models_that_have_joined_different_columns_are_compared_on_named_ones(
    run: Run, folder: Path
) -> None:
    command = ("compare", "two7", "others", "two.csv", "--label", "queue")
    answer = in_folder(run, folder, *command)
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
    assert "expected models that have joined the same columns, found body and note" in answer.err
    named = in_folder(run, folder, *command, "--text", "subject", "--json")
    assert report_of(named)["texts"] == 12
    report = foretell.compare(
        folder / "two7", folder / "others", folder / "two.csv", text=["body"], label="queue"
    )
    assert report["texts"] == 12


def test_texts_of_several_columns_are_labelled(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    # The columns that are named, or those of the model that suggests.
    for number, more in enumerate((["--text", "subject", "--text", "body"], ["--suggest", "two7"])):
        monkeypatch.setattr("sys.stdin", io.StringIO("pos\nq\n"))
        out = str(folder / f"{number}.jsonl")
        answer = in_folder(
            run, folder, "label", "two.csv", "--labels", "neg,pos", "--out", out, *more
        )
        assert answer.code == 0, answer.err
        shown = [
            line for line in answer.out.splitlines() if line.startswith(("subject: ", "body: "))
        ]
        assert shown
        (journal,) = [json.loads(x) for x in Path(out).read_text().splitlines()[1:]]
        assert journal["text"].startswith(("subject: ", "body: "))
    # The command that is printed works: the answers have one column, by another name.
    named = ["--text", "subject", "--text", "body"]
    out = str(folder / "0.jsonl")
    exported = str(folder / "labels.csv")
    answer = in_folder(run, folder, "label", "two.csv", "--out", out, "--export", exported, *named)
    assert answer.err.rstrip().endswith(f"train labels {exported} --out model")


def test_parts_and_weights_are_columns_that_can_be_named_or_left(run: Run, folder: Path) -> None:
    table = folder / "parts.csv"
    lines = ["text,label,split,fold,weight"]
    lines += [f"good thing {i},positive,{('train', 'test')[i < 2]},test,much" for i in range(6)]
    table.write_text("\n".join(lines))

    def texts(*options: str) -> int:
        found = report_of(run("evaluate", "reviews-model", str(table), *options, "--json"))["texts"]
        assert isinstance(found, int)
        return found

    assert texts() == 2
    assert texts("--split", "") == texts("--split", "fold") == 6
    wrong = run("evaluate", "reviews-model", str(table), "--weight", "weight")
    assert "leave the column out: --weight '' (Python: weight='')" in wrong.err
    frame = foretell.load("reviews-model")
    assert isinstance(frame, foretell.TextClassifier)
    assert frame.evaluate(table, split="", weight="")["texts"] == 6
