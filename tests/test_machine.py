"""The memory that is left, by files as Linux has them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from foretell import machine
from foretell.machine import memory_left

MEMINFO = "MemTotal:       24000000 kB\nMemAvailable:    1000000 kB\n"
AVAILABLE = 1_024_000_000
VERSION_1 = {"memory.limit_in_bytes": "900", "memory.usage_in_bytes": "600"}
VERSION_2 = {"memory.max": "900", "memory.current": "600"}


def write(root: Path, group: str, files: dict[str, str]) -> None:
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    (folder / "memory.stat").write_text("cache 7\ninactive_file 50\ntotal_inactive_file 70\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    monkeypatch.setattr(machine, "_SYSTEM", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("group", "place", "files", "expected"),
    [
        ("0::/", "", VERSION_2, 350),
        ("0::/a/b", "a/b", VERSION_2, 350),
        ("0::/a/b", "a", VERSION_2, 350),
        ("0::/a/b", "", VERSION_2, 350),
        ("0::/a", "b", VERSION_2, AVAILABLE),
        ("0::/a", "a", {**VERSION_2, "memory.max": "max"}, AVAILABLE),
        ("0::/a", "a", {**VERSION_2, "memory.max": str(1 << 60)}, AVAILABLE),
        ("5:cpu,memory:/a", "cpu,memory/a", VERSION_1, 350),
        ("4:memory:/docker/a", "memory", VERSION_1, 350),
        ("4:cpu:/a", "cpu/a", VERSION_1, AVAILABLE),
    ],
)
def test_a_control_group_may_leave_less_than_the_machine_has(
    root: Path, group: str, place: str, files: dict[str, str], expected: int
) -> None:
    (root / "proc/self/cgroup").write_text(f"9:name=systemd:/\n{group}\n")
    write(root, place, files)
    assert memory_left() == expected


def test_another_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SYSTEM", tmp_path)
    assert memory_left() == math.inf
