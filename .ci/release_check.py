"""Check what a release uploads: README's links, and the wheel in an empty environment on each
Python found.

`make release-check` builds dist/ first.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
REPOSITORY = r"https://(?:github\.com|raw\.githubusercontent\.com)/foretell-ml/foretell/(?:blob/|tree/)?main/"


def run_wheel(python: str, wheel: Path) -> str:
    """Install the wheel on a Python, predict and serve; return what came of it."""
    find = [str(UV), "python", "find", "--no-python-downloads", python]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode:
        return "not on this machine"
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run(
            [str(UV), "venv", "--quiet", "--python", found.stdout.strip(), folder], check=True
        )
        install = [str(UV), "pip", "install", "--quiet", "--python", str(at), f"{wheel}[serve]"]
        subprocess.run(install, check=True)
        subprocess.run([str(at), ".ci/smoke.py", "tests/fixtures"], cwd=ROOT, check=True)
    return "predicts and serves"


def broken_links() -> list[str]:
    """Return README's links into the repository whose file is not there."""
    targets = re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    inside = {re.sub(REPOSITORY, "", target).partition("#")[0] for target in targets}
    inside = {target for target in inside if target and not target.startswith("http")}
    return sorted(target for target in inside if not (ROOT / target).exists())


def main() -> int:
    """Return 1 where a link is broken; a wheel that fails raises."""
    broken = broken_links()
    print(f"README's links: {', '.join(broken) if broken else 'all there'}", flush=True)
    (wheel,) = (ROOT / "dist").glob("*.whl")
    for python in PYTHONS:
        print(f"Python {python}: {run_wheel(python, wheel)}", flush=True)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
