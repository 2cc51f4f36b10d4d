"""The lock files: each package has hashes, and what installs the installer checks them too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-bench.lock", "requirements-docs.lock")
# The part of the lock that make and the image install uv from.
PART = r"sed -n '/\^uv==/,/\[\^\\\\?\]\$\$?/p'"


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", line), line
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
        assert hashes, line
        # Nothing but a marker stands between the version and the hashes.
        assert "@" not in line, line


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_uv_itself_is_installed_with_its_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text(encoding="utf-8"))
    installs = [line for line in text.splitlines() if "pip install" in line and "uv pip" not in line]
    commands = [line for line in installs if re.search(r"\bpip install\b", line) and "$(BIN)/uv" not in line]
    commands = commands or installs
    assert commands
    for line in commands:
        assert "--require-hashes" in line, line
        assert re.search(PART, line), line


@pytest.mark.skipif(not Path("/bin/sed").exists(), reason="needs sed")
def test_the_part_is_uv_and_all_of_its_hashes() -> None:
    part = subprocess.run(
        ["sed", "-n", r"/^uv==/,/[^\]$/p", "requirements.lock"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = re.findall(r"^([\w.-]+)==", part, re.MULTILINE)
    assert names == ["uv"]
    assert part.count("--hash=sha256:") == len(part.splitlines()) - 1 > 10
    assert not part.rstrip().endswith("\\")
