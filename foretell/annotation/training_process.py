"""The process that trains a whole model while a person answers.

    python -m foretell.annotation.training_process TASK.json

The task names the texts, their labels, the settings and the model directory. The process ends when its
standard input ends, so that it never outlives the program that started it. The model directory is replaced in
one step when the model is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

_ENDED = 1
_NICENESS = 10


def main(arguments: list[str]) -> None:
    """Train the model of a task."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    # The person's next text comes first.
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    task: dict[str, Any] = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    from foretell.text_classifier import TextClassifier

    classifier = TextClassifier(task["preset"], **task["settings"])
    classifier.fit(task["texts"], task["labels"], out=task["out"], restart=True)


def _end_with_input() -> None:
    # Not by sys.stdin: a thread that waits in it at the end of the program is a fatal error of Python.
    while os.read(0, 1024):
        pass
    os._exit(_ENDED)


if __name__ == "__main__":
    main(sys.argv[1:])
