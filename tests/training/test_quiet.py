"""TensorFlow is imported without a word of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, sys
from foretell.training.quiet import load_tensorflow
load_tensorflow()
os.write(2, b"after\\n")
sys.exit(0 if {"tensorflow", "keras"} <= set(sys.modules) else "not loaded")
"""


def test_stderr_is_quiet_while_it_is_imported_and_open_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "after\n"
    assert done.stdout == ""
