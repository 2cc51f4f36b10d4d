"""A language model's training: validation, interruption and resumption, the members of the model, workers."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from trainers import Notes

from foretell.artifacts.model import Model
from foretell.config import WordsSettings, with_changes
from foretell.data.corpus import Corpus, open_corpus
from foretell.errors import DataError, Interrupted, RunError, UsageError
from foretell.metrics.shown import result_of
from foretell.networks import weights_of
from foretell.ngrams.suggestions import METRICS
from foretell.presets import WORDS_PRESETS
from foretell.runtime.words.evaluation import evaluate_words
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.events import EpochDone, Event, Note
from foretell.training.options import TrainOptions
from foretell.training.words import loop
from foretell.training.words.averaging import Arrays, Trained, Trainer
from foretell.training.words.loop import Loop
from foretell.training.words.step import Batch
from foretell.training.words.time_limit import LoopTime
from foretell.training.words.train import train_words
from tests.text.texts import ALL
from tests.training.words.small import SMALL, noisy_corpus, phrases, trained

Whole = Callable[[WordsSettings], tuple[Model, Path]]
"""Settings to the model that they train, and its directory."""


def test_a_validation_corpus_is_measured_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    corpus, valid = noisy_corpus(), noisy_corpus(1)
    events: list[Event] = []
    whole = trained(corpus, SMALL, tmp_path / "whole", valid=valid, listener=events.append)
    # Training uses all of the corpus, and all of the validation text is measured.
    assert whole.metrics["words"] == sum(len(line.split()) + 1 for line in corpus)
    assert whole.metrics["measured_words"] == sum(len(line.split()) + 1 for line in valid) - 1
    assert whole.metrics["valid_perplexity"] == whole.metrics["perplexity"]
    assert not any("validation text is" in event.text for event in events if isinstance(event, Note))
    steps = whole.metrics["steps"]
    for stop in (3, steps // 2, steps - 1):
        with pytest.raises(Interrupted):
            trained(corpus, SMALL, tmp_path / "parts", valid=valid, resume=stop > 3, stop_after_steps=stop)
    for other in (None, noisy_corpus(2)):
        with pytest.raises(RunError, match="the data"):
            trained(corpus, SMALL, tmp_path / "parts", valid=other, resume=True)
    parts = trained(corpus, SMALL, tmp_path / "parts", valid=valid, resume=True)
    check_same(whole, parts)
    assert whole.metrics["valid_perplexity"] == parts.metrics["valid_perplexity"]


def test_a_validation_corpus_that_cannot_be_used(tmp_path: Path) -> None:
    corpus, out = noisy_corpus(), tmp_path / "m"
    with pytest.raises(UsageError, match="the preset base"):
        trained(corpus, WORDS_PRESETS["article"], out, valid=corpus)
    short = Corpus.from_texts(["w1 w2 w3"], name="short.txt")
    with pytest.raises(DataError, match=r"short\.txt: expected more validation words than one window \(10\)"):
        trained(corpus, SMALL, out, valid=short)
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 1})
    trained(corpus, chosen, out, valid=noisy_corpus(), listener=events.append)
    said = [event.text for event in events if isinstance(event, Note)]
    assert any("the validation text is the training text" in text for text in said)


def test_a_corpus_shorter_than_a_window(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="smaller window"):
        trained(Corpus.from_texts(["three short words"]), WORDS_PRESETS["base"], tmp_path / "m")


def test_a_kneser_ney_model_is_the_baseline_on_the_same_text(tmp_path: Path) -> None:
    events: list[Event] = []
    model = trained(noisy_corpus(), SMALL, tmp_path / "a", listener=events.append)
    assert 1 < model.metrics["baseline_perplexity"] < 100 > model.metrics["unigram_perplexity"] > 1
    assert any(isinstance(event, Note) and "Kneser–Ney" in event.text for event in events)
    silent = trained(noisy_corpus(), SMALL, tmp_path / "b", baseline=False)
    assert "baseline_perplexity" not in silent.metrics


def test_a_kneser_ney_model_becomes_a_part_of_the_language_model(tmp_path: Path) -> None:
    interpolating = with_changes(SMALL, {"kneser_ney": True, "max_ngrams": 2_000})
    said = Notes()
    model = trained(
        phrases(), interpolating, tmp_path / "m", baseline=False,
        listener=said,
    )  # fmt: skip
    metrics = model.metrics
    assert model.kneser_ney is not None
    assert model.kneser_ney.size == model.tokenizer.size
    assert len(model.kneser_ney) - len(model.kneser_ney.levels[0].keys) < 4_000
    assert model.interpolation is not None
    assert len(model.interpolation.weights) == model.kneser_ney.order
    assert metrics["valid_perplexity"] == metrics["perplexity"] < metrics["network_perplexity"]
    assert metrics["perplexity"] < metrics["baseline_perplexity"] * 1.02
    assert "accuracy" not in metrics
    assert 0 < metrics["network_accuracy"] < 1
    assert any("mean weight of the Kneser–Ney model" in text for text in said)
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "A Kneser–Ney model (" in card

    alone = trained(phrases(), with_changes(interpolating, {"kneser_ney": False}), tmp_path / "a")
    assert alone.kneser_ney is None
    assert alone.metrics["perplexity"] == pytest.approx(metrics["network_perplexity"], rel=1e-6)
    check_same(alone, model)


def test_without_validation_text_there_is_no_interpolation(tmp_path: Path) -> None:
    interpolating = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.0})
    model = trained(phrases(), interpolating, tmp_path / "m")
    assert (model.kneser_ney, model.interpolation) == (None, None)
    assert model.metrics["network_accuracy"] > 0
    assert "suggestions" not in model.metrics
    assert result_of(model.metrics).startswith("Perplexity ")


def test_suggestions_are_measured_as_evaluate_measures_them(tmp_path: Path) -> None:
    interpolating = with_changes(SMALL, {"kneser_ney": True, "streams": 1})
    lines = [f"{line} xyzzy, becomes the way" for line in list(phrases())[:60]]
    said: list[str] = []
    model = trained(
        phrases(), interpolating, tmp_path / "m", valid=Corpus.from_texts(lines),
        listener=lambda event: said.append(event.text) if isinstance(event, Note) else None,
    )  # fmt: skip
    evaluated = evaluate_words(WordsRuntime.open(tmp_path / "m"), lines)
    # The first token of the validation text is read, not predicted.
    assert model.metrics["suggestions"]["positions"] == evaluated["suggestions"]["positions"] - 1
    for key in METRICS:
        assert model.metrics[key] == pytest.approx(evaluated[key], abs=0.004)
        assert evaluated["suggestions"]["models"]["both"][key] == evaluated[key]
    assert any("keystrokes saved" in text for text in said)
    assert "Keystrokes saved by three suggestions" in (tmp_path / "m" / "README.md").read_text("utf-8")
    assert "Keystrokes saved" in (tmp_path / "m" / "run" / "report.html").read_text("utf-8")


def test_interpolation_resumes_bit_for_bit(tmp_path: Path) -> None:
    interpolating = with_changes(SMALL, {"kneser_ney": True})
    whole = trained(phrases(), interpolating, tmp_path / "whole")
    with pytest.raises(Interrupted):
        trained(phrases(), interpolating, tmp_path / "parts", stop_after_steps=50)
    trained(phrases(), interpolating, tmp_path / "parts", resume=True)
    for name in ("kneser_ney.safetensors", "config.json", "model.onnx"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert whole.metrics["network_perplexity"] > 1


def test_a_time_limit_is_refused_for_the_article(tmp_path: Path) -> None:
    limited = with_changes(WORDS_PRESETS["article"], {"minutes": 1.0})
    with pytest.raises(UsageError, match="iterations"):
        trained(noisy_corpus(), limited, tmp_path / "m", preset="article")


def test_the_runtime_gives_the_perplexity_that_training_measured(tmp_path: Path) -> None:
    """Both read the validation text in one stream; they differ at its first word, which training skips."""
    chosen = with_changes(SMALL, {"kneser_ney": True, "streams": 1, "epochs": 1})
    lines = list(phrases())
    corpus, valid = (Corpus.from_texts(part) for part in (lines[:370], lines[370:]))
    metrics = trained(corpus, chosen, tmp_path / "m", valid=valid).metrics
    runtime = WordsRuntime.open(tmp_path / "m")
    score = runtime.score(valid)
    assert score.tokens == metrics["measured_words"] + 1
    assert score.perplexity == pytest.approx(metrics["perplexity"], rel=1e-3)


@pytest.mark.parametrize("tokens", ["subword", pytest.param("char", marks=pytest.mark.soak)])
def test_bits_per_byte_are_those_of_the_runtime(tmp_path: Path, tokens: str) -> None:
    """No token of an open vocabulary is called a word."""
    changes = {"tokens": tokens, "vocabulary": 80, "kneser_ney": True, "streams": 1, "epochs": 1}
    lines = ALL * 20
    corpus, valid = Corpus.from_texts(lines), Corpus.from_texts(["ığdır 酒店 neu", *lines[:30]])
    model = trained(corpus, with_changes(SMALL, changes), tmp_path / "m", valid=valid)
    metrics, runtime = model.metrics, WordsRuntime.open(tmp_path / "m")
    score = runtime.score(valid)
    assert score.bits_per_byte == pytest.approx(metrics["bits_per_byte"], rel=0.05)
    card = " ".join((tmp_path / "m" / "README.md").read_text(encoding="utf-8").split())
    assert f"Bits per byte | {metrics['bits_per_byte']:.3f}" in card
    assert score.unknown == 0
    assert metrics["measured_tokens"] == score.tokens - 1
    assert not {"words", "measured_words", "words_per_second"} & metrics.keys()
    assert "predicts the next token" in card
    assert f"Validation perplexity per token | {metrics['perplexity']:.4g}" in card
    assert "unknown word" not in card
    (again,) = runtime.continuations(ALL[5], words=3, seed=1)
    assert "".join(written.text for written in again.words) == again.text


def test_what_was_guessed_while_reading_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes("\n".join(["café au lait", *noisy_corpus()]).encode("cp1252"))
    notes = Notes()
    settings = with_changes(SMALL, {"epochs": 1})
    trained(
        open_corpus(file), settings, tmp_path / "m",
        listener=notes,
    )  # fmt: skip
    assert sum("notes.txt: " in note for note in notes) == 1


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
def test_it_resumes_bit_for_bit(whole: Whole, tmp_path: Path, changes: dict[str, Any]) -> None:
    corpus, chosen = noisy_corpus(), with_changes(SMALL, changes)
    model, folder = whole(chosen)
    assert model.metrics["steps"] > 120
    for i, stop in enumerate((77,) if changes else (3, 77, 120)):
        with pytest.raises(Interrupted):
            trained(corpus, chosen, tmp_path / "parts", resume=i > 0, stop_after_steps=stop)
    with pytest.raises(RunError, match="resume"):
        trained(corpus, chosen, tmp_path / "parts")
    parts = trained(corpus, chosen, tmp_path / "parts", resume=True)
    check_same(model, parts)
    same = ("perplexity", "valid_perplexity", "network_accuracy", "train_loss", "steps")
    assert {k: model.metrics[k] for k in same} == {k: parts.metrics[k] for k in same}
    assert lines_of(folder) == lines_of(tmp_path / "parts")


def check_same(whole: Model, parts: Model) -> None:
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name


def test_with_a_time_limit_epochs_are_compared_on_a_part_and_the_end_is_measured_on_all(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    model, folder = whole(SMALL)
    monkeypatch.setattr(LoopTime, "tokens_of_epochs", lambda *_: 300)
    limited = with_changes(SMALL, {"minutes": 60.0})
    part = trained(noisy_corpus(), limited, tmp_path / "part", listener=events.append)
    measured = model.metrics["measured_words"]
    text = f"epochs are compared on 300 words, which saves time; the final metrics are of {measured + 1:,}"
    assert Note(text=text) in events
    assert part.metrics["measured_words"] == measured > 300
    assert part.metrics["valid_perplexity"] == pytest.approx(model.metrics["valid_perplexity"])
    losses = [event.valid_loss for event in events if isinstance(event, EpochDone)]
    assert losses != [valid for *_, valid in lines_of(folder) if valid is not None]
    # A resumed training compares on the same part.
    with pytest.raises(Interrupted):
        trained(noisy_corpus(), limited, tmp_path / "parts", stop_after_steps=77)
    monkeypatch.undo()
    again = trained(noisy_corpus(), limited, tmp_path / "parts", resume=True)
    assert again.metrics["valid_perplexity"] == part.metrics["valid_perplexity"]
    assert lines_of(tmp_path / "parts") == lines_of(tmp_path / "part")


@pytest.mark.parametrize("averages", [False, True])
def test_it_resumes_bit_for_bit_from_an_interrupted_validation(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, averages: bool
) -> None:
    chosen = with_changes(SMALL, {"weight_averaging": averages})
    model, folder = whole(chosen)
    evaluate = Loop.evaluate

    def interrupted(self: Loop) -> tuple[float, float]:
        self.run.interrupt.request()
        return evaluate(self)

    for resume in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(Loop, "evaluate", interrupted)
            with pytest.raises(Interrupted, match=f"after step {model.metrics['steps'] // 2};"):
                trained(noisy_corpus(), chosen, tmp_path / "parts", resume=resume)
    parts = trained(noisy_corpus(), chosen, tmp_path / "parts", resume=True)
    check_same(model, parts)
    assert model.metrics["valid_perplexity"] == parts.metrics["valid_perplexity"]
    assert lines_of(folder) == lines_of(tmp_path / "parts")


def test_a_run_keeps_the_precision_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, notes = noisy_corpus(), Notes()

    def train(**options: Any) -> Any:
        return trained(corpus, SMALL, tmp_path / "m", listener=notes, **options)

    def chosen(wanted: str, *_: int) -> str:
        return probed if wanted == "auto" else wanted

    monkeypatch.setattr("foretell.training.words.loop.precision_for", chosen)
    probed = "mixed_bfloat16"
    with pytest.raises(Interrupted):
        train(stop_after_steps=3)
    probed = "float32"
    assert train(resume=True).metrics["precision"] == "mixed_bfloat16"
    assert sum("bfloat16" in text for text in notes) == 2


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
    assert model.metrics["network_accuracy"] > 0.95
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
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 4, "patience": 0})
    until = whole(SMALL)[0].metrics["steps"] + 1

    def rate(step: int, _steps: int, peak: float, _floor: float) -> float:
        return math.nan if step >= until else peak

    monkeypatch.setattr(loop, "learning_rate", rate)
    model = trained(noisy_corpus(), chosen, tmp_path / "m", listener=events.append)
    assert any(isinstance(event, Note) and "lower learning rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())
    monkeypatch.setattr(loop, "learning_rate", lambda *_: math.nan)
    with pytest.raises(RunError, match="lower learning rate"):
        trained(noisy_corpus(), chosen, tmp_path / "n")


class InProcess:
    """Workers of this process; `dies` has the rounds after which a worker has died, and which."""

    def __init__(self, count: int, every: int = 4, dies: dict[int, int] | None = None) -> None:
        self.count, self.average_every, self.dies = count, every, dies or {}
        self.rounds: list[int] = []
        self._make: Callable[[], Trainer] | None = None
        self._trainers: list[Trainer] = []

    def open(self, settings: WordsSettings, size: int, precision: Any, check: Callable[[], None]) -> None:
        check()
        self._make = lambda: Trainer(settings, size, precision)
        self._trainers = [self._make() for _ in range(self.count)]

    def train(
        self, weights: Arrays, batches: Sequence[Sequence[Batch]], moments: Arrays, check: Callable[[], None]
    ) -> list[Trained]:
        check()
        self.rounds.append(len(batches[0]))
        found = [one.train(weights, moments, own) for one, own in zip(self._trainers, batches, strict=True)]
        if (dead := self.dies.get(len(self.rounds))) is not None:
            assert self._make is not None
            self._trainers[dead] = self._make()
            del found[dead]
        return found

    def moments(self) -> list[Arrays]:
        return [one.moments() for one in self._trainers]


def lines() -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(f"w{int(k)}" for k in rng.zipf(1.5, 12) % 40) for _ in range(300)]


def train_averaged(out: Path, workers: InProcess | None, **options: Any) -> Any:
    corpus = Corpus.from_texts(lines())
    return train_words(corpus, SMALL, TrainOptions(out=out, baseline=False, **options), workers=workers)


def test_one_worker_is_the_ordinary_training(tmp_path: Path) -> None:
    alone, one = train_averaged(tmp_path / "a", None), train_averaged(tmp_path / "b", InProcess(1, every=7))
    for name, weights in alone.weights.items():
        np.testing.assert_array_equal(weights, one.weights[name])
    assert one.metrics["perplexity"] == alone.metrics["perplexity"]


def test_two_workers_read_twice_as_many_words_a_step_and_learn(tmp_path: Path) -> None:
    alone, workers = train_averaged(tmp_path / "a", None), InProcess(2)
    two = train_averaged(tmp_path / "b", workers)
    assert two.metrics["workers"] == 2
    assert two.metrics["words"] == pytest.approx(alone.metrics["words"], abs=1)
    assert two.metrics["steps"] == pytest.approx(alone.metrics["steps"] / 2, rel=0.1)
    assert sum(workers.rounds) == two.metrics["steps"]
    assert max(workers.rounds) == 4
    assert two.metrics["perplexity"] < 40


def test_a_worker_that_dies_costs_its_round(tmp_path: Path) -> None:
    whole, workers = train_averaged(tmp_path / "a", InProcess(2)), InProcess(2, dies={2: 1})
    model = train_averaged(tmp_path / "b", workers)
    assert model.metrics["steps"] == whole.metrics["steps"]
    assert model.metrics["perplexity"] == pytest.approx(whole.metrics["perplexity"], rel=0.1)


def test_an_interrupted_training_resumes_with_as_many_workers(tmp_path: Path) -> None:
    whole = train_averaged(tmp_path / "a", InProcess(2))
    with pytest.raises(Interrupted):
        train_averaged(tmp_path / "b", InProcess(2), stop_after_steps=5)
    with pytest.raises(RunError, match=r"as many workers as before \(2\), found 1"):
        train_averaged(tmp_path / "b", None, resume=True)
    resumed = train_averaged(tmp_path / "b", InProcess(2), resume=True)
    assert resumed.metrics["steps"] == whole.metrics["steps"]
    assert resumed.metrics["perplexity"] == pytest.approx(whole.metrics["perplexity"], rel=0.1)


def test_the_article_has_no_workers(tmp_path: Path) -> None:
    options = TrainOptions(out=tmp_path / "m")
    with pytest.raises(UsageError, match="no cluster, since the article's network"):
        train_words(Corpus.from_texts(lines()), WORDS_PRESETS["article"], options, workers=InProcess(2))
