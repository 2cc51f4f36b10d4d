"""The training loop: bit-identical resumption, validation, early stopping, time limit, divergence."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import with_changes
from foretell.data.corpus import open_corpus
from foretell.errors import Interrupted, RunError
from foretell.networks import weights_of
from foretell.presets import WORDS_PRESETS
from foretell.training.events import EpochDone, Event, Note
from foretell.training.words import loop
from foretell.training.words.loop import Loop
from foretell.training.words.time_limit import LoopTime
from tests.training.words.small import SMALL, noisy_corpus, trained


def lines_of(out: Path) -> list[tuple[int, float, float | None]]:
    lines = map(json.loads, (out / "run" / "metrics.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"], line.get("valid_loss")) for line in lines]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negatives": 16, "layers": 2},
        pytest.param({"negatives": 16, "precision": "mixed_bfloat16"}, marks=pytest.mark.soak),
        {"optimizer": "sgd", "learning_rate": 5.0},
        {"weight_averaging": True},
    ],
    ids=["exact", "sampled", "mixed precision", "sgd", "averaged"],
)
def test_it_resumes_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    corpus, chosen = noisy_corpus(), with_changes(SMALL, changes)
    whole = trained(corpus, chosen, tmp_path / "whole")
    assert whole.metrics["steps"] > 120
    for stop in (3, 77, 120):
        with pytest.raises(Interrupted):
            trained(corpus, chosen, tmp_path / "parts", resume=stop > 3, stop_after_steps=stop)
    with pytest.raises(RunError, match="resume"):
        trained(corpus, chosen, tmp_path / "parts")
    parts = trained(corpus, chosen, tmp_path / "parts", resume=True)
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    same = ("perplexity", "valid_perplexity", "accuracy", "train_loss", "steps")
    assert {k: whole.metrics[k] for k in same} == {k: parts.metrics[k] for k in same}
    assert lines_of(tmp_path / "whole") == lines_of(tmp_path / "parts")


def test_with_a_time_limit_epochs_are_compared_on_a_part_and_the_end_is_measured_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    whole = trained(noisy_corpus(), SMALL, tmp_path / "whole")
    monkeypatch.setattr(LoopTime, "tokens_of_epochs", lambda *_: 300)
    limited = with_changes(SMALL, {"minutes": 60.0})
    part = trained(noisy_corpus(), limited, tmp_path / "part", listener=events.append)
    measured = whole.metrics["measured_words"]
    text = f"epochs are compared on 300 words, which saves time; the final metrics are of {measured + 1:,}"
    assert Note(text=text) in events
    assert part.metrics["measured_words"] == measured > 300
    assert part.metrics["valid_perplexity"] == pytest.approx(whole.metrics["valid_perplexity"])
    losses = [event.valid_loss for event in events if isinstance(event, EpochDone)]
    assert losses != [valid for *_, valid in lines_of(tmp_path / "whole") if valid is not None]
    # A resumed training compares on the same part.
    with pytest.raises(Interrupted):
        trained(noisy_corpus(), limited, tmp_path / "parts", stop_after_steps=77)
    monkeypatch.undo()
    again = trained(noisy_corpus(), limited, tmp_path / "parts", resume=True)
    assert again.metrics["valid_perplexity"] == part.metrics["valid_perplexity"]
    assert lines_of(tmp_path / "parts") == lines_of(tmp_path / "part")


@pytest.mark.parametrize("averages", [False, True])
def test_it_resumes_bit_for_bit_from_an_interrupted_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, averages: bool
) -> None:
    chosen = with_changes(SMALL, {"weight_averaging": averages})
    whole = trained(noisy_corpus(), chosen, tmp_path / "whole")
    evaluate = Loop.evaluate

    def interrupted(self: Loop) -> tuple[float, float]:
        self.run.interrupt.request()
        return evaluate(self)

    for resume in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(Loop, "evaluate", interrupted)
            with pytest.raises(Interrupted, match=f"after step {whole.metrics['steps'] // 2};"):
                trained(noisy_corpus(), chosen, tmp_path / "parts", resume=resume)
    parts = trained(noisy_corpus(), chosen, tmp_path / "parts", resume=True)
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    assert whole.metrics["valid_perplexity"] == parts.metrics["valid_perplexity"]
    assert lines_of(tmp_path / "whole") == lines_of(tmp_path / "parts")


def test_a_run_keeps_the_precision_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, said = noisy_corpus(), []

    def train(**options: Any) -> Any:
        listener = lambda event: said.append(event.text) if isinstance(event, Note) else None  # noqa: E731
        return trained(corpus, SMALL, tmp_path / "m", listener=listener, **options)

    def chosen(wanted: str, *_: int) -> str:
        return probed if wanted == "auto" else wanted

    monkeypatch.setattr("foretell.training.words.loop.precision_for", chosen)
    probed = "mixed_bfloat16"
    with pytest.raises(Interrupted):
        train(stop_after_steps=3)
    probed = "float32"
    assert train(resume=True).metrics["precision"] == "mixed_bfloat16"
    assert sum("bfloat16" in text for text in said) == 2


def test_an_epoch_whose_validation_loss_is_nan_is_never_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 3.0, math.nan, 2.0, math.nan])
    weights: list[dict[str, np.ndarray]] = []

    def evaluate(loop: Loop) -> tuple[float, float]:
        weights.append(weights_of(loop.network))
        return next(losses), 0.5

    monkeypatch.setattr(Loop, "evaluate", evaluate)
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 5, "patience": 2})
    model = trained(noisy_corpus(), chosen, tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [event.is_best for event in done] == [False, True, False, True, False]
    for name, value in model.weights.items():
        assert value.tobytes() == weights[3][name].tobytes()


def test_patience_ends_a_training_whose_loss_is_nothing_but_nan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Loop, "evaluate", lambda *_: (math.nan, 0.0))
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 5, "patience": 2})
    trained(noisy_corpus(), chosen, tmp_path / "m", listener=events.append)
    assert [event.is_best for event in events if isinstance(event, EpochDone)] == [False, False]


def test_tensorboard_reads_the_graph_and_the_scalars(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    model = trained(noisy_corpus(), SMALL, tmp_path / "m", tensorboard=tmp_path / "board")
    board = EventAccumulator(str(tmp_path / "board"), size_guidance={TENSORS: 0})
    board.Reload()
    assert board.Tags()["graph"]
    assert any("lstm" in node.name for node in board.Graph().node)
    log = [json.loads(line) for line in (tmp_path / "m" / "run" / "metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
        read = [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in board.Tensors(name)]
        written = [(line["step"], pytest.approx(line[name])) for line in log if name in line]
        assert read == written
    assert read[-1][0] == model.metrics["steps"]


def test_the_best_epoch_is_kept_and_patience_ends_training(tmp_path: Path) -> None:
    # Ten times too high a rate overfits the training part of random words at once.
    chosen = with_changes(SMALL, {"epochs": 30, "learning_rate": 0.05, "dropout": 0.0, "units": 32})
    events: list[Event] = []
    model = trained(noisy_corpus(), chosen, tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    best = min(event.valid_loss for event in done)
    assert len(done) < 30
    assert [event.is_best for event in done[-2:]] == [False, False]
    assert model.metrics["valid_perplexity"] == pytest.approx(math.exp(best), rel=1e-5)


def test_a_tiny_corpus_is_learned_by_heart(tmp_path: Path) -> None:
    events: list[Event] = []
    model = trained(open_corpus("meditations"), WORDS_PRESETS["base"], tmp_path / "m", listener=events.append)
    assert model.metrics["accuracy"] > 0.95
    assert model.metrics["valid_perplexity"] is None
    said = " ".join(event.text for event in events if isinstance(event, Note))
    assert "too little text for validation" in said
    assert "1 streams instead of 16" in said
    assert (tmp_path / "m" / "run" / "report.html").exists()
    assert not (tmp_path / "m" / "run" / "cache").exists()
    assert not (tmp_path / "m.run").exists()


@pytest.mark.parametrize(("negatives", "averaging", "share"), [(4, False, 1 / 8), (16, True, 1 / 4)])
def test_the_last_part_of_the_steps_samples_eight_times_as_many_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, negatives: int, averaging: bool, share: float
) -> None:
    seen: list[int] = []
    batch = Loop._batch

    def noted(self: Loop, step: int) -> Any:
        found = batch(self, step)
        seen.append(found.words)
        return found

    monkeypatch.setattr(Loop, "_batch", noted)
    settings = with_changes(SMALL, {"negatives": negatives, "weight_averaging": averaging})
    model = trained(noisy_corpus(), settings, tmp_path / "m")
    steps, size = model.metrics["steps"], model.metrics["vocabulary"]
    # The first call is for compiling.
    words = seen[-steps:]
    ending = math.ceil(steps * (1 - share))
    assert set(words[:ending]) == {negatives}
    assert set(words[ending:]) == {min(8 * negatives, size)}
    assert 8 * 16 > size > 32


def test_a_time_limit_ends_it_with_a_whole_model(tmp_path: Path) -> None:
    limited = with_changes(SMALL, {"epochs": 100_000, "minutes": 0.1, "patience": 0})
    model = trained(noisy_corpus(), limited, tmp_path / "m")
    # Ten seconds of patience with a machine that other programs use.
    assert model.metrics["seconds"] < 16
    assert 0 < model.metrics["steps"] < 1_000_000
    assert model.metrics["valid_perplexity"] is not None


def test_without_time_a_resumed_training_measures_and_writes_what_it_has(tmp_path: Path) -> None:
    limited = with_changes(SMALL, {"minutes": 10.0})
    with pytest.raises(Interrupted):
        trained(noisy_corpus(), limited, tmp_path / "m", stop_after_steps=50)
    (tmp_path / "m.run" / "spent.json").write_text('{"seconds": 600}')
    model = trained(noisy_corpus(), limited, tmp_path / "m", resume=True)
    assert model.metrics["steps"] == 51
    assert math.isfinite(model.metrics["train_loss"])
    assert model.metrics["valid_perplexity"] > 1
    assert model.metrics["seconds"] > 600


def test_a_loss_of_nan_stops_and_keeps_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 4, "patience": 0})
    whole = trained(noisy_corpus(), chosen, tmp_path / "whole")
    until = whole.metrics["steps"] // 2 + 1

    def rate(step: int, _steps: int, peak: float, _floor: float) -> float:
        return math.nan if step >= until else peak

    monkeypatch.setattr(loop, "learning_rate", rate)
    model = trained(noisy_corpus(), chosen, tmp_path / "m", listener=events.append)
    assert any(isinstance(event, Note) and "lower learning rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())
    monkeypatch.setattr(loop, "learning_rate", lambda *_: math.nan)
    with pytest.raises(RunError, match="lower learning rate"):
        trained(noisy_corpus(), chosen, tmp_path / "n")
