"""Training of the base language model: data on disk, sampled softmax, resuming, tiny corpora."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorflow")

import tensorflow as tf

from foretell.config import WORDS_PRESETS, WordsSettings, with_changes
from foretell.data.corpus import Corpus, open_corpus
from foretell.errors import DataError, Interrupted, RunError, UsageError
from foretell.networks import weights_of
from foretell.networks.words import LstmNetwork
from foretell.runtime.words.predictor import WordsRuntime
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import EpochDone, Event, Said
from foretell.training.schedule import learning_rate
from foretell.training.words.data import NONE, Plan, TokenFile, plan_for, split_tokens, write_tokens
from foretell.training.words.loop import Loop
from foretell.training.words.step import Steps, sampled_loss, seed_of
from foretell.training.words.train import train_words

SMALL = WordsSettings(
    embedding_size=8, units=8, window=10, streams=4, dropout=0.3, learning_rate=0.01, epochs=2, min_steps=1,
    valid_fraction=0.3, patience=2,
)  # fmt: skip


def test_tokens_are_written_as_a_numpy_file(tmp_path: Path) -> None:
    lines = ["the cat", "the dog sat"] * 50
    tokenizer = Tokenizer.train(lines, "words", lowercase=True, vocabulary=100, min_count=1)
    count = write_tokens(tmp_path / "t.npy", lines, tokenizer)
    ids = np.load(tmp_path / "t.npy", mmap_mode="r")
    assert ids.dtype == np.uint16
    assert len(ids) == count == 350
    expected = [id for line in lines for id in [*tokenizer.encode(line), tokenizer.end_of_line]]
    assert ids.tolist() == expected
    with TokenFile(tmp_path / "t.npy") as file:
        assert file.read(348, 5).tolist() == expected[348:] + expected[:3]
        assert file.part(10, 20).read(9, 2).tolist() == [expected[19], expected[10]]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.integers(1, 7), st.integers(1, 9), st.integers(0, 200))
def test_a_pass_predicts_every_token_once(tmp_path_factory, tokens, streams, window, entry) -> None:
    path = tmp_path_factory.mktemp("t") / "t.npy"
    np.save(path, np.arange(tokens, dtype=np.uint16))
    plan = Plan(tokens, min(streams, tokens), window)
    predicted = []
    with TokenFile(path) as file:
        for w in range(plan.windows):
            ids, targets = plan.batch(file, w, entry)
            taken = targets != NONE
            assert ((ids[taken] + 1) % tokens == targets[taken]).all()
            predicted += targets[taken].tolist()
    assert sorted(predicted) == list(range(tokens))


def test_streams_are_fewer_where_text_is_short() -> None:
    assert plan_for(100_000, SMALL).streams == 4
    assert plan_for(90, SMALL).streams == 2
    assert plan_for(11, SMALL).streams == 1
    with pytest.raises(DataError, match="--window"):
        plan_for(10, SMALL)


@pytest.mark.parametrize(("tokens", "held_out"), [(3_000, 0), (10_000, 3_000)])
def test_the_end_is_held_out_unless_it_is_too_short_to_tell(tmp_path, tokens, held_out) -> None:
    np.save(tmp_path / "t.npy", np.arange(tokens, dtype=np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, valid = split_tokens(file, 0.3)
        assert len(train) == tokens - held_out
        assert (valid is None) == (held_out == 0)
        if valid is not None:
            assert len(valid) == held_out
            assert valid.read(0, 1).tolist() == [tokens - held_out]


def test_of_a_large_corpus_no_more_is_held_out_than_tells(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.zeros(10_000_000, np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, held_out = split_tokens(file, 0.05)
        assert held_out is not None
        assert (len(train), len(held_out)) == (9_800_000, 200_000)


def test_the_learning_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(step, 200, 0.1) for step in range(201)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.1)
    assert 5 <= peak <= 15
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.005


def test_the_sampled_loss_comes_to_the_exact_one() -> None:
    network = LstmNetwork(SMALL, 300)
    rng = np.random.default_rng(0)
    network.embedding.embeddings.assign(rng.normal(size=[300, 8]))
    hidden = tf.constant(rng.normal(size=[50, 8]) * 0.3, tf.float32)
    targets = tf.constant(rng.integers(1, 300, 50), tf.int32)
    exact = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=network.logits(hidden))
    sampled = sampled_loss(network, hidden, targets, 400_000, tf.constant([1, 2]))
    np.testing.assert_allclose(sampled, exact, atol=0.05)
    few = [sampled_loss(network, hidden, targets, 100, seed_of(SMALL, k)).numpy().mean() for k in range(50)]
    assert np.mean(few) == pytest.approx(exact.numpy().mean(), abs=0.2)
    assert len(set(few)) == 50


def test_pads_take_no_part_in_the_loss() -> None:
    network = LstmNetwork(SMALL, 9)
    steps = Steps(network, SMALL)
    ids = np.array([[1, 2, 0], [3, 4, 5]], np.int32)
    targets = np.array([[2, NONE, NONE], [4, 5, 6]], np.int32)
    losses, right, _ = steps.evaluate(ids, targets, network.first_states(2))
    hidden, _ = network.hidden(ids, network.first_states(2))
    chosen = tf.nn.log_softmax(network.logits(tf.reshape(hidden, [-1, 8])))
    by_hand = [[-float(chosen[0, 2]), 0, 0], [-float(chosen[k, k + 1]) for k in (3, 4, 5)]]
    np.testing.assert_allclose(losses, by_hand, rtol=1e-5)
    assert right.numpy()[0, 1:].tolist() == [0, 0]


def noisy_corpus(seed: int = 0) -> Corpus:
    rng = np.random.default_rng(seed)
    words = [f"w{int(k)}" for k in rng.zipf(1.5, 4_000) % 60]
    return Corpus.from_texts([" ".join(words[k : k + 20]) for k in range(0, 4_000, 20)])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negatives": 16, "layers": 2},
        {"negatives": 16, "precision": "mixed_bfloat16"},
        {"optimizer": "sgd", "learning_rate": 5.0},
    ],
    ids=["exact", "sampled", "mixed precision", "sgd"],
)
def test_it_resumes_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    corpus, chosen = noisy_corpus(), with_changes(SMALL, changes)
    whole = train_words(corpus, chosen, out=tmp_path / "whole")
    assert whole.metrics["steps"] > 120
    for stop in (3, 77, 120):
        with pytest.raises(Interrupted):
            train_words(corpus, chosen, out=tmp_path / "parts", resume=stop > 3, stop_after_steps=stop)
    with pytest.raises(RunError, match="--resume"):
        train_words(corpus, chosen, out=tmp_path / "parts")
    parts = train_words(corpus, chosen, out=tmp_path / "parts", resume=True)
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    same = ("perplexity", "valid_perplexity", "accuracy", "train_loss", "steps")
    assert {k: whole.metrics[k] for k in same} == {k: parts.metrics[k] for k in same}
    logs = [
        (tmp_path / part / "run" / "metrics.jsonl").read_text().splitlines() for part in ("whole", "parts")
    ]
    losses = [[(json.loads(line)["step"], json.loads(line)["loss"]) for line in log] for log in logs]
    assert losses[0] == losses[1]


def test_a_run_keeps_the_precision_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, said = noisy_corpus(), []

    def train(**options: Any) -> Any:
        listener = lambda event: said.append(event.text) if isinstance(event, Said) else None  # noqa: E731
        return train_words(corpus, SMALL, out=tmp_path / "m", listener=listener, **options)

    def chosen(wanted: str, *_: int) -> str:
        return probed if wanted == "auto" else wanted

    monkeypatch.setattr("foretell.training.words.loop.precision_for", chosen)
    probed = "mixed_bfloat16"
    with pytest.raises(Interrupted):
        train(stop_after_steps=3)
    probed = "float32"
    assert train(resume=True).metrics["precision"] == "mixed_bfloat16"
    assert sum("bfloat16" in text for text in said) == 2


def test_a_valid_corpus_is_watched_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    corpus, valid = noisy_corpus(), noisy_corpus(1)
    events: list[Event] = []
    whole = train_words(corpus, SMALL, out=tmp_path / "whole", valid=valid, listener=events.append)
    # All of the corpus is learned from, and all of the held-out text is measured.
    assert whole.metrics["words"] == sum(len(line.split()) + 1 for line in corpus)
    assert whole.metrics["measured_words"] == sum(len(line.split()) + 1 for line in valid) - 1
    assert whole.metrics["valid_perplexity"] == whole.metrics["perplexity"]
    assert not any("held-out text is" in event.text for event in events if isinstance(event, Said))
    steps = whole.metrics["steps"]
    for stop in (3, steps // 2, steps - 1):
        with pytest.raises(Interrupted):
            train_words(
                corpus, SMALL, out=tmp_path / "parts", valid=valid, resume=stop > 3, stop_after_steps=stop
            )
    for other in (None, noisy_corpus(2)):
        with pytest.raises(RunError, match="the data"):
            train_words(corpus, SMALL, out=tmp_path / "parts", valid=other, resume=True)
    parts = train_words(corpus, SMALL, out=tmp_path / "parts", valid=valid, resume=True)
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
    assert whole.metrics["valid_perplexity"] == parts.metrics["valid_perplexity"]


def test_a_valid_corpus_that_tells_nothing(tmp_path: Path) -> None:
    corpus, out = noisy_corpus(), tmp_path / "m"
    with pytest.raises(UsageError, match="foretell evaluate"):
        train_words(corpus, WORDS_PRESETS["article"], out=out, valid=corpus)
    short = Corpus.from_texts(["w1 w2 w3"], name="short.txt")
    with pytest.raises(DataError, match=r"short\.txt: expected more held-out words than one window \(10\)"):
        train_words(corpus, SMALL, out=out, valid=short)
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 1})
    train_words(corpus, chosen, out=out, valid=noisy_corpus(), listener=events.append)
    said = [event.text for event in events if isinstance(event, Said)]
    assert any("the held-out text is the text to learn from" in text for text in said)


def test_an_epoch_whose_held_out_loss_is_nan_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 3.0, math.nan, 2.0, math.nan])
    weights: list[dict[str, np.ndarray]] = []

    def evaluate(loop: Loop, _: TokenFile) -> tuple[float, float]:
        weights.append(weights_of(loop.network))
        return next(losses), 0.5

    monkeypatch.setattr(Loop, "evaluate", evaluate)
    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 5, "patience": 2})
    model = train_words(noisy_corpus(), chosen, out=tmp_path / "m", listener=events.append)
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
    train_words(noisy_corpus(), chosen, out=tmp_path / "m", listener=events.append)
    assert [event.is_best for event in events if isinstance(event, EpochDone)] == [False, False]


def test_tensorboard_reads_the_graph_and_the_scalars(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    model = train_words(noisy_corpus(), SMALL, out=tmp_path / "m", tensorboard=tmp_path / "board")
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
    model = train_words(noisy_corpus(), chosen, out=tmp_path / "m", listener=events.append)
    done = [event for event in events if isinstance(event, EpochDone)]
    best = min(event.valid_loss for event in done)
    assert len(done) < 30
    assert [event.is_best for event in done[-2:]] == [False, False]
    assert model.metrics["valid_perplexity"] == pytest.approx(math.exp(best), rel=1e-5)


def test_a_tiny_corpus_is_learned_by_heart(tmp_path: Path) -> None:
    events: list[Event] = []
    model = train_words(
        open_corpus("meditations"), WORDS_PRESETS["base"], out=tmp_path / "m", listener=events.append
    )
    assert model.metrics["accuracy"] > 0.95
    assert model.metrics["valid_perplexity"] is None
    said = " ".join(event.text for event in events if isinstance(event, Said))
    assert "too little text to hold a part out" in said
    assert "1 streams instead of 16" in said
    assert (tmp_path / "m" / "run" / "report.html").exists()
    assert not (tmp_path / "m" / "run" / "cache").exists()
    assert not (tmp_path / "m.run").exists()


def test_a_corpus_shorter_than_a_window(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--window"):
        train_words(Corpus.from_texts(["three short words"]), WORDS_PRESETS["base"], out=tmp_path / "m")


def test_an_ngram_model_is_compared_with_on_the_same_text(tmp_path: Path) -> None:
    events: list[Event] = []
    model = train_words(noisy_corpus(), SMALL, out=tmp_path / "a", listener=events.append)
    assert 1 < model.metrics["baseline_perplexity"] < 100 > model.metrics["unigram_perplexity"] > 1
    assert any(isinstance(event, Said) and "Kneser-Ney" in event.text for event in events)
    silent = train_words(noisy_corpus(), SMALL, out=tmp_path / "b", baseline=False)
    assert "baseline_perplexity" not in silent.metrics


def phrases() -> Corpus:
    """Three sentences at random, and words at random between them: n-grams and a network both learn some."""
    rng = np.random.default_rng(3)
    sentences = ("the mind adapts to all that stands in its way", "what stands in the way", "becomes the way")
    lines = []
    for _ in range(500):
        words = " ".join(f"w{int(k)}" for k in rng.zipf(1.5, 6) % 60)
        lines.append(f"{words} {sentences[rng.integers(3)]}")
    return Corpus.from_texts(lines)


def test_an_ngram_model_becomes_a_part_of_the_answer(tmp_path: Path) -> None:
    mixing = with_changes(SMALL, {"kneser_ney": True, "max_ngrams": 2_000})
    said: list[str] = []
    model = train_words(
        phrases(), mixing, out=tmp_path / "m", baseline=False,
        listener=lambda event: said.append(event.text) if isinstance(event, Said) else None,
    )  # fmt: skip
    figures = model.metrics
    assert model.kneser_ney is not None
    assert model.kneser_ney.size == model.tokenizer.size
    assert len(model.kneser_ney) - len(model.kneser_ney.levels[0].keys) < 4_000
    assert model.interpolation is not None
    assert len(model.interpolation.weights) == model.kneser_ney.order
    assert figures["valid_perplexity"] == figures["perplexity"] < figures["network_perplexity"]
    assert figures["perplexity"] < figures["baseline_perplexity"] * 1.02
    assert "accuracy" not in figures
    assert 0 < figures["network_accuracy"] < 1
    assert any("of the answer: perplexity" in text for text in said)
    # What the runtime gives the held-out text, in one stream, is what training measured in several.
    runtime = WordsRuntime.open(tmp_path / "m")
    lines = list(phrases())
    measured = runtime.score(lines[-130:]).perplexity
    assert measured == pytest.approx(figures["perplexity"], rel=0.15)
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "A Kneser-Ney model of" in card
    assert "`ngrams.safetensors` holds the n-gram model" in card

    alone = train_words(phrases(), with_changes(mixing, {"kneser_ney": False}), out=tmp_path / "a")
    assert alone.kneser_ney is None
    assert alone.metrics["perplexity"] == pytest.approx(figures["network_perplexity"], rel=1e-6)
    for name, value in alone.weights.items():
        assert value.tobytes() == model.weights[name].tobytes(), name


def test_without_held_out_text_nothing_is_mixed_in(tmp_path: Path) -> None:
    mixing = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.0})
    model = train_words(phrases(), mixing, out=tmp_path / "m")
    assert (model.kneser_ney, model.interpolation) == (None, None)
    assert model.metrics["accuracy"] > 0


def test_mixing_resumes_bit_for_bit(tmp_path: Path) -> None:
    mixing = with_changes(SMALL, {"kneser_ney": True})
    whole = train_words(phrases(), mixing, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        train_words(phrases(), mixing, out=tmp_path / "parts", stop_after_steps=50)
    train_words(phrases(), mixing, out=tmp_path / "parts", resume=True)
    for name in ("ngrams.safetensors", "config.json", "model.onnx"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert whole.metrics["network_perplexity"] > 1


def test_a_time_limit_ends_it_with_a_whole_model(tmp_path: Path) -> None:
    limited = with_changes(SMALL, {"epochs": 100_000, "minutes": 0.25, "patience": 0})
    model = train_words(noisy_corpus(), limited, out=tmp_path / "m")
    assert model.metrics["seconds"] < 25
    assert 0 < model.metrics["steps"] < 1_000_000
    assert model.metrics["valid_perplexity"] is not None


def test_a_time_limit_is_refused_for_the_article(tmp_path: Path) -> None:
    limited = with_changes(WORDS_PRESETS["article"], {"minutes": 1.0})
    with pytest.raises(UsageError, match="iterations"):
        train_words(noisy_corpus(), limited, out=tmp_path / "m", preset="article")


def test_a_loss_of_nan_stops_and_keeps_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foretell.training.words import loop

    events: list[Event] = []
    chosen = with_changes(SMALL, {"epochs": 4, "patience": 0})
    whole = train_words(noisy_corpus(), chosen, out=tmp_path / "whole")
    until = whole.metrics["steps"] // 2 + 1

    def rate(step: int, _steps: int, peak: float) -> float:
        return math.nan if step >= until else peak

    monkeypatch.setattr(loop, "learning_rate", rate)
    model = train_words(noisy_corpus(), chosen, out=tmp_path / "m", listener=events.append)
    assert any(isinstance(event, Said) and "--learning-rate" in event.text for event in events)
    assert all(np.isfinite(weight).all() for weight in model.weights.values())
    monkeypatch.setattr(loop, "learning_rate", lambda *_: math.nan)
    with pytest.raises(RunError, match="--learning-rate"):
        train_words(noisy_corpus(), chosen, out=tmp_path / "n")
