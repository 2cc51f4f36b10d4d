"""demo: both jobs on the sample texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli.demo import NEW_REVIEWS, PROMPT
from foretell.runtime.labels.classifier import LabelsRuntime


@pytest.mark.usefixtures("small_demo")
def test_demo_trains_both_jobs_and_predicts(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "models"
    answer = run("demo", "--out", str(out))
    assert answer.code == 0, answer.err
    assert f"after “{PROMPT}”" in answer.out
    for text, verdict in zip(
        NEW_REVIEWS, LabelsRuntime.open(out / "labels").classify(NEW_REVIEWS), strict=True
    ):
        at = answer.out.index(f"“{text}”")
        assert answer.out[at:].splitlines()[1].split()[0] == verdict.label
    assert f"foretell classify {out / 'labels'}" in answer.out


def test_demo_refuses_at_once_what_it_cannot_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "mine.txt").write_text("x")
    answer = run("demo", "--out", str(tmp_path))
    assert answer.code == 1
    assert answer.out == ""
    assert (tmp_path / "words" / "mine.txt").read_text() == "x"
