"""Whatever is being written: killed or failing at any step, a reader finds the old version or the
new one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reliability.writes import OPERATIONS

ROOT = Path(__file__).parents[2]
# An export writes some hundred times, and a first request as a second one.
SOAK = ("export", "first request")


@pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2 and SIGKILL")
@pytest.mark.parametrize(
    "operation", [pytest.param(n, marks=pytest.mark.soak) if n in SOAK else n for n in OPERATIONS]
)
def test_every_call_that_writes(operation: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "reliability.writes", operation, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
