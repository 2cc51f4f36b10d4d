"""The output folder: continued by the same task only, complete only as far as the manifest goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest
from cluster.made_files import rows_in, write_jsonl

from foretell.cluster.output import Done, Output, Task, begin, reserved
from foretell.cluster.shards import plan
from foretell.cluster.storage import input_files
from foretell.data.records import ReadOptions
from foretell.errors import RunError

TASK = Task(command="classify", model="m" * 64)


@contextmanager
def opened(
    folder: Path, task: Task = TASK, out: Path | None = None, size: int = 300
) -> Iterator[Output]:
    files = input_files([folder / "in.jsonl"])
    task = replace(task, out=str(out or folder / "out"))
    with reserved(task.out, files):
        yield begin(task, files, plan(files, ReadOptions(), None, size)[0])


def begun(folder: Path, task: Task = TASK, size: int = 300) -> Output:
    with opened(folder, task, size=size) as output:
        return output


def done(output: Output, ordinal: int, name: str = "") -> Done:
    assert output.address is not None
    part = Path(output.address) / (name or f"part-{ordinal:05d}-0000000a.jsonl")
    part.write_text(json.dumps({"ordinal": ordinal}) + "\n")
    size = part.stat().st_size
    sha256 = hashlib.sha256(part.read_bytes()).hexdigest()
    return Done(ordinal=ordinal, part=part.name, rows=1, worker="w", size=size, sha256=sha256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in.jsonl", 20)
    return tmp_path


def test_the_same_task_continues_with_what_is_missing(folder: Path) -> None:
    output = begun(folder)
    assert len(output.shards) > 3
    line = done(output, 1)
    part = folder / "out" / line.part
    content = part.read_bytes()
    # A line whose part is gone, or has another content, counts for nothing.
    part.unlink()
    with pytest.raises(
        RunError, match=f"that every node sees, found no {part.name} of the worker w in it"
    ):
        output.add(line)
    part.write_bytes(content)
    output.add(line)
    again = begun(folder)
    assert again.shards == output.shards
    assert [shard.ordinal for shard in again.waiting] == [
        s.ordinal for s in output.shards if s.ordinal != 1
    ]
    for other in (content[:-1], content + b"\n", b"", b"x" * len(content)):
        part.write_bytes(other)
        assert output.shards[1] in begun(folder).waiting


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"rows": "1"},
        {"ordinal": None},
        [],
        "text",
    ],
)
def test_a_line_of_another_version_is_one_error(folder: Path, change: object) -> None:
    output = begun(folder)
    output.add(done(output, 1))
    (line,) = (folder / "out").glob("*/done/*.json")
    stored = json.loads(line.read_text())
    line.write_text(json.dumps({**stored, **change} if isinstance(change, dict) else change))
    with pytest.raises(RunError, match="expected JSON as this version writes it"):
        begun(folder)


def test_another_model_other_options_or_other_input_are_refused(folder: Path) -> None:
    begun(folder)
    others = {
        "command": "score",
        "model": "n" * 64,
        "out_format": "csv",
        "keep_columns": False,
        "abstain_below": 0.5,
        "cache": 20,
        "columns": ["id"],
        "names": {"label": "foretell_label"},
    }
    assert {*others, "out"} == {each.name for each in fields(Task)}
    for name, value in others.items():
        with pytest.raises(RunError, match=f"the {name} of the run that is there.*found another"):
            begun(folder, replace(TASK, **{name: value}))  # type: ignore[arg-type]
    with pytest.raises(
        RunError, match="expected the shards of the run that is there, found another"
    ):
        begun(folder, size=400)
    write_jsonl(folder / "in.jsonl", 20, first=1)
    with pytest.raises(
        RunError, match="expected the files of the run that is there, found another"
    ):
        begun(folder)


def test_an_output_with_other_files_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "file").write_text("")
    (folder / "other").mkdir()
    (folder / "other" / "mine.txt").write_text("mine")
    for out, message in (
        (folder / "file", "found Not a directory"),
        (folder / "other", r"found other files in it \(mine.txt\)"),
        (folder, r"found other files in it \(in.jsonl"),
    ):
        with pytest.raises(RunError, match=message), opened(folder, out=out):
            pass
    assert [each.name for each in (folder / "other").iterdir()] == ["mine.txt"]


def test_a_second_command_waits_for_nobody(folder: Path) -> None:
    with opened(folder), pytest.raises(RunError, match="one command at a time"), opened(folder):
        pass


def test_the_manifest_lists_one_part_of_each_shard_and_others_go(folder: Path) -> None:
    output = begun(folder)
    for shard in reversed(output.shards):
        # Two attempts of each: only the second is listed.
        done(output, shard.ordinal, f"part-{shard.ordinal:05d}-deadbeef.jsonl")
        output.add(done(output, shard.ordinal))
    # A file of somebody else that came while the command ran.
    theirs = folder / "out" / "part-of-the-report.csv"
    theirs.write_text("1")
    output.finish()
    assert theirs.read_text() == "1"
    theirs.unlink()
    assert [row["ordinal"] for row in rows_in(folder / "out")] == [s.ordinal for s in output.shards]
