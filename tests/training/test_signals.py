"""A signal in any stage of a training is answered in time, and what was saved is resumed."""

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


def run(job: str, stage: str, number: signal.Signals, out: Path, *, resume: bool = False) -> tuple[int, str]:
    """Return the exit code and the output of a training, which ends in time after the signal."""
    given, output = (job, stage, int(number), str(out), resume), out.with_name("output")
    code = Child("training.signalled:main", *given, output=output).wait()
    ended, said, sent = time.monotonic(), output.read_text(), out.with_name(out.name + ".sent")
    assert "Traceback" not in said, said
    assert not sent.exists() or resume or ended - float(sent.read_text()) < MAX_SECONDS
    return code, said


# The job, the stage and the signal, and what lies in the cache of the run afterwards.
TOKENS = {"tokenizer", "tokens"}
CASES = [
    ("labels", "tokens", signal.SIGINT, set()),
    ("labels", "linear", signal.SIGTERM, set()),
    ("labels", "vectors", signal.SIGHUP, set()),
    ("labels", "embeddings", signal.SIGTERM, set()),
    ("labels", "network", signal.SIGINT, set()),
    ("labels", "refit", signal.SIGINT, set()),
    ("labels", "members", signal.SIGTERM, set()),
    ("labels", "folds", signal.SIGINT, set()),
    ("words", "vocabulary", signal.SIGINT, set()),
    ("words", "tokens", signal.SIGTERM, {"tokenizer"}),
    ("words", "kneser-ney", signal.SIGHUP, TOKENS),
    ("words", "network", signal.SIGTERM, TOKENS),
    ("words", "validation", signal.SIGINT, TOKENS),
    ("words", "interpolation", signal.SIGINT, TOKENS),
    ("words", "writing", signal.SIGTERM, TOKENS),
]
QUICK = {("labels", "network"), ("labels", "members"), ("words", "kneser-ney"), ("words", "network")}
"""The stages that `make test` interrupts; `make soak` interrupts all."""
WITH_CHECKPOINT = {"embeddings", "network", "refit", "validation", "interpolation", "writing"}


@pytest.mark.parametrize(
    ("job", "stage", "number", "cached"),
    [pytest.param(*case, marks=() if case[:2] in QUICK else pytest.mark.soak) for case in CASES],
)
def test_a_stage_answers_in_time(
    tmp_path: Path, job: str, stage: str, number: signal.Signals, cached: set[str]
) -> None:
    code, said = run(job, stage, number, tmp_path / "m")
    assert code == EXIT_CODES[number], said
    assert f"resume=True and out='{tmp_path / 'm'}'" in said
    assert not (tmp_path / "m").exists()
    found = {path.name.partition(".")[0] for path in tmp_path.glob("m.run/cache/*")}
    assert found - {""} == cached
    assert ("a checkpoint is saved" in said) == (stage in WITH_CHECKPOINT)


@pytest.mark.soak
@pytest.mark.parametrize(("job", "stage"), [("labels", "embeddings"), ("words", "writing")])
def test_what_was_saved_is_resumed(tmp_path: Path, job: str, stage: str) -> None:
    assert run(job, stage, signal.SIGINT, tmp_path / "m")[0] == 130
    assert any((tmp_path / "m.run" / "checkpoints").iterdir())
    assert run(job, "", signal.SIGINT, tmp_path / "m", resume=True)[0] == 0
    assert (tmp_path / "m" / "model.safetensors").exists()
    assert not (tmp_path / "m.run").exists()


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    """A step takes 30 seconds here; the first signal waits for its end, the second does not."""
    assert run("words", "slow step", signal.SIGTERM, tmp_path / "m")[0] == -signal.SIGTERM
