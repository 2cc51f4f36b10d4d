"""TensorFlow for the commands that need it: imported late, and without its own messages on the terminal."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from foretell.cli.output import note

_LOADING = "loading TensorFlow …"


def load_tensorflow() -> None:
    """Import TensorFlow and Keras, which takes seconds, and drop what they write to stderr meanwhile.

    TensorFlow writes about the machine from C++, whatever the log level: only closing its stderr helps.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    is_terminal = sys.stderr.isatty()
    if is_terminal:
        note(_LOADING, end="\r")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    # scikit-learn and Keras import pandas where it is installed, and pandas PyArrow, which hangs beside
    # TensorFlow on Apple silicon. Training needs neither.
    is_hidden = "pandas" not in sys.modules
    if is_hidden:
        sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        os.dup2(nowhere, 2)
        import_module("sklearn.utils.validation")
        import_module("keras")
        import_module("tensorflow")
    finally:
        if is_hidden:
            del sys.modules["pandas"]
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    if is_terminal:
        note(" " * len(_LOADING), end="\r")
