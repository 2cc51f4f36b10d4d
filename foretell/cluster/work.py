"""`Worker`: opens the model once, then reads, answers and writes one shard after another."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.cluster import storage
from foretell.cluster.addresses import join
from foretell.cluster.reading import OpenShard, Row, open_shard
from foretell.cluster.rows import ANSWER, SCORE, kept, no_answer, score_parts, verdict_parts
from foretell.cluster.shards import Shard
from foretell.cluster.tasks import Done, Failed, ModelFiles, Task
from foretell.cluster.writers import JsonWriter, ParquetWriter, RowWriter
from foretell.errors import DataError, ForetellError
from foretell.hashes import sha256_of

if TYPE_CHECKING:
    from foretell.cluster.figures import LabelSums
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.runtime.words.predictor import WordsRuntime

UNREADABLE = "not read"
EMPTY = "an empty text"
NO_LABEL = "no label (empty or NaN)"
NO_WORDS = "no word that the model can predict"
NO_WORD = "word that the model can predict"
"""In what `foretell.runtime.words.scoring` expects of a text."""
_CHUNK = 512


class Worker:
    """Answers the rows of shards with one model.

    Args:
        task: what to do.
    """

    def __init__(self, task: Task) -> None:
        # Each worker has one processor. The libraries read these when they are first imported.
        for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"):
            os.environ[name] = "1"
        self._task = task
        self._model: Any = None
        self.worker = f"{socket.gethostname()}:{os.getpid()}"

    def open(self, model: ModelFiles) -> dict[str, str] | None:
        """Open the model: at its path, if the model there is the same one, or from its files.

        Returns:
            The host, the process and the versions of this worker; None: it cannot reach the model.

        Raises:
            ForetellError: the model cannot be opened.
        """
        if model.files is None:
            return self._open_at(Path(model.path), model.sha256)
        from foretell.artifacts.packed import unpack

        # Deleted at once: the model is in memory, and a worker that is killed deletes nothing.
        with tempfile.TemporaryDirectory(prefix="foretell-model-") as folder:
            path = Path(folder) / "model"
            unpack(model.files, path)
            return self._open_at(path, model.sha256)

    def _open_at(self, path: Path, sha256: str) -> dict[str, str] | None:
        if model_sha256(path) != sha256:
            return None
        from foretell.runtime.open import open_model

        self._model = open_model(path, threads=1)
        return {"worker": self.worker, **versions()}

    def process(self, shard: Shard) -> Done | Failed:
        """Do one shard, and never raise: an exception of another process would lose its reason."""
        try:
            return self._process(shard)
        except ForetellError as error:
            retry = isinstance(error.__cause__, OSError)
            return Failed(
                ordinal=shard.ordinal, reason=str(error), trace=traceback.format_exc(), is_final=not retry
            )
        except MemoryError:
            reason = f"{shard.name}: expected enough memory, found none left"
            return Failed(ordinal=shard.ordinal, reason=reason, trace=traceback.format_exc())
        except Exception as error:
            found = (error.strerror if isinstance(error, OSError) else None) or str(error)
            where = str(getattr(error, "filename", None) or shard.name)
            reason = f"{where}: {type(error).__name__}: {' '.join(found.split())}"
            return Failed(ordinal=shard.ordinal, reason=reason, trace=traceback.format_exc())

    def _process(self, shard: Shard) -> Done:
        started = time.monotonic()
        opened = open_shard(shard)
        figures: dict[str, Any] | None = None
        done: dict[str, Any] = {"part": "", "size": 0, "sha256": ""}
        if self._task.command == "evaluate" and self._model.model.job == "words":
            counts, figures = self._score_stream(opened)
        elif self._task.out is None:
            counts, figures = self._answer(opened, None)
        else:
            # A new name for each attempt: one that was given up cannot change what another has committed.
            part = f"part-{shard.ordinal:05d}-{secrets.token_hex(4)}.{self._task.out_format}"
            address = join(self._task.out, part)
            with storage.scratch(address) as temporary:
                counts, figures = self._write(opened, temporary, shard)
                done = {"part": part, "size": temporary.stat().st_size, "sha256": sha256_of(temporary)}
                storage.commit(temporary, address)
        return Done(
            ordinal=shard.ordinal,
            rows=counts.pop("rows", 0),
            skipped=dict(counts),
            bytes=shard.stop - shard.start,
            input_sha256=opened.sha256,
            seconds=round(time.monotonic() - started, 3),
            node=socket.gethostname(),
            worker=self.worker,
            figures=figures,
            notes=tuple(opened.notes),
            **done,
        )

    def _write(
        self, opened: OpenShard, temporary: Path, shard: Shard
    ) -> tuple[Counter[str], dict[str, Any] | None]:
        task = self._task
        labels = getattr(self._model, "labels", ())
        with ExitStack() as stack:
            writer: RowWriter
            if task.out_format == "jsonl":
                writer = JsonWriter(temporary, list(task.names.values()))
            else:
                writer = ParquetWriter(temporary, task.types, task.names, labels, shard.name)
            stack.callback(writer.close)
            result = self._answer(opened, writer)
        if writer.left_out:
            names = ", ".join(f"'{name}'" for name in sorted(writer.left_out))
            opened.notes.append(f"left out columns that the first records do not have: {names}")
        return result

    def _answer(
        self, opened: OpenShard, writer: RowWriter | None
    ) -> tuple[Counter[str], dict[str, Any] | None]:
        """Answer every row, in order."""
        counts: Counter[str] = Counter()
        sums: LabelSums | None = None
        if self._task.command == "evaluate":
            from foretell.cluster.figures import LabelSums

            sums = LabelSums(tuple(self._model.labels))
        rows = self._scored(opened) if self._task.command == "score" else self._classified(opened, sums)
        for row, answer, skipped in rows:
            counts["rows"] += 1
            if skipped:
                counts[skipped] += 1
            if writer is not None:
                named = {self._task.names[part]: value for part, value in answer.items()}
                writer.write(kept(row, keep_columns=self._task.keep_columns), named)
        return counts, None if sums is None else sums.to_dict()

    def _classified(
        self, opened: OpenShard, sums: LabelSums | None
    ) -> Iterator[tuple[Row, dict[str, object], str]]:
        """Yield each row with its answer, and why it has none ("" where it has one)."""
        runtime: LabelsRuntime = self._model
        waiting: deque[Row] = deque()

        def texts() -> Iterator[str]:
            for row in opened.rows:
                waiting.append(row)
                if not row.problem:
                    yield row.record.text

        def unread() -> Iterator[tuple[Row, dict[str, object], str]]:
            while waiting and waiting[0].problem:
                row = waiting.popleft()
                yield row, no_answer(ANSWER, row.problem), UNREADABLE

        verdicts = runtime.classify(texts(), abstain_below=self._task.abstain_below, chunk=_CHUNK)
        for verdict in verdicts:
            yield from unread()
            row = waiting.popleft()
            skipped = EMPTY if not row.record.text.strip() else ""
            if sums is not None and not skipped:
                if row.record.label is None:
                    skipped = NO_LABEL
                else:
                    row_of = verdict.plain().probabilities
                    sums.add(row.record.label, max(row_of, key=row_of.__getitem__), row_of)
            yield row, verdict_parts(verdict), skipped
        yield from unread()

    def _scored(self, opened: OpenShard) -> Iterator[tuple[Row, dict[str, object], str]]:
        runtime: WordsRuntime = self._model
        for row in opened.rows:
            if row.problem:
                yield row, no_answer(SCORE, row.problem), UNREADABLE
                continue
            try:
                score = runtime.score([row.record.text], cache=self._task.cache)
            except DataError as error:
                yield row, no_answer(SCORE, f"expected {error.expected}, found {error.found}"), NO_WORDS
                continue
            yield row, score_parts(score), ""

    def _score_stream(self, opened: OpenShard) -> tuple[Counter[str], dict[str, Any]]:
        """Score a shard as one stream of lines, as `evaluate` does with a whole file."""
        from foretell.cluster.figures import WordSums

        counts: Counter[str] = Counter()

        def lines() -> Iterator[str]:
            for row in opened.rows:
                counts["rows"] += 1
                if row.problem:
                    counts[UNREADABLE] += 1
                else:
                    yield row.record.text

        try:
            score = asdict(self._model.score(lines(), cache=self._task.cache))
        except DataError as error:
            # A shard without words adds nothing; whether there is a word at all is known at the end.
            if NO_WORD not in error.expected:
                raise
            return counts, asdict(WordSums())
        score["bits"] = score["bits_per_byte"] * score["bytes"]
        return counts, {name: score[name] for name in WordSums.__dataclass_fields__}


def model_sha256(path: Path) -> str:
    """Return the SHA-256 of a model directory's manifest; "" where there is none."""
    from foretell.artifacts.manifest import MANIFEST

    try:
        return sha256_of(path / MANIFEST)
    except OSError:
        return ""


def versions() -> dict[str, str]:
    """Return the versions that must be the same on every node."""
    from importlib.metadata import version

    return {"foretell": version("foretell"), "python": ".".join(platform.python_version_tuple()[:2])}
