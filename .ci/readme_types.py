"""Check the README's Python with `mypy --strict`, as a user does who has installed foretell.

A program of the blocks is checked in a folder of its own, without this project's settings.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Return mypy's exit status."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    if not blocks:
        sys.exit("expected a block of Python in README.md, found none")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "readme.py"
        program.write_text("\n".join(blocks), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            "",
            "--cache-dir",
            f"{folder}/cache",
        ]
        return subprocess.run([*command, str(program)], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
