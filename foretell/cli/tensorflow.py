"""TensorFlow, for the verbs that need it: loaded late, and without a word of its own on the terminal."""

from __future__ import annotations

import os
import sys
from importlib import import_module


def load_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, and keep its notes about this machine from the user's terminal.

    It writes them while it is loaded, from C++ and whatever the log level: only its stderr can be shut.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr.isatty():
        print("loading TensorFlow …", end="\r", file=sys.stderr, flush=True)
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import_module("keras")
        import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
