"""A language model's training: validation, interruption and resumption, the members of the model."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

import functools
import json
import math
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from trainers import Notes

from foretell.arrays import Floats
from foretell.artifacts.model import Model
from foretell.config import WordsSettings, with_changes
from foretell.data.corpus import Corpus, open_corpus
from foretell.errors import DataError, Interrupted, RunError, UsageError
from foretell.metrics import perplexity_of
from foretell.ngrams.suggestions import METRICS
from foretell.presets import WORDS_PRESETS
from foretell.runtime.words.evaluation import evaluate_words
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.events import EpochDone, Event
from foretell.training.loop import Evaluation
from foretell.training.words import kneser_ney_fit, network, step, train
from foretell.training.words.data import ReadingOrder
from foretell.training.words.network import TrainableWords
from foretell.training.words.time_limit import LoopTime
from foretell.training.words.token_file import TokenFile
from tests.text.texts import ALL
from tests.training.words.small import SMALL, noisy_corpus, phrases, trained

Whole = Callable[[WordsSettings], tuple[Model, Path]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a function that trains on `noisy_corpus` without interruption, with each settings
    once.
    """

    @functools.cache
    def train_once(settings: WordsSettings) -> tuple[Model, Path]:
        out = tmp_path_factory.mktemp("whole") / "m"
        return trained(noisy_corpus(), settings, out), out

    return train_once


BOTH = with_changes(SMALL, {"kneser_ney": True, "streams": 1, "epochs": 1})
"""With a Kneser–Ney model; one stream, as the runtime reads."""

LIMITED = with_changes(SMALL, {"minutes": 60.0})


def check_same(whole: Model, parts: Model) -> None:
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    same = ("perplexity", "valid_perplexity", "network_accuracy", "train_loss", "steps")
    assert {k: whole.metrics[k] for k in same} == {k: parts.metrics[k] for k in same}


def lines_of(out: Path) -> list[tuple[int, float, float | None]]:
    lines = map(json.loads, (out / "run" / "metrics.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"], line.get("valid_loss")) for line in lines]


@pytest.mark.parametrize(
    "precision", ["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.soak)]
)
def test_it_resumes_bit_for_bit(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """After an interruption between two steps, and one of the validation of an epoch."""
    monkeypatch.setattr(step, "DRAWN_WORDS", 16)
    monkeypatch.setattr(network, "precision_for", lambda *_: precision)
    changes = {"word_dropout": 0.1, "layers": 2} if precision == "float32" else {"seed": 2}
    corpus = noisy_corpus()
    chosen = with_changes(SMALL, changes)
    model, folder = whole(chosen)
    evaluate = TrainableWords.evaluate
    steps = model.metrics["steps"]

    def interrupted(self: TrainableWords) -> Evaluation | None:
        self.run.interrupt.signal = signal.SIGINT
        return evaluate(self)

    with pytest.raises(Interrupted):
        trained(corpus, chosen, tmp_path / "parts", stop_after_steps=33)
    with pytest.raises(RunError, match="resume"):
        trained(corpus, chosen, tmp_path / "parts")
    with monkeypatch.context() as patch:
        patch.setattr(TrainableWords, "evaluate", interrupted)
        with pytest.raises(Interrupted, match=f"after step {steps // 2};"):
            trained(corpus, chosen, tmp_path / "parts", resume=True)
    check_same(model, trained(corpus, chosen, tmp_path / "parts", resume=True))
    assert lines_of(folder) == lines_of(tmp_path / "parts")


def test_texts_and_options_that_cannot_be_used(tmp_path: Path) -> None:
    corpus = noisy_corpus()
    out = tmp_path / "m"
    article = WORDS_PRESETS["article"]
    for options, match in (
        ({"valid": corpus}, "no valid, since the article's network .*the preset base"),
    ):
        with pytest.raises(UsageError, match=match):
            trained(corpus, article, out, **options)
    with pytest.raises(UsageError, match=r"no minutes, .*found 1; .*fewer iterations"):
        trained(corpus, with_changes(article, {"minutes": 1.0}), out)
    for text, settings, given, match in (
        (
            "w1 w2 w3",
            SMALL,
            corpus,
            r"short\.txt: expected more validation words than one window \(10\)",
        ),
        ("w1 w2 w3", WORDS_PRESETS["base"], None, "smaller window"),
        ("w1 w2 w3 w4", article, None, "at least 8 words"),
        ("same same", with_changes(SMALL, {"tokens": "white-space"}), None, "different words"),
    ):
        short = Corpus.from_texts([text], name="short.txt")
        with pytest.raises(DataError, match=match):
            trained(given or short, settings, tmp_path / "n", valid=short if given else None)


def test_both_models_are_measured_as_the_runtime_and_evaluate_measure_them_and_resume_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the validation text in one stream; they differ at its first word, which training
    skips.
    """
    monkeypatch.setattr(kneser_ney_fit, "_MAX_NGRAMS", 2_000)
    lines = [f"{line} xyzzy, becomes the way" for line in list(phrases())[:60]]
    options: dict[str, Any] = {"valid": Corpus.from_texts(lines), "baseline": False}
    model = trained(phrases(), BOTH, tmp_path / "m", **options)
    metrics = model.metrics
    # Training uses all of the text.
    assert metrics["words"] == sum(len(line.split()) + 1 for line in phrases())
    assert model.kneser_ney is not None
    assert len(model.kneser_ney) - len(model.kneser_ney.levels[0].keys) < 4_000
    assert model.interpolation is not None
    assert len(model.interpolation.kneser_ney_weights) == model.kneser_ney.order
    assert metrics["valid_perplexity"] == metrics["perplexity"] < metrics["network_perplexity"]
    assert metrics["baseline_perplexity"] < 60
    assert 0 < metrics["network_accuracy"] < 1
    runtime = WordsRuntime(tmp_path / "m")
    score = runtime.score(lines)
    evaluated = evaluate_words(runtime, lines)
    assert score.tokens == metrics["measured_words"] + 1 == metrics["suggestions"]["positions"]
    assert score.perplexity == pytest.approx(metrics["perplexity"], rel=3e-3)
    assert score.bits_per_byte == pytest.approx(metrics["bits_per_byte"], rel=0.05)
    assert {key: metrics[key] for key in METRICS} == {key: evaluated[key] for key in METRICS}
    for file in ("README.md", "run/report.html"):
        assert "Keystrokes saved" in (tmp_path / "m" / file).read_text("utf-8")
    with pytest.raises(Interrupted):
        trained(phrases(), BOTH, tmp_path / "parts", stop_after_steps=50, **options)
    with pytest.raises(RunError, match="the data"):
        trained(phrases(), BOTH, tmp_path / "parts", resume=True, baseline=False)
    check_same(model, trained(phrases(), BOTH, tmp_path / "parts", resume=True, **options))
    for name in ("kneser_ney.safetensors", "config.json", "model.safetensors"):
        assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


@pytest.mark.parametrize("tokens", ["subword", pytest.param("char", marks=pytest.mark.soak)])
def test_no_token_of_an_open_vocabulary_is_called_a_word(tmp_path: Path, tokens: str) -> None:
    file = tmp_path / "notes.txt"
    notes = Notes()
    file.write_bytes("\n".join(["café au lait"] * 400).encode("cp1252"))
    lines = ["ığdır 酒店 neu", *ALL]
    settings = with_changes(BOTH, {"tokens": tokens, "vocabulary": 80})
    valid = Corpus.from_texts(lines)
    model = trained(open_corpus(file), settings, tmp_path / "m", valid=valid, listener=notes)
    assert sum("notes.txt: " in note for note in notes) == 1, "what was guessed while reading"
    metrics = model.metrics
    score = WordsRuntime(tmp_path / "m").score(lines)
    assert score.bits_per_byte == pytest.approx(metrics["bits_per_byte"], rel=0.05)
    assert score.unknown == 0
    assert metrics["measured_tokens"] == score.tokens - 1
    assert not {"words", "measured_words", "words_per_second"} & metrics.keys()
    card = " ".join((tmp_path / "m" / "README.md").read_text(encoding="utf-8").split())
    assert f"Bits per byte | {metrics['bits_per_byte']:.3f}" in card
    assert "predicts the next token" in card
    assert f"Validation perplexity per token | {metrics['perplexity']:.4g}" in card


def test_a_tiny_corpus_has_no_validation_and_is_learned_by_heart(tmp_path: Path) -> None:
    notes = Notes()
    settings = with_changes(WORDS_PRESETS["base"], {"units": 64, "embedding_size": 64})
    model = trained(open_corpus("meditations"), settings, tmp_path / "m", listener=notes)
    assert model.metrics["network_accuracy"] > 0.95
    assert model.metrics["measured_on"] == "training text"
    assert model.metrics["valid_perplexity"] is None
    assert (model.kneser_ney, model.interpolation) == (None, None)
    assert "suggestions" not in model.metrics
    for text in ("too little text for validation", "1 stream instead of 16"):
        assert text in " ".join(notes)
    assert (tmp_path / "m" / "run" / "report.html").exists()
    assert not (tmp_path / "m" / "run" / "cache").exists()
    assert not (tmp_path / "m.run").exists()


def test_with_a_time_limit_epochs_are_compared_on_a_part_and_the_end_is_measured_on_all(
    whole: Whole, limited: Path, tmp_path: Path
) -> None:
    """A resumed training compares on the same part."""
    model, folder = whole(SMALL)
    assert model.metrics["measured_on"] == "validation text"
    assert model.metrics["valid_perplexity"] == model.metrics["perplexity"]
    shutil.copytree(limited, tmp_path / "m.run")
    part = trained(noisy_corpus(), LIMITED, tmp_path / "m", resume=True)
    assert part.metrics["measured_words"] == model.metrics["measured_words"] > 300
    assert part.metrics["valid_perplexity"] == pytest.approx(
        model.metrics["valid_perplexity"], rel=0.05
    )
    losses = [
        [valid for *_, valid in lines_of(out) if valid is not None]
        for out in (folder, tmp_path / "m")
    ]
    assert len(losses[0]) == len(losses[1]) == 2
    assert not set(losses[0]) & set(losses[1])


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with a time limit, in bfloat16, that was interrupted: the folder of its run."""
    out = tmp_path_factory.mktemp("limited") / "m"
    notes = Notes()
    tokens_in = LoopTime.tokens_in

    def few_of_epochs(time: LoopTime, share: float, *tokens: int) -> int:
        return 300 if share < network.EVALUATION_SHARE / 4 else tokens_in(time, share, *tokens)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoopTime, "tokens_in", few_of_epochs)
        patch.setattr(network, "precision_for", lambda *_: "mixed_bfloat16")
        with pytest.raises(Interrupted):
            trained(noisy_corpus(), LIMITED, out, stop_after_steps=50, listener=notes)
    text = "epochs are compared on 300 words, which saves time; the final metrics are of "
    assert any(note.startswith(text) for note in notes)
    return out.with_name("m.run")


def test_without_time_a_resumed_training_measures_and_writes_what_it_has(
    limited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(limited, tmp_path / "m.run")
    (tmp_path / "m.run" / "spent.json").write_text('{"seconds": 3600}')
    monkeypatch.setattr(network, "precision_for", lambda *_: "float32")
    model = trained(noisy_corpus(), LIMITED, tmp_path / "m", resume=True)
    assert model.metrics["precision"] == "mixed_bfloat16", "a run keeps what it began with"
    assert model.metrics["steps"] == 51
    assert math.isfinite(model.metrics["train_loss"])
    assert model.metrics["valid_perplexity"] > 1
    assert model.metrics["seconds"] > 3600


def test_the_best_epoch_is_kept_and_patience_ends_training(tmp_path: Path) -> None:
    # Ten times too high a rate overfits the training part of random words at once.
    chosen = with_changes(SMALL, {"epochs": 30, "learning_rate": 20.0, "dropout": 0.0, "units": 32})
    events: list[Event] = []
    board = tmp_path / "board"
    model = trained(
        noisy_corpus(), chosen, tmp_path / "m", listener=events.append, tensorboard=board
    )
    done = [event for event in events if isinstance(event, EpochDone)]
    assert len(done) < 30
    assert [event.is_best for event in done[-2:]] == [False, False]
    best = min(event.valid_loss for event in done if event.valid_loss is not None)
    assert model.metrics["valid_perplexity"] == pytest.approx(math.exp(best), rel=1e-5)
    check_board(board, tmp_path / "m")


def check_board(board: Path, out: Path) -> None:
    """Check that TensorBoard reads the graph and the scalars."""
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    read = EventAccumulator(str(board), size_guidance={TENSORS: 0})
    read.Reload()
    assert any("lstm" in node.name for node in read.Graph().node)
    log = [json.loads(line) for line in (out / "run" / "metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
        scalars = [
            (event.step, float(tf.make_ndarray(event.tensor_proto))) for event in read.Tensors(name)
        ]
        assert scalars == [
            (line["step"], pytest.approx(line[name])) for line in log if name in line
        ]


def test_the_state_that_is_carried_changes_the_weights(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = whole(SMALL)[0]
    inputs = TrainableWords._inputs

    def forgotten(self: TrainableWords, at: int, steps: int) -> Any:
        self.carried = self.network.first_states(self.order.streams)
        return inputs(self, at, steps)

    monkeypatch.setattr(TrainableWords, "_inputs", forgotten)
    model = trained(noisy_corpus(), SMALL, tmp_path / "m")
    for name, value in carried.weights.items():
        assert not np.array_equal(value, model.weights[name]), name


def test_the_last_eighth_of_the_steps_samples_four_times_as_many_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "DRAWN_WORDS", 4)
    words = list[int]()
    inputs = TrainableWords._inputs

    def noted(self: TrainableWords, at: int, steps: int) -> Any:
        given = inputs(self, at, steps)
        words.append(given[-1])
        return given

    monkeypatch.setattr(TrainableWords, "_inputs", noted)
    steps = trained(noisy_corpus(), SMALL, tmp_path / "m", baseline=False).metrics["steps"]
    ending = math.ceil(steps * 7 / 8)
    # The first is compiled before.
    assert words[1:] == [4] * ending + [16] * (steps - ending)


def test_where_a_pass_enters_the_text_follows_from_the_seed_and_the_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ReadingOrder.batch
    entries = list[int]()

    def noted(order: ReadingOrder, file: TokenFile, window: int, entry: int = 0) -> tuple[Any, Any]:
        if entry:
            entries.append(entry)
        return read(order, file, window, entry)

    monkeypatch.setattr(ReadingOrder, "batch", noted)

    def entered(seed: int, name: str) -> list[int]:
        entries.clear()
        settings = with_changes(SMALL, {"seed": seed, "kneser_ney": False})
        trained(noisy_corpus(), settings, tmp_path / name)
        return list(dict.fromkeys(entries))

    first = entered(1, "first")
    # Each pass has its own, all windows of a pass the same.
    assert len(first) == SMALL.epochs
    assert entered(1, "again") == first
    assert not set(entered(2, "other")) & set(first)


def test_the_cache_is_fitted_beside_both_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perplexities = list[float]()
    really = train.fit_cache

    def noted(logs: Floats, *given: Any) -> Any:
        perplexities.append(perplexity_of(logs))
        return really(logs, *given)

    monkeypatch.setattr(train, "fit_cache", noted)
    metrics = trained(phrases(), BOTH, tmp_path / "m").metrics
    assert perplexities == [pytest.approx(metrics["perplexity"])]
    assert metrics["perplexity"] < 0.995 * metrics["network_perplexity"]
