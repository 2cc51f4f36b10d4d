"""A run: the directory of one training in progress.

It lies beside the model directory that it will become part of, `<out>.run/` for `<out>/`, and holds::

    request.json    what was asked for: job, preset, settings, the data's digest, the command line
    metrics.jsonl   one line for each moment that was logged
    checkpoints/    what `--resume` goes on from

`Run.finish` writes the model directory and moves the run into it as `run/`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from foretell.errors import RunError
from foretell.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from foretell.artifacts.model import Model

_REQUEST, _METRICS, _CHECKPOINTS, _LOCK = "request.json", "metrics.jsonl", "checkpoints", "lock"

# What decides the result: a run goes on only where these are what they were.
_DECISIVE = ("job", "preset", "settings", "data")


class Run:
    """One training in progress. Made by `Run.open`, `Run.start` or `Run.resume`; use it as a context manager.

    Attributes:
        out: the model directory to be.
        folder: the run's own directory, beside `out`.
        request: what was asked for, as in request.json.
        checkpoints: the run's checkpoints.
    """

    def __init__(
        self, out: Path, request: dict[str, Any], *, checkpoint_seconds: float = 60.0,
        tensorboard: Path | None = None,
    ) -> None:  # fmt: skip
        self.out, self.folder, self.request = out, folder_of(out), request
        self.checkpoints = Checkpoints(self.folder / _CHECKPOINTS, every=checkpoint_seconds)
        self._lock = _lock(self.folder / _LOCK)
        self._writer: Any = None
        if tensorboard is not None:
            import tensorflow as tf

            self._writer = tf.summary.create_file_writer(str(tensorboard))

    @classmethod
    def open(
        cls, out: Path | str, request: dict[str, Any], *, resume: bool = False, restart: bool = False,
        checkpoint_seconds: float = 60.0, tensorboard: Path | None = None,
    ) -> Run:  # fmt: skip
        """Start the run or, with `resume`, go on with the unfinished one. See `start` and `resume`."""
        options: dict[str, Any] = {"checkpoint_seconds": checkpoint_seconds, "tensorboard": tensorboard}
        if resume:
            return cls.resume(out, request, **options)
        return cls.start(out, request, restart=restart, **options)

    @classmethod
    def start(cls, out: Path | str, request: dict[str, Any], *, restart: bool = False, **options: Any) -> Run:
        """Start a run for the model directory `out`.

        Args:
            out: the model directory to be.
            request: what was asked for; `job`, `preset`, `settings` and `data` (a digest of the data) decide
                whether a later `resume` is the same training. The command line is added.
            restart: throw away an unfinished run that is already there.
            **options: `checkpoint_seconds` (60) and `tensorboard` (a directory for event files, or None).

        Raises:
            RunError: an unfinished run is there, and `restart` is not set; or another process trains there.
            ArtifactError: `out` is something that must not be overwritten.
        """
        from foretell.artifacts.directory import check_writable

        out = Path(out)
        check_writable(out)
        folder = folder_of(out)
        _refuse_foreign(folder)
        # A run that died before its first checkpoint has nothing to lose.
        if is_unfinished(out) and not restart:
            raise RunError(
                expected="no unfinished run",
                found="one with a checkpoint",
                where=str(folder),
                fix="go on with it: --resume, or throw it away: --restart",
            )
        if folder.exists():
            _lock(folder / _LOCK).close()
            shutil.rmtree(folder)
        try:
            folder.mkdir(parents=True)
            full = {**request, "command_line": sys.argv, "started": time.time()}
            (folder / _REQUEST).write_text(json.dumps(full, indent=1, default=str), encoding="utf-8")
        except OSError as error:
            raise RunError(
                expected="a folder that can be written", found=str(error), where=str(folder.parent)
            ) from error
        return cls(out, full, **options)

    @classmethod
    def resume(cls, out: Path | str, request: dict[str, Any] | None = None, **options: Any) -> Run:
        """Go on with the unfinished run of `out`.

        Args:
            out: the model directory to be.
            request: what is asked for now, compared with what was asked for then; None compares nothing.
            **options: as for `start`.

        Raises:
            RunError: there is no run to resume, or it was asked for with other settings or other data.
        """
        out = Path(out)
        asked = read_request(out)
        if request is not None:
            _check_same(asked, json.loads(json.dumps(request, default=str)), folder_of(out))
        return cls(out, asked, **options)

    def log(self, **values: Any) -> None:
        """Append one line to metrics.jsonl, and its numbers to TensorBoard where that was asked for.

        Args:
            **values: `step` always; of epoch, loss, accuracy, valid_loss, valid_accuracy and speed what is
                known (None is left out). `time`, in seconds since 1970, is added.
        """
        line = {name: value for name, value in values.items() if value is not None}
        line.setdefault("time", round(time.time(), 3))
        with (self.folder / _METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._writer is not None:
            self._log_to_tensorboard(line)

    def _log_to_tensorboard(self, line: dict[str, Any]) -> None:
        import tensorflow as tf

        with self._writer.as_default():
            for name, value in line.items():
                if name not in ("step", "time") and isinstance(value, int | float):
                    tf.summary.scalar(name, value, step=line["step"])
        self._writer.flush()

    @property
    def has_tensorboard(self) -> bool:
        """Whether event files for TensorBoard were asked for."""
        return self._writer is not None

    def log_graph(self, graph: Any) -> None:
        """Write a TensorFlow graph (`concrete_function.graph`) for TensorBoard, where that was asked for."""
        if self._writer is not None:
            import tensorflow as tf

            with self._writer.as_default():
                tf.summary.graph(graph)
            self._writer.flush()

    def rewind(self, step: int) -> None:
        """Forget what was logged after `step`: a resumed run goes over those steps again."""
        path = self.folder / _METRICS
        if not path.exists():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            # The last line may be half of one, where the process was killed.
            except (ValueError, KeyError):
                continue
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(kept), encoding="utf-8")
        temporary.replace(path)

    def finish(self, model: Model) -> None:
        """Write the report and the model directory, and move this run into it.

        Raises:
            ArtifactError: the model directory could not be written; the run is still there to be resumed.
        """
        from foretell.artifacts.directory import write_model
        from foretell.training.report import write_report

        write_report(self.folder, model.metrics)
        # The report stays in the run; a model is passed on, and must not carry its owner's texts.
        figures = {name: value for name, value in model.metrics.items() if name != "mistakes"}
        model = dataclasses.replace(model, metrics=figures)
        # What is cached for training is as large as the corpus and of no use to a finished model.
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        (self.folder / _LOCK).unlink(missing_ok=True)
        write_model(model, self.out, run=self.folder)

    def close(self) -> None:
        """Release the run to other processes; `finish` needs nothing more."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._lock.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def folder_of(out: Path | str) -> Path:
    """Return where the run of the model directory `out` lies."""
    # The full name, so that "." and "models/" work too.
    out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow a link that is to be replaced)
    return out.with_name(out.name + ".run")


def is_unfinished(out: Path | str) -> bool:
    """Whether a run of `out` is there that can be resumed."""
    return any((folder_of(out) / _CHECKPOINTS).glob("checkpoint-*"))


def read_request(out: Path | str) -> dict[str, Any]:
    """Return what the unfinished run of `out` was asked for.

    Raises:
        RunError: there is no such run.
    """
    path = folder_of(out) / _REQUEST
    try:
        asked: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            expected="an unfinished run",
            found="none",
            where=str(path.parent),
            fix="train without --resume",
        ) from error
    return asked


def _check_same(then: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for part in _DECISIVE:
        old, new = then.get(part), now.get(part)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            old = ", ".join(f"{name}={old.get(name)}" for name in names)
            new = ", ".join(f"{name}={new.get(name)}" for name in names)
        raise RunError(
            expected=f"the {part} that the run was started with ({old})",
            found=str(new),
            where=str(folder),
            fix="resume with the same, or start again: --restart",
        )


def _refuse_foreign(folder: Path) -> None:
    """Never delete a folder that foretell did not make."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _REQUEST).is_file():
        raise RunError(
            expected="a free name for the run",
            found="a folder or file that foretell did not make",
            where=str(folder),
            fix="choose another --out",
        )


def _lock(path: Path) -> Any:
    """Hold `path` for this process, until it is closed or the process ends."""
    file = path.open("w", encoding="utf-8")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # Windows has no fcntl: there nothing guards against two trainings in one folder.
    except ImportError:
        pass
    except OSError as error:
        file.close()
        raise RunError(
            expected="one training at a time",
            found="another process that trains there",
            where=str(path.parent),
            fix="wait for it, or choose another --out",
        ) from error
    return file
