"""The processors that may be used are those of the process, not of the machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from foretell.machine import usable_processors


def test_there_is_at_least_one() -> None:
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to processors")
def test_a_process_that_is_bound_to_one_may_use_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from foretell.machine import usable_processors; print(usable_processors())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"1\n"
