"""The command `tune`: what it prints, its exit codes, and how an interruption is shown."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import Run

from foretell.cli.failures import describe
from foretell.errors import Interrupted, MissingExtraError
from foretell.machine import usable_processors

TUNE = ("tune", "reviews.csv", "--minutes", "5", "--valid-fraction", "0.3")


@pytest.mark.usefixtures("trials_here")
def test_the_result_is_text_json_or_a_table_of_trials(run: Run, tmp_path: Path) -> None:
    out = str(tmp_path / "tuned")
    answer = run(*TUNE, "--out", out, "--seed", "7")
    assert answer.code == 0, answer.err
    assert "1 trial (1 complete, 0 pruned, 0 failed); the best:" in answer.out
    command = answer.out.splitlines()[-1]
    assert command.startswith("foretell train labels reviews.csv --preset base")
    assert "--seed 7" in command
    assert "--valid-fraction 0.3" in command
    assert "trial 0  macro F1" in answer.err
    assert "searching learning rate" in answer.err
    found = json.loads(run(*TUNE, "--out", out, "--seed", "7", "--json").out)
    assert (found["chosen"], found["metric"], len(found["trials"])) == (0, "macro_f1", 1)
    table = run(*TUNE, "--out", out, "--seed", "7", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["number"], row["state"]) == ("0", "complete")
    assert float(row["value"]) == pytest.approx(found["value"])
    refused = run(*TUNE, "--out", out, "--seed", "8")
    assert (refused.code, "(seed=7), found seed=8" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "perplexity"], "expected plain text for the metric perplexity"),
        (["--workers", "99"], f"--workers: expected 1 to {usable_processors()}"),
        (["--minutes", "0"], "--minutes: expected more than 0, found 0"),
        (["--preset", "quack"], "--preset: expected a preset for labels"),
        (["--metric", "f2"], '"f2"'),
        (["--preset", "article", "--tokens", "keras"], "expected validation data"),
    ],
)
def test_wrong_usage(options: list[str], message: str, run: Run, tmp_path: Path) -> None:
    usual: dict[str, Any] = {"--minutes": "1", "--out": str(tmp_path / "out")}
    usual |= dict(zip(options[::2], options[1::2], strict=True))
    answer = run("tune", "reviews.csv", *(word for pair in usual.items() for word in pair))
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_setting_of_the_other_job_is_named(run: Run, tmp_path: Path) -> None:
    answer = run("tune", "nothing.csv", "--minutes", "1", "--out", str(tmp_path / "out"), "--layers", "2")
    assert answer.code == 1
    assert answer.err.splitlines()[0] == "without effect on a classifier: layers"


def test_without_optuna_the_error_has_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtraError(expected="optuna", found="none", fix="pip install 'foretell[tune]'")

    monkeypatch.setattr("foretell.tuning.study.require_tuning", missing)
    answer = run(*TUNE, "--out", "out")
    assert answer.code == 1
    assert "pip install 'foretell[tune]'" in answer.err


def test_an_interrupted_search_is_continued_by_the_same_command() -> None:
    error = Interrupted(expected="the search to go on", found="Ctrl-C", fix="the same command continues it")
    line, code = describe(error, ["tune", "reviews.csv"])
    assert code == 130
    assert line.endswith("the same command continues it")
    assert "--resume" not in line
