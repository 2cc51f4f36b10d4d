"""Continuous integration fails when a test skips that it can run (`tests/conftest.py`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SKIPS = """
import pytest

@pytest.fixture
def page(): pytest.skip("needs Chromium on PATH")

def test_a_fixture(page): ...

@pytest.mark.skipif(True, reason="needs Chromium on PATH")
def test_a_test(): ...
"""
MODULE = """
import pytest

pytest.skip("needs Chromium on PATH", allow_module_level=True)
"""
ALLOWED = SKIPS.replace("Chromium on PATH", "ptb.zip: set FORETELL_DATA to the folder that holds it")
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
    ("source", "count", "options"), [(SKIPS, 2, ("-n", "1")), (MODULE, 1, ())], ids=["tests, xdist", "module"]
)
def test_a_skip_that_ci_can_run_fails_the_run_and_is_named(
    tmp_path: Path, source: str, count: int, options: tuple[str, ...]
) -> None:
    done = run(tmp_path, source, *options)
    assert done.returncode == 1, done.stdout
    assert f"test_skipping.py: {count} skipped: needs Chromium on PATH" in done.stdout


@pytest.mark.parametrize(("source", "ci"), [(SKIPS, ""), (ALLOWED, "true")], ids=["not in CI", "allowed"])
def test_other_skips_do_not(tmp_path: Path, source: str, ci: str) -> None:
    done = run(tmp_path, source, ci=ci)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert "continuous integration can run" not in done.stdout
