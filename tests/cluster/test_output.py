"""The output folder: continued by the same task only, trusted only as far as the manifest goes."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from cluster.made_files import write_jsonl

from foretell.cluster.output import FOLDER, Done, Output, Task, open_output, read_rows
from foretell.cluster.shards import Shard, plan
from foretell.cluster.storage import StoredFile, input_files
from foretell.data.records import ReadOptions
from foretell.errors import RunError
from foretell.hashes import sha256_of

TASK = Task(command="classify", model="m" * 64, out_format="jsonl")


def begin(folder: Path, task: Task = TASK) -> Output:
    files = input_files([folder / "in.jsonl"])

    def make() -> tuple[Task, list[Shard]]:
        whole = replace(task, out=out, names={"label": "label"})
        return whole, plan(files, ReadOptions(), None, 300).shards

    out = str(folder / "out")
    with open_output(out, replace(task, out=out), files, make) as output:
        return output


def done(output: Output, ordinal: int, name: str = "") -> Done:
    assert output.address is not None
    part = Path(output.address) / (name or f"part-{ordinal:05d}-x.jsonl")
    part.write_text(json.dumps({"ordinal": ordinal}) + "\n")
    return Done(
        ordinal=ordinal, part=part.name, rows=1, skipped={}, worker="w",
        size=part.stat().st_size, sha256=sha256_of(part),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in.jsonl", 20)
    return tmp_path


def test_the_same_task_continues_with_what_is_missing(folder: Path) -> None:
    output = begin(folder)
    assert len(output.shards) > 3
    line = done(output, 1)
    part = folder / "out" / line.part
    content = part.read_bytes()
    # A line whose part is gone, or has another size, counts for nothing.
    part.unlink()
    with pytest.raises(RunError, match=f"that every node sees, found no {part.name} of the worker w in it"):
        output.add(line)
    part.write_bytes(content)
    output.add(line)
    again = begin(folder)
    assert (again.shards, again.task.names) == (output.shards, {"label": "label"})
    assert [shard.ordinal for shard in again.waiting] == [s.ordinal for s in output.shards if s.ordinal != 1]
    for other in (content[:-1], content + b"\n", b""):
        part.write_bytes(other)
        assert output.shards[1] in begin(folder).waiting


def test_another_model_other_options_or_other_input_are_refused(folder: Path) -> None:
    begin(folder)
    with pytest.raises(RunError, match="expected the model of the run that is there, found another"):
        begin(folder, replace(TASK, model="n" * 64))
    with pytest.raises(RunError, match=r"the abstain_below of the run that is there, None, found 0\.5"):
        begin(folder, replace(TASK, abstain_below=0.5))
    write_jsonl(folder / "in.jsonl", 20, first=1)
    with pytest.raises(RunError, match="a file that has changed since; choose another --out"):
        begin(folder)


def opened(out: Path, files: list[StoredFile]) -> AbstractContextManager[Output]:
    return open_output(str(out), replace(TASK, out=str(out)), files, lambda: (TASK, []))


def test_an_output_with_other_files_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "file").write_text("")
    (folder / "other").mkdir()
    (folder / "other" / "mine.txt").write_text("mine")
    files = input_files([folder / "in.jsonl"])
    for out, message in (
        (folder / "file", "expected a folder, found a file"),
        (folder / "other", "found other files in it"),
        (folder, "without input files"),
    ):
        with pytest.raises(RunError, match=message), opened(out, files):
            pass
    assert [each.name for each in (folder / "other").iterdir()] == ["mine.txt"]


def test_a_second_command_waits_for_nobody(folder: Path) -> None:
    files = input_files([folder / "in.jsonl"])
    with (
        opened(folder / "out", files),
        pytest.raises(RunError, match="one command at a time"),
        opened(folder / "out", files),
    ):
        pass


def test_where_nothing_was_begun_nothing_is_left(folder: Path) -> None:
    def fail() -> tuple[Task, list[Shard]]:
        raise KeyboardInterrupt

    out = str(folder / "out")
    with pytest.raises(KeyboardInterrupt), open_output(out, TASK, input_files([folder / "in.jsonl"]), fail):
        pass
    assert not (folder / "out").exists()


def test_readers_trust_the_manifest_alone(folder: Path) -> None:
    output = begin(folder)
    with pytest.raises(RunError, match="one that is not finished; repeat the command"):
        next(read_rows(folder / "out"))
    for shard in reversed(output.shards):
        # Two attempts of each: only the second is listed.
        done(output, shard.ordinal, f"part-{shard.ordinal:05d}-given-up.jsonl")
        output.add(done(output, shard.ordinal))
    output.finish()
    parts = [each for each in (folder / "out").iterdir() if each.name != FOLDER]
    assert len(parts) == len(output.shards)
    assert [row["ordinal"] for row in read_rows(folder / "out")] == [s.ordinal for s in output.shards]
    parts[0].write_text('{"ordinal": 99}\n')
    with pytest.raises(RunError, match="expected the part as the manifest lists it"):
        list(read_rows(folder / "out"))
    with pytest.raises(RunError, match="expected a finished run, found none"):
        next(read_rows(folder / "nothing"))
