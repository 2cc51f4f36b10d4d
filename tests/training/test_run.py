"""A run guards what is there, and goes on only as the training that it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.model import Model
from foretell.artifacts.weights import weight_shapes
from foretell.config import WordsSettings
from foretell.errors import ArtifactError, RunError
from foretell.text.tokenizer import Tokenizer
from foretell.training.run import Run, folder_of, is_unfinished, read_request

REQUEST = {"job": "words", "preset": "base", "settings": {"seed": 1, "units": 8}, "data": "abc"}


def start_with_checkpoint(out: Path) -> None:
    with Run.start(out, REQUEST) as run:
        run.checkpoints.save(3, {"x": np.zeros(2)}, {})


def test_it_lies_beside_the_model_directory(tmp_path: Path) -> None:
    with Run.start(tmp_path / "model", REQUEST) as run:
        assert run.folder == tmp_path / "model.run"
        assert read_request(tmp_path / "model")["settings"] == REQUEST["settings"]
        assert not (tmp_path / "model").exists()
    assert folder_of("model/") == Path.cwd() / "model.run"


def test_an_unfinished_run_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=r"--resume.*--restart"):
        Run.start(tmp_path / "m", REQUEST)
    assert is_unfinished(tmp_path / "m")
    Run.start(tmp_path / "m", REQUEST, restart=True).close()
    assert not is_unfinished(tmp_path / "m")


def test_one_without_a_checkpoint_is_replaced(tmp_path: Path) -> None:
    Run.start(tmp_path / "m", REQUEST).close()
    Run.start(tmp_path / "m", {**REQUEST, "preset": "other"}).close()
    assert read_request(tmp_path / "m")["preset"] == "other"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"data": "xyz"}, "data"),
        ({"settings": {"seed": 2, "units": 8}}, "seed=2"),
        ({"preset": "x"}, "preset"),
    ],
)
def test_resume_is_refused_for_another_training(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    start_with_checkpoint(tmp_path / "m")
    with pytest.raises(RunError, match=named):
        Run.resume(tmp_path / "m", {**REQUEST, **change})
    with Run.resume(tmp_path / "m", REQUEST) as run:
        assert run.checkpoints.latest().step == 3


def test_resume_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="without --resume"):
        Run.resume(tmp_path / "m", REQUEST)


def test_foreign_things_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m.run").mkdir()
    (tmp_path / "m.run" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="did not make"):
        Run.start(tmp_path / "m", REQUEST, restart=True)
    assert (tmp_path / "m.run" / "thesis.txt").exists()
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError):
        Run.start(tmp_path / "n", REQUEST, restart=True)


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        Run.start(tmp_path / "m", REQUEST),
        pytest.raises(RunError, match="another process"),
    ):
        Run.start(tmp_path / "m", REQUEST)


def test_the_log_is_rewound_to_the_checkpoint(tmp_path: Path) -> None:
    with Run.start(tmp_path / "m", REQUEST) as run:
        for step in (1, 2, 3):
            run.log(step=step, loss=1.0 / step, valid_loss=None)
        with (run.folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 4, "lo')
        run.rewind(2)
        lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[1]["loss"] == 0.5
    assert "valid_loss" not in lines[1]


def small_model(metrics: dict[str, Any]) -> Model:
    settings = WordsSettings(embedding_size=2, units=2)
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=False, vocabulary=2)
    shapes = weight_shapes(settings, tokenizer.size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return Model(
        job="words", preset="base", settings=settings, tokenizer=tokenizer, weights=weights, metrics=metrics
    )


def test_the_users_texts_stay_out_of_the_model(tmp_path: Path) -> None:
    evidence = {"text": "a secret", "label": "a", "predicted": "b", "probability": 0.9}
    run = Run.start(tmp_path / "model", {"job": "words"})
    with run:
        run.finish(small_model({"accuracy": 1.0, "mistakes": [evidence]}))
    passed_on = [path for path in (tmp_path / "model").iterdir() if path.is_file()]
    assert passed_on
    assert not any(b"a secret" in path.read_bytes() for path in passed_on)
    assert "a secret" in (tmp_path / "model" / "run" / "report.html").read_text(encoding="utf-8")
