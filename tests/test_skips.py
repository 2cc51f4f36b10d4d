"""Continuous integration fails when a test skips that it can run (`tests/conftest.py`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def run(folder: Path, ci: str, **sources: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    for name, source in {"passing": "def test_b(): ...\n", **sources}.items():
        (folder / f"test_{name}.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(["-n", "1"] if ci else [])]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False
    )


def test_a_skip_that_ci_can_run_fails_the_run_and_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "true", tests=SKIPS, module=MODULE, allowed=ALLOWED)
    assert done.returncode == 1, done.stdout
    assert "test_tests.py: 2 skipped: needs Chromium on PATH" in done.stdout
    assert "test_module.py: 1 skipped: needs Chromium on PATH" in done.stdout
    assert "ptb.zip" not in done.stdout


def test_elsewhere_a_skip_is_none_of_its_business(tmp_path: Path) -> None:
    done = run(tmp_path, "", tests=SKIPS)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped" in done.stdout
    assert "continuous integration can run" not in done.stdout
