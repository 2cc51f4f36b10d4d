"""What a worker does with a shard: it reads, answers and writes it. Ray runs `process` as a
task.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.cluster.output import Done, Failed, Output, Task
from foretell.cluster.rows import ANSWER, SCORE, kept, no_answer, row_writer, verdict_parts
from foretell.cluster.shard import Row, Shard
from foretell.cluster.shards import open_shard
from foretell.cluster.storage import join, new_file
from foretell.data.decode import sha256_of
from foretell.data.records import Record
from foretell.errors import DataError, ForetellError, RunError

if TYPE_CHECKING:
    from foretell.arrays import Float32s
    from foretell.artifacts.model import Model
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime
    from foretell.runtime.words.scoring import Score

    Runtime = LabelsRuntime | WordsRuntime

UNREADABLE = "not read"
EMPTY = "an empty text"
NO_LABEL = "no label (empty, NaN, NA, N/A or null)"
NO_WORDS = "no word that the model can predict"
_CHUNK = 512
_THREADS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")

_models: dict[str, Runtime] = {}
"""The model of this process by the SHA-256 of its manifest: it stays open for the next shard."""

Answer = tuple[Record, dict[str, object], str, Sequence[float]]
"""A record, its answer, why it has none ("" where it has one), and the probability of each
label.
"""


def process(task: Task, model: Sequence[object], shard: Shard, of_driver: str) -> Done | Failed:
    """Do one shard, and never raise: an exception of another process would lose its reason.

    `model` has its files (see `artifacts.directory.pack`), or Ray's reference to them: in a list,
    so that Ray does not fetch them for each shard. `of_driver` is the version of foretell of the
    command.
    """
    # Each worker has one processor. The libraries read these when they are first imported.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        if (here := version("foretell")) != of_driver:
            where = socket.gethostname()
            raise RunError(
                f"foretell {of_driver}",
                here,
                where=where,
                fix="install the same foretell[cluster] on every node",
            )
        return _process(task, _opened(task.model, model[0]), shard)
    except ForetellError as error:
        return Failed(reason=str(error), is_final=not isinstance(error.__cause__, OSError))
    except Exception as error:
        found = (
            (error.strerror if isinstance(error, OSError) else None)
            or str(error)
            or "no memory is left"
        )
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
    # Rows by the reason why they have no answer; "": they have one.
    counts = Counter[str]()
    rows = open_shard(shard)
    done = Done(ordinal=shard.ordinal, worker=f"{socket.gethostname()}:{os.getpid()}")
    if task.out is None:
        done = replace(done, evaluated=_evaluated(task, model, rows, counts))
    else:
        # A new name for each attempt: one that was given up cannot change what another has
        # committed.
        name = f"part-{shard.ordinal:05d}-{secrets.token_hex(4)}.{task.out_format}"
        with new_file(join(task.out, name)) as path:
            # A lone surrogate, which UTF-8 cannot encode, is written as an escape.
            with path.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
                write = row_writer(file, task.columns, task.names, task.out_format)
                for record, answer, skipped, _ in _answers(task, model, rows):
                    counts[skipped] += 1
                    text = None if skipped == UNREADABLE else record.text
                    write(kept(record) if task.keep_columns else {"text": text}, answer)
            done = replace(done, part=name, size=path.stat().st_size, sha256=sha256_of(path))
    return replace(done, rows=counts.total(), skipped={why: n for why, n in counts.items() if why})


def _evaluated(
    task: Task, model: Runtime, rows: Iterator[Row], counts: Counter[str]
) -> tuple[list[str], Float32s] | Score | None:
    """Return what an evaluation needs of a shard: see `Done.evaluated`; probabilities are [text,
    label].
    """
    import numpy as np

    from foretell.runtime.words.predictor import WordsRuntime

    if isinstance(model, WordsRuntime):
        return _scored_as_one(task, model, rows, counts)
    labels: list[str] = []
    probabilities: list[Sequence[float]] = []
    for record, _, skipped, raw in _answers(task, model, rows):
        if not skipped and record.label is not None:
            labels.append(record.label)
            probabilities.append(raw)
        counts[skipped or ("" if record.label is not None else NO_LABEL)] += 1
    return labels, np.array(probabilities, np.float32).reshape(len(labels), len(model.labels))


def _scored_as_one(
    task: Task, model: WordsRuntime, rows: Iterator[Row], counts: Counter[str]
) -> Score | None:
    """Score a shard as one stream of lines; None: the model can predict no word of it."""
    from foretell.runtime.words.scoring import NO_PREDICTION

    def lines() -> Iterator[str]:
        for record, problem in rows:
            counts[UNREADABLE if problem else ""] += 1
            if not problem:
                yield record.text

    try:
        return model.score(lines(), cache=task.cache)
    except DataError as error:
        if error.expected != NO_PREDICTION:
            raise
        return None


def _answers(task: Task, model: Runtime, rows: Iterator[Row]) -> Iterator[Answer]:
    from foretell.runtime.words.predictor import WordsRuntime

    if isinstance(model, WordsRuntime):
        for record, problem in rows:
            unread = record, no_answer(SCORE, problem), UNREADABLE, ()
            yield unread if problem else _scored(task, model, record)
        return
    waiting = deque[Row]()

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
        return (
            record,
            {**asdict(model.score([record.text], cache=task.cache)), "reason": ""},
            "",
            (),
        )
    except DataError as error:
        reason = f"expected {error.expected}, found {error.found}"
        return record, no_answer(SCORE, reason), NO_WORDS, ()


def together(output: Output, model: Model) -> dict[str, object]:
    """Return what `foretell evaluate --json` prints, from what the workers have found in all
    shards.
    """
    import numpy as np

    from foretell.runtime.labels.evaluation import evaluation_report
    from foretell.runtime.words.scoring import Score

    found = [each.evaluated for _, each in sorted(output.done.items())]
    if model.job == "words":
        return asdict(Score.together([each for each in found if isinstance(each, Score)]))
    names = [str(label) for label in model.labels or ()]
    parts = [each for each in found if isinstance(each, tuple)]
    labels = [label for each, _ in parts for label in each]
    rows = [rows for _, rows in parts] or [np.zeros((0, len(names)), np.float32)]
    return evaluation_report(labels, np.concatenate(rows), names)
