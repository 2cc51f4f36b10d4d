"""Real processes that train, without the seconds in which each would import TensorFlow.

One process for each test process has imported all that a training needs, and forks a child for each
training. A child has its own pid, signals and exit code, and its stdout and stderr are a file.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_IMPORTS = (
    "keras",
    "tensorflow",
    "numba",
    "onnx",
    "onnxruntime",
    "sklearn.linear_model",
    "foretell.artifacts.onnx_graph",
    "foretell.training.labels.train",
    "foretell.training.labels.network_fit",
    "foretell.training.words.train",
    "foretell.training.words.network",
    "foretell.runtime.open",
)


class Child:
    """A training in a process of its own, whose stdout and stderr go to the file `output`.

    `function` is MODULE:FUNCTION below tests/; it takes values of JSON and returns the exit code.
    """

    def __init__(self, function: str, *arguments: Any, output: Path) -> None:
        self.output = output
        self.pid: int = _ask(function=function, arguments=arguments, output=str(output))

    def wait(self) -> int:
        """Return its exit code, once it has ended; after a signal, the negative number of the
        signal.
        """
        return _ask(pid=self.pid)


def _ask(**request: Any) -> Any:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


@functools.cache
def _server() -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    server = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )

    def end() -> None:
        server.communicate(timeout=60)

    atexit.register(end)
    return server


def _run(request: dict[str, Any]) -> None:
    """Be the child: never return."""
    code = 1
    # As a program has them that a shell starts: the tests may run under nohup, or behind "&".
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        with Path(request["output"]).open("wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        module, _, function = request["function"].partition(":")
        code = getattr(importlib.import_module(module), function)(*request["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _answer(value: int) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


def _serve() -> None:
    for name in _IMPORTS:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            status = os.waitpid(request["pid"], 0)[1]
            _answer(os.waitstatus_to_exitcode(status))
        elif pid := os.fork():
            _answer(pid)
        else:
            _run(request)


if __name__ == "__main__":
    _serve()
