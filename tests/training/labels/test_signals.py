"""Real signals to real processes: every step of a classifier's training answers within five seconds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from forked import Child

pytest.importorskip("tensorflow")
pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

MAX_SECONDS = 5.0
"""Two on a machine that does nothing else."""

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def run(stage: str, number: signal.Signals, out: Path, *, resume: bool = False) -> tuple[int, str, float]:
    """Return the exit code, the output, and the seconds from the signal to the end of the process."""
    output = out.with_name("output")
    code = Child("training.labels.signalled:main", stage, int(number), str(out), resume, output=output).wait()
    ended = time.monotonic()
    said = output.read_text()
    assert "Traceback" not in said, said
    sent = out.with_name(out.name + ".sent")
    return code, said, ended - float(sent.read_text()) if sent.exists() else 0.0


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        pytest.param("tokens", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("linear", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("vectors", signal.SIGHUP, marks=pytest.mark.soak),
        pytest.param("embeddings", signal.SIGTERM, marks=pytest.mark.soak),
        ("network", signal.SIGINT),
        pytest.param("refit", signal.SIGINT, marks=pytest.mark.soak),
        ("members", signal.SIGTERM),
        pytest.param("folds", signal.SIGINT, marks=pytest.mark.soak),
    ],
)
def test_a_step_answers_in_time(tmp_path: Path, stage: str, number: signal.Signals) -> None:
    code, stdout, seconds = run(stage, number, tmp_path / "m")
    assert code == EXIT_CODES[number], stdout
    assert seconds < MAX_SECONDS
    assert f"resume=True and out='{tmp_path / 'm'}'" in stdout
    assert not (tmp_path / "m").exists()
    assert ("a checkpoint is saved" in stdout) == (stage in ("embeddings", "network", "refit"))


@pytest.mark.soak
def test_pseudo_labels_survive_an_interruption_and_the_training_ends(tmp_path: Path) -> None:
    assert run("embeddings", signal.SIGINT, tmp_path / "m")[0] == 130
    checkpoints = tmp_path / "m.run" / "checkpoints"
    assert any(checkpoints.iterdir())
    assert run("", signal.SIGINT, tmp_path / "m", resume=True)[0] == 0
    assert (tmp_path / "m" / "model.onnx").exists()
    assert not (tmp_path / "m.run").exists()
