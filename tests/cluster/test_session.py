"""The folder of a cluster: what a killed command has left is deleted by the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foretell.cluster import session
from foretell.training.run_lock import RunLock


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_what_killed_commands_have_left_goes(tmp_path: Path) -> None:
    for name in ("foretell-ray-held", "foretell-ray-left", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text("secret")
    (tmp_path / "foretell-ray-link").symlink_to(tmp_path / "other")
    held = RunLock(tmp_path / "foretell-ray-held")
    session._sweep(tmp_path)
    assert (tmp_path / "foretell-ray-held").exists()
    assert not (tmp_path / "foretell-ray-left").exists()
    assert (tmp_path / "other" / "token").exists()
    held.close()
    session._sweep(tmp_path)
    assert not (tmp_path / "foretell-ray-held").exists()
