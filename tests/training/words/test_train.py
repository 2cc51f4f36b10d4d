"""The stages together: validation text, the Kneser–Ney model as baseline and as a part, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from foretell.config import with_changes
from foretell.data.corpus import Corpus, open_corpus
from foretell.errors import DataError, Interrupted, RunError, UsageError
from foretell.presets import WORDS_PRESETS
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.events import Event, Note
from tests.text.texts import ALL
from tests.training.words.small import SMALL, noisy_corpus, phrases, trained


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
    for name, value in whole.weights.items():
        assert value.tobytes() == parts.weights[name].tobytes(), name
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
    said: list[str] = []
    model = trained(
        phrases(), interpolating, tmp_path / "m", baseline=False,
        listener=lambda event: said.append(event.text) if isinstance(event, Note) else None,
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
    assert "`kneser_ney.safetensors` has the Kneser–Ney model" in card

    alone = trained(phrases(), with_changes(interpolating, {"kneser_ney": False}), tmp_path / "a")
    assert alone.kneser_ney is None
    assert alone.metrics["perplexity"] == pytest.approx(metrics["network_perplexity"], rel=1e-6)
    for name, value in alone.weights.items():
        assert value.tobytes() == model.weights[name].tobytes(), name


def test_without_validation_text_there_is_no_interpolation(tmp_path: Path) -> None:
    interpolating = with_changes(SMALL, {"kneser_ney": True, "valid_fraction": 0.0})
    model = trained(phrases(), interpolating, tmp_path / "m")
    assert (model.kneser_ney, model.interpolation) == (None, None)
    assert model.metrics["accuracy"] > 0


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
    assert f"Perplexity per token, validation text | {metrics['perplexity']:,.2f}" in card
    assert "unknown word" not in card
    (again,) = runtime.continuations(ALL[5], words=3, seed=1)
    assert "".join(written.text for written in again.words) == again.text


def test_what_was_guessed_while_reading_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes("\n".join(["café au lait", *noisy_corpus()]).encode("cp1252"))
    notes: list[str] = []
    settings = with_changes(SMALL, {"epochs": 1})
    trained(
        open_corpus(file), settings, tmp_path / "m",
        listener=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )  # fmt: skip
    assert sum("notes.txt: " in note for note in notes) == 1
