"""The journal: what is on disk after each answer, after damage, and with two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.annotation.answers import Answer
from foretell.annotation.journal import Journal
from foretell.errors import DataError, ForetellError, UsageError

LABELS = ["good", "bad"]


def written(path: Path, *decisions: list[str]) -> None:
    journal = Journal(path, LABELS, 3)
    for texts in decisions:
        journal.append(Answer(text=text, kind="label", label="good") for text in texts)
    journal.close()


def texts_in(path: Path) -> list[str]:
    with Journal(path) as journal:
        return [each.text for each in journal.answers]


def test_an_answer_is_on_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    path = tmp_path / "answers.jsonl"
    journal = Journal(path, LABELS)
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    (answer,) = journal.append([Answer(text="a\nb \ud800", kind="none", by="ada", suggested="bad")])
    assert len(synced) == 1
    line = json.loads(synced[0].splitlines()[-1])
    assert line["text"] == "a\nb \ud800"
    assert line["by"] == "ada"
    assert line["at"].endswith("+00:00")
    journal.close()
    with Journal(path) as again:
        assert again.answers == [answer]


@given(
    decisions=st.lists(st.one_of(st.just("undo"), st.lists(st.text(), min_size=1, max_size=3)), max_size=8)
)
@settings(max_examples=20, deadline=None)
def test_opening_it_again_gives_the_same_answers(decisions: list[str | list[str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        journal = Journal(path, LABELS)
        expected: list[list[str]] = []
        for decision in decisions:
            if decision == "undo":
                undone = [each.text for each in journal.undo()]
                assert undone == (expected.pop() if expected else [])
            else:
                expected.append(list(decision))
                journal.append(Answer(text=text, kind="skip") for text in decision)
        journal.close()
        again = Journal(path)
        assert [each.text for each in again.answers] == [text for texts in expected for text in texts]
        assert again.answers == journal.answers
        again.close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_dropped_and_the_next_answer_is_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "answers.jsonl"
    written(path, ["one"], ["two"])
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path, LABELS)
    assert [each.text for each in journal.answers] == ["one"]
    assert journal.notes == [f"{path}: dropped an incomplete last line"]
    journal.append([Answer(text="three", kind="unclear")])
    journal.close()
    with Journal(path) as again:
        assert [each.text for each in again.answers] == ["one", "three"]
        assert again.notes == []


def test_nuls_at_the_end_are_an_incomplete_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    written(path, ["one"])
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n")
    assert texts_in(path) == ["one"]


def test_half_a_first_line_is_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"kind": "fore')
    with Journal(path, LABELS, 4) as journal:
        assert (journal.labels, journal.seed, journal.answers) == (LABELS, 4, [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\n", "a journal of answers, found another file"),
        (b"no end of line", "a journal of answers, found another file"),
        (b'{"kind": "other', "a journal of answers, found another file"),
        (b'{"a": 1}\n{"b": 2}\n', "a journal of answers, found another file"),
        (b'{"kind": "foretell answers", "format": 9, "labels": [], "seed": 0}\n', "format 1, found 9"),
        (b'{"kind": "foretell answers", "format": 1, "seed": 0}\n', "line 1: .* found other fields"),
    ],
)
def test_another_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises((DataError, UsageError), match=message):
        Journal(path, LABELS)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line", [b"nonsense", b'{"text": "x"}', b'{"text": "x", "kind": "label", "label": "ugly"}']
)
def test_a_damaged_line_names_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    written(path, ["one"], ["two"])
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")
    with pytest.raises(DataError, match=r"line 3: expected a line of a journal"):
        Journal(path)


@pytest.mark.parametrize(
    ("labels", "seed", "message"),
    [
        (None, None, "two labels or more, all different, found none"),
        (["one"], None, "only 'one'"),
        (["a", "a"], None, "'a' twice"),
        (["a", " "], None, "an empty name"),
        ([str(n) for n in range(1001)], None, "more than 1,000"),
    ],
)
def test_labels_are_checked_before_a_file_is_made(
    tmp_path: Path, labels: list[str] | None, seed: int | None, message: str
) -> None:
    path = tmp_path / "answers.jsonl"
    with pytest.raises(UsageError, match=message):
        Journal(path, labels, seed)
    assert not path.exists()


def test_labels_can_be_added_but_none_left_out(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    written(path, ["one"])
    with pytest.raises(UsageError, match=r"the labels of .*good, bad.*found no 'bad'"):
        Journal(path, ["good", "new"])
    Journal(path, ["good", "bad", "new"]).close()
    journal = Journal(path)
    assert journal.labels == ["good", "bad", "new"]
    journal.append([Answer(text="x", kind="label", label="new")])
    journal.close()
    with Journal(path) as again:
        assert again.answers[-1].label == "new"
    with pytest.raises(UsageError, match=r"the seed of the journal \(3\), found 5"):
        Journal(path, [*LABELS, "new"], 5)


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_another_process_cannot_open_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    journal = Journal(path, LABELS)
    code = f"from foretell.annotation.journal import Journal; Journal({str(path)!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "expected a journal that no other process has open" in other.stderr
    journal.close()


def test_a_full_disk_leaves_the_lines_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answers.jsonl"
    journal = Journal(path, LABELS)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ForetellError, match="No space left on device"):
            journal.append([Answer(text="lost", kind="skip")])
    assert path.read_bytes() == before
    assert journal.answers == []
    journal.append([Answer(text="kept", kind="skip")])
    journal.close()
    assert texts_in(path) == ["kept"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ForetellError, match="a journal that can be written, found No such file"):
        Journal(tmp_path / "none" / "answers.jsonl", LABELS)
