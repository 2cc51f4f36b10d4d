"""Continuous integration fails when a test skips that it can run (`tests/conftest.py`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SKIPS = {
    "a test": """
import pytest

@pytest.mark.skipif(True, reason="needs Chromium on PATH")
def test_a(): ...
""",
    "a fixture": """
import pytest

@pytest.fixture
def page(): pytest.skip("needs Chromium on PATH")

def test_a(page): ...
""",
    "a module": """
import pytest

pytest.skip("needs Chromium on PATH", allow_module_level=True)
""",
}
ALLOWED = SKIPS["a test"].replace(
    "Chromium on PATH", "ptb.zip: set FORETELL_DATA to the folder that holds it"
)
PASSES = "def test_b(): ...\n"


def run(folder: Path, source: str, *options: str, ci: str = "true") -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_skipping.py").write_text(source)
    (folder / "test_passing.py").write_text(PASSES)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("source", "options"),
    [(SKIPS["a test"], ("-n", "1")), *((source, ()) for source in SKIPS.values())],
    ids=["a test, xdist", *SKIPS],
)
def test_a_skip_that_ci_can_run_fails_the_run_and_is_named(
    tmp_path: Path, source: str, options: tuple[str, ...]
) -> None:
    done = run(tmp_path, source, *options)
    assert done.returncode == 1, done.stdout
    assert "test_skipping.py: 1 skipped: needs Chromium on PATH" in done.stdout


@pytest.mark.parametrize(
    ("source", "ci"), [(SKIPS["a test"], ""), (ALLOWED, "true")], ids=["not in CI", "allowed"]
)
def test_other_skips_do_not(tmp_path: Path, source: str, ci: str) -> None:
    done = run(tmp_path, source, ci=ci)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "continuous integration can run" not in done.stdout
