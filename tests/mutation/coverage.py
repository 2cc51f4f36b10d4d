"""The branch coverage of the modules in `modules.py` by their own tests: `make coverage`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutation.modules import MODULES

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the tests and print the report; return 1 where a branch is not covered."""
    tests = sorted({each for files in MODULES.values() for each in files})
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        command = [sys.executable, "-m", "coverage"]
        run = ["run", data, "--branch", f"--include={','.join(MODULES)}", "-m", "pytest", "-n", "0", *tests]
        tested = subprocess.run([*command, *run], cwd=ROOT, check=False).returncode
        reported = subprocess.run(
            [*command, "report", data, "--show-missing", "--fail-under=100"], cwd=ROOT, check=False
        ).returncode
    return 1 if tested or reported else 0


if __name__ == "__main__":
    sys.exit(main())
