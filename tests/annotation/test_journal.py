"""The journal: what is on disk after each answer, after damage, and with two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.annotation.journal import Answer, Journal
from foretell.errors import DataError, ForetellError, UsageError

LABELS = ["good", "bad"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def written(path: Path, *decisions: list[str]) -> None:
    journal = Journal(path, LABELS, 3)
    for texts in decisions:
        journal.append(Answer(text=text, kind="label", label="good") for text in texts)
    journal.close()


def texts_in(path: Path) -> list[str]:
    with closing(Journal(path)) as journal:
        return [each.text for each in journal.answers]


def test_an_answer_is_on_disk_when_append_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    journal = Journal(path, LABELS)
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    (answer,) = journal.append([Answer(text="a\nb \ud800", kind="none", by="ada", suggested="bad")])
    assert len(synced) == 1
    line = json.loads(synced[0].splitlines()[-1])
    assert line["text"] == "a\nb \ud800"
    assert line["by"] == "ada"
    assert line["at"].endswith("+00:00")
    journal.close()
    with closing(Journal(path)) as again:
        assert again.answers == [answer]


@given(
    decisions=st.lists(
        st.tuples(
            st.sampled_from(["ada", "bob"]), st.just("undo") | st.lists(st.text(), max_size=3)
        )
    )
)
@settings(max_examples=30)
def test_opening_it_again_gives_the_same_answers(
    decisions: list[tuple[str, str | list[str]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        journal = Journal(path, LABELS)
        expected: list[tuple[str, list[str]]] = []
        for number, (who, decision) in enumerate(decisions):
            own = [each for each in expected if each[0] == who and each[1]]
            if decision == "undo":
                last = own[-1] if own else (who, list[str]())
                assert [each.text for each in journal.undo(who)] == last[1]
                expected = [each for each in expected if each is not last]
            else:
                # No text is answered twice.
                texts = [f"{number} {place} {text}" for place, text in enumerate(decision)]
                expected.append((who, texts))
                journal.append(Answer(text=text, kind="skip", by=who) for text in texts)
        journal.close()
        assert [(each.by, each.text) for each in journal.answers] == [
            (who, text) for who, texts in expected for text in texts
        ]
        with closing(Journal(path)) as again:
            assert again.answers == journal.answers


@pytest.mark.parametrize("cut", [1, 2, 30, 59])
def test_a_torn_last_line_is_dropped_and_the_next_answer_is_whole(path: Path, cut: int) -> None:
    written(path, ["one"], ["two"])
    path.write_bytes(path.read_bytes()[:-cut])
    with closing(Journal(path, LABELS)) as journal:
        assert [each.text for each in journal.answers] == ["one"]
        assert journal.notes == [f"{path}: dropped an incomplete last line"]
        journal.append([Answer(text="three", kind="unclear")])
    assert texts_in(path) == ["one", "three"]


def test_nuls_at_the_end_and_half_a_first_line_are_dropped(path: Path) -> None:
    written(path, ["one"])
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n")
    assert texts_in(path) == ["one"]
    path.write_bytes(b'{"kind": "fore')
    with closing(Journal(path, LABELS, 4)) as journal:
        assert (journal.labels, journal.seed, journal.answers) == (LABELS, 4, [])


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (None, "none"),
        (["one"], "'one'"),
        (["a", "a"], "'a', 'a'"),
        (["a", " "], "'a', ''"),
        ([str(n) for n in range(1001)], "'0', '1'"),
    ],
)
def test_labels_are_checked_before_a_file_is_made(
    path: Path, labels: list[str] | None, found: str
) -> None:
    with pytest.raises(UsageError, match=f"2 to 1,000 labels, all different, found {found}"):
        Journal(path, labels)
    assert not path.exists()


def test_labels_can_be_added_but_none_left_out(path: Path) -> None:
    written(path, ["one"])
    with pytest.raises(UsageError, match=r"the labels of .*good, bad.*found no 'bad'"):
        Journal(path, ["good", "new"])
    Journal(path, [*LABELS, "new"]).close()
    with closing(Journal(path)) as journal:
        assert journal.labels == [*LABELS, "new"]
        journal.append([Answer(text="x", kind="label", label="new")])
    assert texts_in(path) == ["one", "x"]
    with pytest.raises(UsageError, match=r"the seed of the journal \(3\), found 5"):
        Journal(path, [*LABELS, "new"], 5)


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_another_process_cannot_open_it(path: Path) -> None:
    code = f"from foretell.annotation.journal import Journal; Journal({str(path)!r})"
    with closing(Journal(path, LABELS)):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "expected a journal that no other process has open" in other.stderr


FULL_DISK = """
import resource, sys
from foretell.annotation.journal import Answer, Journal
from foretell.errors import ForetellError

journal = Journal(sys.argv[1], ["good", "bad"])
journal.append([Answer(text="one", kind="skip")])
size = journal.path.stat().st_size
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
for room in (0, 1, 20, 5000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, unlimited[1]))
    try:
        journal.append(Answer(text="x" * 3000 + str(n), kind="label", label="bad") for n in range(3))
        sys.exit("it was written")
    except ForetellError as error:
        print(error)
    if journal.path.stat().st_size != size or len(journal.answers) != 1:
        sys.exit("a part of it was written")
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
journal.append([Answer(text="two", kind="label", label="good")])
journal.append([Answer(text="three", kind="skip")])
journal.undo()
journal.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of file sizes")
def test_what_a_full_disk_refuses_is_never_written(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("expected a journal that can be written, found File too large") == 4
    assert texts_in(path) == ["one", "two"]
    assert b"x" not in path.read_bytes().replace(b"text", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no open file")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_journal_that_is_deleted_meanwhile_takes_no_answer(path: Path, *, replaced: bool) -> None:
    with closing(Journal(path, LABELS)) as journal:
        path.unlink()
        if replaced:
            path.write_text("")
        with pytest.raises(ForetellError, match="deleted or replaced while it was open"):
            journal.append([Answer(text="lost", kind="skip")])
        assert journal.answers == []
    with pytest.raises(ForetellError, match="one that is closed"):
        journal.append([Answer(text="lost", kind="skip")])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_no_journal() -> None:
    with pytest.raises(ForetellError, match="found no regular file"):
        Journal("/dev/full", LABELS)


DEEP = b"[" * 100_000 + b"]" * 100_000
HEAD = b'{"kind": "foretell answers", "format": 1, "labels": ["good", "bad"], "seed": %s}\n'
GOOD = HEAD % b"0"
ANSWER = b'{"text": %s, "kind": "skip", "batch": %s}\n'
ONE = ANSWER % (b'"one"', b"1")
TWO = ANSWER % (b'"two"', b"2")
UGLY = b'{"text": "x", "kind": "label", "label": "ugly"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\n", "found another file"),
        (b'{"a": 1}\n{"b": 2}\n', "found another file"),
        (GOOD.replace(b'"format": 1', b'"format": 9'), "format 1, .*format 9"),
        (GOOD.replace(b"labels", b"names"), "line 1: .* found other fields"),
        (HEAD % b"1e400", "line 1: .* found other fields"),
        (HEAD % DEEP + ONE, "line 1: .* found something else"),
        (GOOD + ONE + b"nonsense\n" + TWO, "line 3: .* found something else"),
        (GOOD + ONE + b'{"text": "x"}\n', "line 3: .* found other fields"),
        (GOOD + ONE + UGLY, "line 3: .* found a label that the journal does not have"),
        (GOOD + ONE + b'{"undo": 7}\n', "line 3: .* found an undo of a decision that is not there"),
        (GOOD + b'{"text": ' + DEEP + b"}\n" + ONE, "line 2: .* found something else"),
        (GOOD + ANSWER % (b"3", b"1"), "line 2: .* found other fields"),
        (GOOD + ONE + ONE, "found two answers about one text"),
        (
            GOOD + ONE + TWO + ANSWER % (b'"x"', b"1"),
            "line 4: .* the number of an earlier decision",
        ),
    ],
)
def test_what_no_journal_holds_is_one_line(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        Journal(path, LABELS)
    assert path.read_bytes() == content
