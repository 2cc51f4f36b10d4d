"""A run: the directory of one training in progress.

It lies beside the model directory that it will become part of, `<out>.run/` for `<out>/`, and
holds::

    request.json    what was asked for: job, preset, settings, digest of the data, command line
    spent.json      the seconds that the training has taken so far, noted every few seconds
    metrics.jsonl   one line for each step that was logged
    checkpoints/    what a resumed run continues from; deleted at the end
    cache/          the corpus as token ids; deleted at the end

`Run.finish` writes the model directory and moves the run into it as `run/`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.artifacts.directory import check_writable, write_model
from foretell.artifacts.manifest import MANIFEST, RUN
from foretell.artifacts.model import Model
from foretell.artifacts.replacement import (
    make_directories,
    new_directory,
    replace_file,
    sync_directory,
    take_place,
    typed,
    write_synced,
)
from foretell.config import Job, Settings, to_dict
from foretell.data.decode import sha256_of
from foretell.errors import ForetellError, Interrupted, RunError
from foretell.metrics.shown import result_of
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint, Checkpoints
from foretell.training.events import Note, Stage
from foretell.training.interrupt import Interrupt, interrupted
from foretell.training.options import TrainOptions
from foretell.training.quiet import forgotten_gradients, load_tensorflow
from foretell.training.report import write_report
from foretell.training.run_lock import RunLock

if TYPE_CHECKING:
    import tensorflow as tf

_REQUEST = "request.json"
_METRICS = "metrics.jsonl"
_SPENT = "spent.json"
_CHECKPOINTS = "checkpoints"
_CACHE = "cache"

_SECONDS_BETWEEN_NOTES = 5.0
"""A process that is killed loses no more of the time that its training has taken."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run was asked for. A run can be resumed only with an equal request.

    Attributes:
        job: "words" or "labels".
        settings: every setting.
        data: a digest of the data.
    """

    job: Job
    settings: Settings
    data: str


class Run:
    """One training in progress. Made by `Run.open`; use it as a context manager.

    While it is open, signals are handled as `foretell.training.interrupt` describes; an
    interruption leaves it as `Interrupted`, whose `fix` is the command that resumes.

    Attributes:
        out: the model directory to be.
        folder: the run's own directory, beside `out`.
        options: how it is run.
        cache: where intermediate results lie that a resumed run reuses; the directory may not
            exist.
        checkpoints: its checkpoints.
        budget: its time limit; a resumed run has the time that is left of it.
        interrupt: whether it has to stop.
    """

    def __init__(self, options: TrainOptions, minutes: float, lock: RunLock) -> None:
        self.options = options
        self.out = options.out
        self.folder = folder_of(options.out)
        self.cache = self.folder / _CACHE
        self.budget = Budget(minutes, options.started, spent=_spent_seconds(self.folder))
        self.checkpoints = Checkpoints(
            self.folder / _CHECKPOINTS,
            every=options.checkpoint_seconds,
            request=sha256_of(self.folder / _REQUEST),
        )
        self.interrupt = Interrupt(options.stop_after_steps)
        self._lock = lock
        self._forgetting = contextlib.ExitStack()
        self._ended = threading.Event()
        self._noting = threading.Thread(target=self._note_time, daemon=True)
        self._writer: tf.summary.SummaryWriter | None = None

    @classmethod
    def open(cls, request: Request, options: TrainOptions) -> Run:
        """Start a run for the model directory `options.out` or, with `options.resume`, resume the
        one there.

        Args:
            request: what is trained. The preset's name and the command line are recorded with it.
            options: how; `restart` deletes an unfinished run first.

        Raises:
            RunError: as `check_can_begin`; or the run had another request, or another process
                trains there.
            ArtifactError: `out` is something that must not be overwritten.
        """
        decisive = {
            "job": request.job,
            "preset": options.preset,
            "settings": to_dict(request.settings),
            "given_settings": sorted(options.given),
            "data": request.data,
        }
        check_can_begin(options)
        folder = folder_of(options.out)
        with typed(RunError, "a folder that can be written", folder.parent):
            make_directories(folder.parent)
        lock = RunLock(folder)
        try:
            if options.resume:
                _check_same(
                    read_request(options.out), json.loads(json.dumps(decisive)), options.out
                )
            else:
                _make_folder(decisive, options)
            run = cls(options, request.settings.minutes, lock)
        except BaseException:
            lock.close()
            raise
        if options.resume and request.settings.minutes:
            left = run.budget.left()
            limit = 60 * request.settings.minutes
            run.note(f"{left:.0f} of the {limit:.0f} seconds of the time limit are left")
        return run

    def begin_network(self, done: float = 0.01) -> None:
        """Load TensorFlow, whose memory the stages before can use; `done` as in `stage`."""
        self.stage("loading TensorFlow", done)
        load_tensorflow(self.interrupt)
        self._forgetting.enter_context(forgotten_gradients())
        if self.options.tensorboard is not None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(str(self.options.tensorboard))

    def note(self, text: str) -> None:
        """Emit one line about the data or a decision."""
        self.options.listener(Note(text))

    def stage(self, name: str, done: float) -> None:
        """Emit that a stage has begun, after a part `done` of the training."""
        self.options.listener(Stage(name, done))

    def log(self, *, step: int, **values: float | None) -> None:
        """Append one line to metrics.jsonl, and its numbers to TensorBoard where that was asked
        for.

        Args:
            step: training steps done.
            **values: of epoch, loss, accuracy, valid_loss, valid_accuracy and speed what is known
                (None is left out). `time`, in seconds since 1970, is added.
        """
        known = {name: value for name, value in values.items() if value is not None}
        line = {"step": step, **known, "time": round(time.time(), 3)}
        with (self.folder / _METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default():
                for name, value in known.items():
                    tf.summary.scalar(name, value, step=step)
            self._writer.flush()

    def log_graph(self, graph: tf.Graph) -> None:
        """Write a TensorFlow graph (`concrete_function.graph`) for TensorBoard, where that was
        asked for.
        """
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default():
                tf.summary.graph(graph)
            self._writer.flush()

    def resumed(self) -> Checkpoint | None:
        """Return the checkpoint to continue from, or None; what was logged after it is removed.

        Raises:
            RunError: there are checkpoints and every one of them is damaged or of another run.
        """
        saved = self.checkpoints.latest()
        path = self.folder / _METRICS
        if path.exists():
            kept = []
            last = -1 if saved is None else saved.step
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                # The last line may be incomplete, where the process was killed.
                with contextlib.suppress(ValueError, KeyError):
                    if json.loads(line)["step"] <= last:
                        kept.append(line)
            replace_file(path, "".join(kept).encode())
        return saved

    def finish(self, model: Model) -> None:
        """Write the report and the model directory, and move this run into it.

        Raises:
            ArtifactError: the model directory could not be written; the run is still there to be
                resumed.
        """
        self.stage("writing the model", 0.97)
        self._stop_noting()
        write_report(self.folder, model.metrics)
        try:
            write_model(model, self.out, run=self.folder)
        except KeyboardInterrupt:
            # Without its folder the run is finished: the signal arrived after the model was
            # written.
            if self.folder.exists():
                raise
        # Larger than the model, and needed by a run in progress only.
        for folder in (_CACHE, _CHECKPOINTS):
            shutil.rmtree(self.out / RUN / folder, ignore_errors=True)
        self.note(result_of(model.metrics))

    def _note_time(self) -> None:
        """Write the seconds so far, again and again: a resumed run continues with the time that is
        left.
        """
        has_ended = False
        while not has_ended:
            has_ended = self._ended.wait(_SECONDS_BETWEEN_NOTES)
            # What cannot be written waits for the next time.
            with contextlib.suppress(OSError):
                replace_file(
                    self.folder / _SPENT, json.dumps({"seconds": self.budget.seconds()}).encode()
                )

    def _stop_noting(self) -> None:
        self._ended.set()
        if self._noting.is_alive():
            self._noting.join()

    def close(self) -> None:
        """Release the run to other processes."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._lock.close()

    def __enter__(self) -> Run:
        self._noting.start()
        self.interrupt.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.interrupt.end()
        self._forgetting.close()
        self._stop_noting()
        self.close()
        self.interrupt.__exit__()
        if error is not None and self.interrupt.signal is not None:
            self._raise_interrupted(error)

    def _raise_interrupted(self, error: BaseException) -> None:
        """Raise what an interruption caused as `Interrupted`; other failures stay what they are."""
        is_failure = isinstance(error, ForetellError) and not isinstance(error, Interrupted)
        if is_failure or not isinstance(error, Exception | KeyboardInterrupt):
            return
        if not (isinstance(error, Interrupted) and error.fix):
            error = interrupted(self.checkpoints.newest_step, self.out)
        # As shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP.
        error.exit_code = 128 + (self.interrupt.signal or signal.SIGINT)
        raise error


def folder_of(out: Path | str) -> Path:
    """Return where the run of the model directory `out` lies."""
    # The full name, so that "." and "models/" work too.
    out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow a link that is to be replaced)
    return out.with_name(out.name + ".run")


def read_request(out: Path | str) -> dict[str, object]:
    """Return what the unfinished run of `out` was asked for, as in request.json.

    Raises:
        RunError: there is no such run.
    """
    path = folder_of(out) / _REQUEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise RunError(
            "an unfinished run",
            "none",
            where=path.parent,
            fix="train without --resume",
        ) from error


def check_can_begin(options: TrainOptions) -> None:
    """Check, before anything is read, that a training can begin or be resumed.

    Raises:
        RunError: there is a finished model and not `overwrite`; an unfinished run and neither
            `resume` nor `restart`; a folder that foretell did not make; or no run to resume.
        ArtifactError: `out` is something that must not be overwritten, or cannot be written.
    """
    if options.resume:
        read_request(options.out)
        return
    check_writable(options.out)
    folder = folder_of(options.out)
    if (options.out / MANIFEST).exists() and not options.overwrite:
        raise RunError(
            "a new folder",
            "a finished model",
            where=options.out,
            fix="choose another --out, or replace the model with --overwrite (overwrite=True)",
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / _REQUEST).is_file():
        raise RunError(
            "a free name for the run",
            "a folder or file that foretell did not make",
            where=folder,
            fix="choose another out",
        )
    # Nothing is lost with a run that ended before its first checkpoint.
    if any((folder / _CHECKPOINTS).glob("checkpoint-*")) and not options.restart:
        raise RunError(
            "no unfinished run",
            "one with a checkpoint",
            where=folder,
            fix="continue it with --resume (resume=True), or delete it with --restart "
            "(restart=True)",
        )


def _make_folder(request: Mapping[str, object], options: TrainOptions) -> None:
    """Make the folder of a new run, with its request or not at all."""
    folder = folder_of(options.out)
    full = {**request, "command_line": sys.argv, "started": time.time()}
    with (
        typed(RunError, "a folder that can be written", folder.parent),
        new_directory(folder) as new,
    ):
        write_synced(new / _REQUEST, json.dumps(full, indent=1).encode())
        sync_directory(new)
        take_place(new, folder)


def _check_same(then: Mapping[str, object], now: Mapping[str, object], out: Path) -> None:
    """Check that the request of a run is the one of now, both as JSON has them."""
    for part, new in now.items():
        old = then.get(part)
        if isinstance(old, dict) and isinstance(new, dict):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            old, new = (
                ", ".join(f"{name}={each.get(name)}" for name in names) for each in (old, new)
            )
        if old != new:
            # Of the data only a hash is known.
            began, found = ("", "other data") if part == "data" else (f" ({old})", str(new))
            raise RunError(
                f"the {part.replace('_', ' ')} that the run was started with{began}",
                found,
                where=folder_of(out),
                fix="resume with the same, or begin again with --restart (restart=True)",
            )


def _spent_seconds(folder: Path) -> float:
    """Return the seconds that earlier commands took for the run in a folder; 0 where none are
    noted.
    """
    try:
        return max(0.0, float(json.loads((folder / _SPENT).read_bytes())["seconds"]))
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0
