"""`foretell serve` as a process of its own: where it listens, how much memory it has, and what it logs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ServiceProcess:
    """A service that listens on loopback.

    Attributes:
        process: its process.
        address: where it listens.
        log: the file of its log.
    """

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    log: Path

    def megabytes(self) -> float:
        """Return its resident memory."""
        return self._status("VmRSS")

    def peak_megabytes(self) -> float:
        """Return the most resident memory that it had since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin to measure the most memory from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1024

    def open_files(self) -> int:
        """Return how many files and sockets it holds open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()[1:]]


@contextmanager
def serving(folder: Path, *models: Path, **limits: float) -> Iterator[ServiceProcess]:
    """Serve models, each named as its directory is, until the block ends; `limits` as `--limit-NAME`."""
    log = folder / "service.log"
    flags = [f"--limit-{name}={value:g}" for name, value in limits.items()]
    command = [sys.executable, "-m", "foretell", "serve", *map(str, models), "--port=0", "--quiet", *flags]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")}
    with log.open("wb") as file, subprocess.Popen(command, stderr=file, env=environment) as process:
        try:
            yield ServiceProcess(process, _address(process, log), log)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    deadline = time.monotonic() + 60
    while not (found := re.search(r" at http://(\S+):(\d+);", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1], int(found[2])
