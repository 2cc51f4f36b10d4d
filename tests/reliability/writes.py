"""What foretell writes, each as an operation that can be interrupted, and a server that interrupts it.

The server is a program: `python -m reliability.writes OPERATION FOLDER`. Each line of standard input has a
KIND (SIGKILL or ENOSPC) and a NUMBER: call NUMBER of those that write fails so, in a child. Each answer is a
line: the exit status of the child (0: done all the same, 4: there are fewer calls, 1: an error of foretell's,
2: one of the system's), then what a reader finds afterwards: old, new or none.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts import replacement
from foretell.artifacts.directory import read_model, write_model
from foretell.config import LabelsSettings, WordsSettings
from foretell.errors import ForetellError
from foretell.training import checkpoints
from foretell.training.checkpoints import Checkpoints, sealed, sealing
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run, folder_of, read_request
from tests.builders import write_random


@dataclass(frozen=True)
class Operation:
    """Something that is written.

    Attributes:
        prepare: writes the old version in a folder.
        write: writes the new version.
        find: returns what a reader finds: "old", "new" or "none"; fails where it is neither.
    """

    prepare: Callable[[Path], object]
    write: Callable[[Path], object]
    find: Callable[[Path], str]


_LABELS = LabelsSettings(units=3, embedding_size=2, length=9)


def _new_model(folder: Path) -> None:
    model = read_model(folder / "m")
    assert model.weights is not None
    halves = {name: weight / 2 for name, weight in model.weights.items()}
    write_model(dataclasses.replace(model, weights=halves, metrics={"is": "new"}), folder / "m")


def _find_model(folder: Path) -> str:
    return str(read_model(folder / "m").metrics["is"])


def _save_checkpoint(folder: Path, step: int) -> None:
    kept = Checkpoints(folder / "checkpoints", request="a" * 64)
    kept.save(step, {"x": np.full(3000, step, np.float32)}, {"step": step})


def _find_checkpoint(folder: Path) -> str:
    latest = Checkpoints(folder / "checkpoints", request="a" * 64).latest()
    assert latest is not None
    assert latest.arrays["x"].tolist() == [latest.step] * 3000
    assert latest.state == {"step": latest.step}
    return "old" if latest.step == 2 else "new"


def _start(folder: Path, data: str) -> None:
    request = Request(job="words", settings=WordsSettings(units=8), data=data)
    Run.open(request, TrainOptions(out=folder / "m", restart=True)).close()


def _find_request(folder: Path) -> str:
    if not folder_of(folder / "m").exists():
        return "none"
    found = str(read_request(folder / "m")["data"])
    # And it can be continued.
    request = Request(job="words", settings=WordsSettings(units=8), data=found)
    Run.open(request, TrainOptions(out=folder / "m", resume=True)).close()
    return found


def _write_cache(folder: Path, content: bytes) -> None:
    with sealing(folder, "tokens", "bin", "tokens") as path:
        path.write_bytes(content)


def _find_cache(folder: Path) -> str:
    # A changed one is made anew.
    path = sealed(folder, "tokens")
    return "none" if path is None else path.read_text().strip()


def _export(folder: Path) -> None:
    from foretell.export.model_export import export_model

    export_model(folder / "m", folder / "copy", "onnx")


def _find_export(folder: Path) -> str:
    if not (folder / "copy").exists():
        return "none"
    import onnx

    onnx.checker.check_model(onnx.load(folder / "copy" / "model.onnx"), full_check=True)
    json.loads((folder / "copy" / "model.json").read_text())
    return "new"


OPERATIONS = {
    "model": Operation(
        lambda folder: write_random(folder / "m", _LABELS, ["neg", "pos"], metrics={"is": "old"}),
        _new_model,
        _find_model,
    ),
    "checkpoint": Operation(
        lambda folder: [_save_checkpoint(folder, step) for step in (1, 2)],
        lambda folder: _save_checkpoint(folder, 3),
        _find_checkpoint,
    ),
    "request": Operation(
        lambda folder: _start(folder, "old"), lambda folder: _start(folder, "new"), _find_request
    ),
    "first request": Operation(lambda _: None, lambda folder: _start(folder, "new"), _find_request),
    "cache": Operation(
        lambda folder: _write_cache(folder, b"old\n"),
        lambda folder: _write_cache(folder, b"new\n"),
        _find_cache,
    ),
    "export": Operation(
        lambda folder: write_random(folder / "m", _LABELS, ["neg", "pos"]), _export, _find_export
    ),
}

KINDS = ("SIGKILL", "ENOSPC")


def _patch(kind: str, number: int) -> list[int]:
    """Let call `number` of those that write end the process or fail; return a list of the calls."""
    calls: list[int] = []

    def failing(
        real: Callable[..., Any], writes: Callable[..., bool] = lambda *_, **__: True
    ) -> Callable[..., Any]:
        def call(*given: Any, **how: Any) -> Any:
            if writes(*given, **how):
                calls.append(0)
                if len(calls) == number:
                    if kind == "SIGKILL":
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*given, **how)

        return call

    def opens_to_write(_path: object, mode: str = "r", *_: object, **__: object) -> bool:
        return not set(mode) <= set("rbt")

    os.fsync = failing(os.fsync)
    Path.open = failing(Path.open, opens_to_write)
    for name in ("mkdir", "rename", "replace"):
        setattr(Path, name, failing(getattr(Path, name)))
    replacement._exchange = failing(replacement._exchange)
    checkpoints.save_file = failing(checkpoints.save_file)
    return calls


class Server:
    """Interrupts one operation again and again, each time in a child of its own."""

    def __init__(self, operation: Operation, folder: Path) -> None:
        self._operation, self._old, self._here = operation, folder / "old", folder / "here"
        self._old.mkdir()
        operation.prepare(self._old)
        # What the first call imports must not be part of what is counted.
        shutil.copytree(self._old, folder / "warm")
        operation.write(folder / "warm")

    def interrupt(self, kind: str, number: str) -> str:
        """See the module."""
        shutil.copytree(self._old, self._here)
        child = os.fork()
        if child == 0:
            self._work(_patch(kind, int(number)), int(number))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = self._operation.find(self._here)
        # Whatever was left, the next attempt succeeds.
        self._operation.write(self._here)
        assert self._operation.find(self._here) == "new"
        shutil.rmtree(self._here)
        return f"{code} {found}"

    def _work(self, calls: list[int], number: int) -> None:
        code = 3
        try:
            self._operation.write(self._here)
            code = 0 if len(calls) >= number else 4
        except ForetellError:
            code = 1
        except OSError:
            # No command lets it out, but not every function of Python makes one of its own.
            code = 2
        finally:
            os._exit(code)


if __name__ == "__main__":
    server = Server(OPERATIONS[sys.argv[1]], Path(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        print(server.interrupt(*line.split()), flush=True)
