"""What foretell writes, each as an operation that is interrupted at each of its calls that write.

`python -m reliability.writes OPERATION FOLDER` lets one call after another fail, by SIGKILL,
ENOSPC and EIO, each in a child, and fails where a reader finds something else than the old version or the
new one.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from reliability.sizes import report

from foretell.artifacts import replacement
from foretell.artifacts.directory import read_model, write_model
from foretell.config import LabelsSettings, WordsSettings
from foretell.errors import ForetellError
from foretell.training import checkpoints
from foretell.training.checkpoints import Checkpoints, sealed, sealing
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run, folder_of, read_request
from tests.builders import write_random


class Operation(NamedTuple):
    """Writes the old version in a folder, the new version; what a reader finds: "old", "new" or
    "none".
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

KINDS = ("SIGKILL", "ENOSPC", "EIO")
ALLOWED = {
    "first request": {"none", "new"},
    "export": {"none", "new"},
    "cache": {"old", "none", "new"},
}
"""What a reader may find where there was no old version, and where a part may be made anew."""

DONE, TYPED_ERROR, SYSTEM_ERROR, UNEXPECTED, FEWER_CALLS = range(5)
"""The exit status of a child. DONE: the error did not matter, such as one in deleting the old
version.
"""


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
                    code = getattr(errno, kind)
                    raise OSError(code, os.strerror(code))
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


def _write(operation: Operation, folder: Path, kind: str, number: int) -> int:
    """Write in a child whose call `number` of those that write fails; return its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    calls = _patch(kind, number)
    code = UNEXPECTED
    try:
        operation.write(folder)
        code = DONE if len(calls) >= number else FEWER_CALLS
    except ForetellError:
        code = TYPED_ERROR
    except OSError:
        # No command lets it out, but not every function of Python makes one of its own.
        code = SYSTEM_ERROR
    finally:
        os._exit(code)


def check(name: str, folder: Path) -> Counter[str]:
    """Return how often each kind of failure left which version."""
    operation = OPERATIONS[name]
    old = folder / "old"
    here = folder / "here"
    old.mkdir()
    operation.prepare(old)
    # What the first call imports must not be part of what is counted.
    shutil.copytree(old, folder / "warm")
    operation.write(folder / "warm")
    outcomes: Counter[str] = Counter()
    for kind in KINDS:
        for number in range(1, 100):
            shutil.copytree(old, here)
            code = _write(operation, here, kind, number)
            found = operation.find(here)
            # Whatever was left, the next attempt succeeds.
            operation.write(here)
            assert operation.find(here) == "new"
            shutil.rmtree(here)
            assert code in (-signal.SIGKILL, DONE, TYPED_ERROR, SYSTEM_ERROR, FEWER_CALLS), (
                kind,
                code,
            )
            assert found in ALLOWED.get(name, {"old", "new"}), (kind, found)
            assert found == "new" or code not in (DONE, FEWER_CALLS), (kind, found)
            assert code != SYSTEM_ERROR or name == "cache", (
                "a command would print the system's error"
            )
            outcomes[f"{kind}, {found}"] += 1
            if code == FEWER_CALLS:
                break
        assert code == FEWER_CALLS
        assert number > 3
    assert outcomes["SIGKILL, new"]
    return outcomes


if __name__ == "__main__":
    report(f"patched {sys.argv[1]}", **check(sys.argv[1], Path(sys.argv[2])))
