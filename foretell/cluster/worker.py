"""What a worker does with a shard: it reads, answers and writes it. Ray runs `process` as a task."""

from __future__ import annotations

import io
import json
import math
import os
import secrets
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.artifacts.model import Model
from foretell.artifacts.replacement import typed
from foretell.cluster.output import Done, Failed, Output, Task
from foretell.cluster.rows import ANSWER, SCORE, Writer, kept, no_answer, verdict_parts, writer_of
from foretell.cluster.shards import Shard, beginning_of
from foretell.cluster.storage import find, join, local_copy, new_file, open_file, read_range
from foretell.data.columns import Columns
from foretell.data.formats import FORMATS, finite_number
from foretell.data.frames import class_name, classes_in, damaged
from foretell.data.records import ReadOptions, Record
from foretell.data.source import Source
from foretell.errors import DataError, ForetellError
from foretell.hashes import sha256_of

if TYPE_CHECKING:
    from foretell.arrays import Array
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime
    from foretell.runtime.words.scoring import Score

    Runtime = LabelsRuntime | WordsRuntime
    Evaluated = Score | tuple[list[str], Array] | None

UNREADABLE, EMPTY = "not read", "an empty text"
NO_LABEL, NO_WORDS = "no label (empty or NaN)", "no word that the model can predict"
_NO_WORD = "word that the model can predict"
"""In what `foretell.runtime.words.scoring` expects of a text."""
_CHUNK, _BATCH = 512, 256
_THREADS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")

_models: dict[str, Runtime] = {}
"""The model of this process by the SHA-256 of its manifest: it stays open for the next shard."""

Row = tuple[Record, str]
"""A record, and why it could not be read: "" where it was."""
Answer = tuple[Record, dict[str, object], str, Sequence[float]]
"""A record, its answer, why it has none ("" where it has one), and the probability of each label."""


def process(task: Task, model: Sequence[object], shard: Shard) -> Done | Failed:
    """Do one shard, and never raise: an exception of another process would lose its reason.

    Args:
        task: what to do.
        model: the files of the model (see `artifacts.directory.pack`), or Ray's reference to them; in a
            list, so that Ray does not fetch them for each shard.
        shard: the part of a file.
    """
    # Each worker has one processor. The libraries read these when they are first imported.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        return _process(task, _opened(task.model, model[0]), shard)
    except ForetellError as error:
        return Failed(reason=str(error), is_final=not isinstance(error.__cause__, OSError))
    except Exception as error:
        found = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no memory is left"
        where = str(getattr(error, "filename", None) or shard.name)
        return Failed(reason=f"{where}: {type(error).__name__}: {' '.join(found.split())}")


def _opened(sha256: str, files: object) -> Runtime:
    from foretell.artifacts.directory import unpack
    from foretell.runtime.open import open_model

    if sha256 not in _models:
        import ray

        _models.clear()
        # Deleted at once: the model is in memory, and a worker that is killed deletes nothing.
        with tempfile.TemporaryDirectory(prefix="foretell-model-") as folder:
            unpack(files if isinstance(files, dict) else ray.get(files), Path(folder) / "model")
            _models[sha256] = open_model(Path(folder) / "model", threads=1)
    return _models[sha256]


def _process(task: Task, model: Runtime, shard: Shard) -> Done:
    notes: list[str] = []
    counts: Counter[str] = Counter(rows=0)
    rows = open_shard(shard, notes)
    part: dict[str, Any] = {}
    if task.out is None:
        part["evaluated"] = _evaluated(task, model, rows, counts)
    else:
        # A new name for each attempt: one that was given up cannot change what another has committed.
        name = f"part-{shard.ordinal:05d}-{secrets.token_hex(4)}.{task.out_format}"
        with new_file(join(task.out, name)) as path:
            labels = getattr(model, "labels", ())
            with closing(writer_of(path, task.names, task.schema, labels, shard.name)) as writer:
                _write(task, _answers(task, model, rows), counts, writer)
            part = {"part": name, "size": path.stat().st_size, "sha256": sha256_of(path)}
        if writer.left_out:
            names = ", ".join(f"'{name}'" for name in sorted(writer.left_out))
            notes.append(f"left out columns that the first records do not have: {names}")
    return Done(
        ordinal=shard.ordinal,
        rows=counts.pop("rows"),
        skipped=dict(counts),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        notes=notes,
        **part,
    )


def _write(task: Task, answers: Iterator[Answer], counts: Counter[str], writer: Writer) -> None:
    """Write every row, in order, and count those without an answer."""
    for record, answer, skipped, _ in answers:
        counts.update(["rows", *([skipped] if skipped else [])])
        only_text = {"text": None if skipped == UNREADABLE else record.text}
        writer.write(kept(record) if task.keep_columns else only_text, answer)


def _evaluated(task: Task, model: Runtime, rows: Iterator[Row], counts: Counter[str]) -> Evaluated:
    """Return what an evaluation needs of a shard; see `Done.evaluated`."""
    from foretell.runtime.words.predictor import WordsRuntime

    if isinstance(model, WordsRuntime):
        return _score_stream(task, model, rows, counts)
    import numpy as np

    labels: list[str] = []
    probabilities: list[Sequence[float]] = []
    for record, _, skipped, raw in _answers(task, model, rows):
        if not skipped and record.label is None:
            skipped = NO_LABEL
        if not skipped and record.label is not None:
            labels.append(record.label)
            probabilities.append(raw)
        counts.update(["rows", *([skipped] if skipped else [])])
    return labels, np.array(probabilities, np.float32).reshape(len(labels), len(model.labels))


def _answers(task: Task, model: Runtime, rows: Iterator[Row]) -> Iterator[Answer]:
    """Yield the answer of each row, in order."""
    from foretell.runtime.words.predictor import WordsRuntime

    if isinstance(model, WordsRuntime):
        for record, problem in rows:
            yield (
                (record, no_answer(SCORE, problem), UNREADABLE, ())
                if problem
                else _scored(task, model, record)
            )
        return
    waiting: deque[Row] = deque()

    def texts() -> Iterator[str]:
        for row in rows:
            waiting.append(row)
            yield row[0].text

    for verdict in model.classify(texts(), abstain_below=task.abstain_below, chunk=_CHUNK):
        record, problem = waiting.popleft()
        if problem:
            yield record, no_answer(ANSWER, problem), UNREADABLE, ()
        else:
            skipped = "" if record.text.strip() else EMPTY
            yield record, verdict_parts(verdict), skipped, list(verdict.probabilities.values())


def _scored(task: Task, model: WordsRuntime, record: Record) -> Answer:
    try:
        return record, {**asdict(model.score([record.text], cache=task.cache)), "reason": ""}, "", ()
    except DataError as error:
        reason = f"expected {error.expected}, found {error.found}"
        return record, no_answer(SCORE, reason), NO_WORDS, ()


def _score_stream(task: Task, model: WordsRuntime, rows: Iterator[Row], counts: Counter[str]) -> Score | None:
    """Score a shard as one stream of lines, as `evaluate` does with a whole file; None: it has no words."""

    def lines() -> Iterator[str]:
        for record, problem in rows:
            counts.update(["rows", *([UNREADABLE] if problem else [])])
            if not problem:
                yield record.text

    try:
        score: Score = model.score(lines(), cache=task.cache)
    except DataError as error:
        # Whether there is a word at all is known at the end.
        if _NO_WORD not in error.expected:
            raise
        return None
    return score


def together(output: Output, model: Model) -> dict[str, object]:
    """Return what `foretell evaluate --json` prints, from what the workers have found in all shards."""
    parts = [output.done[shard.ordinal].evaluated for shard in output.shards]
    if model.job == "words":
        from foretell.runtime.words.scoring import Score

        return asdict(Score.together([part for part in parts if part is not None]))
    import numpy as np

    from foretell.runtime.labels.evaluation import evaluation_report

    names = [str(label) for label in model.labels or ()]
    labels = [label for each, _ in parts for label in each]
    rows = [rows for _, rows in parts] or [np.zeros((0, len(names)), np.float32)]
    return evaluation_report(labels, np.concatenate(rows), names)


def open_shard(shard: Shard, notes: list[str]) -> Iterator[Row]:
    """Return the records of a shard, in order; what was guessed while reading is added to `notes`."""
    with typed(DataError, "a file that can be read", shard.file):
        stored = find(shard.file)
        if stored is None:
            raise DataError(
                expected="a file that every worker can read", found="nothing on this node", where=shard.file,
                fix="use a shared file system or a bucket",
            )  # fmt: skip
        if (stored.size, stored.stamp) != (shard.size, shard.stamp):
            raise DataError(
                expected="the file as it was when the run began",
                found="another size" if stored.size != shard.size else "a later change",
                where=shard.file,
                fix="give another --out for the new data",
            )
        if shard.why_whole:
            return _whole_rows(shard, notes)
        if shard.format == "parquet":
            return _parquet_rows(shard)
        content = read_range(shard.file, shard.start, shard.stop)
        if shard.format == "jsonl":
            return _json_rows(shard, content)
        head = read_range(shard.file, 0, shard.head) if shard.head else b""
        return _range_rows(shard, head + content, notes)


def _options(shard: Shard) -> ReadOptions:
    return ReadOptions(text=shard.text, label=shard.label)


def _whole_rows(shard: Shard, notes: list[str]) -> Iterator[Row]:
    with local_copy(shard.file) as path, Source(path, _options(shard), notes) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _range_rows(shard: Shard, content: bytes, notes: list[str]) -> Iterator[Row]:
    """Read a range of CSV or of lines by the format's own reader, with the names of the columns in front."""
    with beginning_of(content, shard.name, _options(shard), notes) as source:
        yield from ((record, "") for record in FORMATS[shard.format].read(source))


def _json_rows(shard: Shard, content: bytes) -> Iterator[Row]:
    """Read a range of JSON Lines. A line that is no JSON is a row with a problem: the others still count."""
    columns = Columns(shard.text or "", shard.label)
    content = content if shard.start else content.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(io.BytesIO(content), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=finite_number, parse_constant=_constant)
            row = {"text": value} if isinstance(value, str) else value
            if not isinstance(row, dict):
                raise ValueError("not an object or a string")
            yield columns.record(row, f"{shard.name}, line {number}"), ""
        except DataError as error:
            yield Record(""), f"expected {error.expected}, found {error.found}"
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            yield Record(""), f"no JSON: {reason:.80}"


def _constant(text: str) -> float:
    if text != "NaN":
        raise ValueError(text)
    return math.nan


def _parquet_rows(shard: Shard) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = Columns(shard.text or "", shard.label)
    with open_file(shard.file) as stream:
        try:
            table = pq.ParquetFile(stream)
            found = table.schema_arrow.metadata or {}
            classes = classes_in({key.decode(): value.decode() for key, value in found.items()})
            groups = list(range(*(shard.row_groups or ())))
            for batch in table.iter_batches(batch_size=_BATCH, row_groups=groups, use_threads=False):
                for row in batch.to_pylist():
                    row |= {
                        name: class_name(row[name], classes[name]) for name in classes.keys() & row.keys()
                    }
                    yield columns.record(row, shard.name), ""
        except pa.ArrowException as error:
            raise damaged(shard.file, " ".join(str(error).split())) from error
