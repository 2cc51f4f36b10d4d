"""Likely label errors are found, and corrected in a copy of the data that was surveyed."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

import foretell
from foretell.errors import DataError, ForetellError, SettingsError, UsageError
from foretell.surveying.corrections import accepted_in_file
from foretell.surveying.label_check import check_labels
from foretell.surveying.result import DataSurvey

WORDS = {"good": ["good", "great", "lovely", "warm"], "bad": ["bad", "awful", "dull", "cold"]}


def examples(n: int) -> tuple[list[str], list[str]]:
    rng = random.Random(1)
    labels = ["good", "bad"] * (n // 2)
    return [
        f"{' '.join(rng.choices(WORDS[label], k=4))} number {i}" for i, label in enumerate(labels)
    ], labels


def test_wrong_labels_are_found_with_their_row_and_suggestion() -> None:
    texts, labels = examples(200)
    for place in (10, 51, 120):
        labels[place] = {"good": "bad", "bad": "good"}[labels[place]]
    heard: list[str] = []
    check = check_labels(texts, labels, [i + 100 for i in range(200)], heard.append)
    found = {error.row - 100: error for error in check.errors[:3]}
    assert set(found) == {10, 51, 120}
    assert found[10].text == texts[10]
    assert (found[10].label, found[10].suggested) == ("bad", "good")
    assert found[10].suggested_probability > 0.5 > found[10].probability
    assert check.judged == 200
    assert 0.9 < check.accuracy < 1
    assert heard == [f"fold {fold} of 5" for fold in range(1, 6)]


def test_labels_with_fewer_than_five_different_texts_are_not_judged() -> None:
    texts, labels = examples(100)
    labels[10] = "bad"
    rare = ["rare one", "rare two", "Rare ONE", "rare two", "rare three", "rare four"]
    texts = rare + texts
    labels = ["rare"] * 6 + labels
    check = check_labels(texts, labels, list(range(106)), lambda _: None)
    assert check.not_judged == {"rare": 6}
    assert check.judged == 100
    assert all("rare" not in (error.label, error.suggested) for error in check.errors)
    assert 16 in {error.row for error in check.errors}
    assert all(texts[error.row] == error.text for error in check.errors)
    # One judged label is nothing to compare.
    check = check_labels([f"text {i}" for i in range(7)], ["a"] * 6 + ["b"], list(range(7)), print)
    assert (check.errors, check.judged, check.not_judged) == ((), 0, {"b": 1, "a": 6})


CSV = 'id,text,kind\n1,"=good, thing",pos\n2,,pos\n3,"bad\nthing",pos\n4,fine,neg\n'
HEAD = "finding,row,text,label,suggested,probability,suggested_probability,accept\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return path


def surveyed(path: Path) -> DataSurvey:
    return foretell.survey(path, text="text", label="kind")


def test_the_copy_has_every_record_and_column_and_the_new_labels(
    data: Path, tmp_path: Path
) -> None:
    found = surveyed(data)
    assert found.rows == [1, 3, 4]
    assert found.write_corrected(tmp_path / "clean.csv", accept={3: "neg", 4: "neg"}) == 1
    with (tmp_path / "clean.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"id": "1", "text": "=good, thing", "kind": "pos"},
        {"id": "2", "text": "", "kind": "pos"},
        {"id": "3", "text": "bad\nthing", "kind": "neg"},
        {"id": "4", "text": "fine", "kind": "neg"},
    ]
    assert data.read_text() == CSV
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv", "clean.csv"}
    found = foretell.survey(["good", "bad"], ["x", "y"])
    assert found.write_corrected(tmp_path / "clean.csv", accept={2: "x"}) == 1
    assert (tmp_path / "clean.csv").read_text().splitlines() == ["text,label", "good,x", "bad,x"]


def test_the_data_is_never_written(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(data)
    for path in (data, tmp_path / "link.csv"):
        with pytest.raises(UsageError, match="expected another file than the data"):
            surveyed(data).write_corrected(path, accept={3: "neg"})
    assert data.read_text() == CSV
    found = surveyed(data)
    data.write_text(CSV.replace("fine", "other"))
    with pytest.raises(
        DataError, match=r"data\.csv, record 4: expected the data as it was surveyed"
    ):
        found.write_corrected(tmp_path / "clean.csv", accept={3: "neg"})
    assert not (tmp_path / "clean.csv").exists()
    with pytest.raises(UsageError, match="read twice"):
        foretell.survey(iter([("a", "x"), ("b", "y")])).write_corrected(tmp_path / "clean.csv")
    with pytest.raises(ForetellError, match="a file that can be written"):
        surveyed(data).write_corrected(tmp_path / "no folder" / "clean.csv")


def test_several_files_are_corrected_in_one_copy(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(CSV)
    (tmp_path / "folder" / "pos").mkdir(parents=True)
    (tmp_path / "folder" / "pos" / "one.txt").write_text("a file")
    found = foretell.survey([tmp_path / "*.csv", tmp_path / "folder"], text="text", label="kind")
    assert (found.name, found.rows) == ("3 files", [1, 3, 4, 5, 7, 8, 9])
    assert "read 3 files with 9 records" in found.notes
    # A file that comes later matches the pattern, too.
    (tmp_path / "aa.csv").write_text(CSV)
    copy = tmp_path / "clean.csv"
    assert found.write_corrected(copy, accept={1: "neg", 8: "pos", 9: "neg"}) == 3
    with copy.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = ["neg", "pos", "pos", "neg", "pos", "pos", "pos", "pos", ""]
    assert [row["kind"] for row in rows] == kinds
    assert (rows[-1]["text"], rows[-1]["label"]) == ("a file", "neg")
    with pytest.raises(UsageError, match="expected another file than the data"):
        found.write_corrected(tmp_path / "b.csv", accept={1: "neg"})
    assert (tmp_path / "b.csv").read_text() == CSV


def test_a_label_that_looks_like_a_formula_stays_what_it_is(tmp_path: Path) -> None:
    data = tmp_path / "signs.csv"
    table = tmp_path / "errors.csv"
    data.write_text("text,label\ngood,=-\nbad,=+\n")
    table.write_text(HEAD + "likely label error,1,good,'=-,'=+,0.1,0.9,yes\n")
    survey = foretell.survey(data)
    assert (
        survey.write_corrected(tmp_path / "clean.csv", accept=accepted_in_file(table, survey)) == 1
    )
    assert (tmp_path / "clean.csv").read_text().split() == ["text,label", "good,=+", "bad,=+"]


def test_rows_with_yes_are_accepted_with_an_edited_label(data: Path, tmp_path: Path) -> None:
    table = tmp_path / "errors.csv"
    rows = [
        'likely label error,1,"\'=good, thing",pos,neg,0.1,0.9,YES',
        'likely label error,3,"bad\nthing",pos,odd,,,x',
        "likely label error,4,fine,neg,pos,0.1,0.9,no",
        "duplicate,4,fine,neg,,,,",
    ]
    table.write_text(HEAD + "\n".join(rows) + "\n")
    assert accepted_in_file(table, surveyed(data)) == {1: "neg", 3: "odd"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("row,text,suggested\n1,a,b\n", "found no accept, label"),
        (
            HEAD + "e,9,fine,neg,pos,,,yes\n",
            "row 9: expected the rows of data.csv, found a row that it",
        ),
        (HEAD + "e,4,fine!,neg,pos,,,yes\n", "found another text or label"),
        (HEAD + "e,4,fine,pos,neg,,,yes\n", "found another text or label"),
        (HEAD + "e,many,fine,pos,neg,,,yes\n", "found a row that it does not have"),
        (HEAD + "e,4,fine,neg,,,,yes\n", "row 4, suggested: expected a label, found an empty cell"),
    ],
)
def test_a_table_of_other_data_is_an_error(
    data: Path, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "errors.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        accepted_in_file(tmp_path / "errors.csv", surveyed(data))


def test_a_probability_accepts_and_what_is_accepted_by_hand_wins(tmp_path: Path) -> None:
    texts, labels = examples(100)
    labels[10], labels[51] = "bad", "good"
    found = foretell.survey(texts, labels, check_labels=True)
    path = tmp_path / "clean.csv"
    assert found.write_corrected(path, accept={11: "odd"}, above=0.5) == 2
    assert path.read_text().splitlines()[11].endswith(",odd")
    assert found.label_check is not None
    assert found.write_corrected(path, accept=found.label_check.errors[:1]) == 1
    with pytest.raises(SettingsError, match=r"from 0 to 1, found 1\.5"):
        found.write_corrected(path, above=1.5)
    with pytest.raises(UsageError, match="check_labels=True"):
        foretell.survey(texts, labels).write_corrected(path, above=0.5)
