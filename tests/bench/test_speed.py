"""Benchmarks of speed and memory run on tiny data and print their tables (see `conftest.py`)."""

from __future__ import annotations

import re

import pytest

from bench import language_model, lstm_layer
from tests.bench.conftest import Bench, first, installed

pytestmark = pytest.mark.soak


def test_predict(bench: Bench) -> None:
    sizes = {"TRAINED_ON": 24, "PREDICTED": 16, "BATCHES": 1, "TURNS": 1}
    sizes |= {"KNOWN_WORDS": 300, "FURTHER_WORDS": (4, 12)}
    tables = bench("predict", "--repeats", "1", **sizes)
    assert len(tables["predict"]) == 6
    assert all("ms" in row[1] or "reviews/s" in row[1] for row in tables["predict"])
    assert first(tables["predict_lengths"]) == ["article"] * 4 + ["base"] * 5
    assert first(tables["predict_start_up"]) == [
        "python -c pass, cold", "foretell --help, cold", "foretell classify, cold",
    ]  # fmt: skip


def test_explain(bench: Bench) -> None:
    sizes = {"PRESETS": ("quick",), "WORDS": (20,), "VOCABULARY": 100, "ROUNDS": 1}
    tables = bench("explain", "--reviews", "6", **sizes)
    assert first(tables["explain"]) == ["5%", "10%", "20%"]
    assert all(
        re.fullmatch(r"[+-]\d\.\d{3} \(\d+\.\d%\)", cell) for row in tables["explain"] for cell in row[1:]
    )
    assert [row[2] for row in tables["explain_ways"]] == ["in one batch", "one after another"]
    assert len(tables["explain_speed"]) == 1


def test_serve(bench: Bench) -> None:
    sizes = {"CLIENTS": 4, "REVIEWS": 16, "ROUNDS": 1}
    rows = bench("serve", "--seconds", "0.2", "--preset", "article", **sizes)["serve"]
    assert first(rows)[1:] == ["4 clients, one review per request", "half of that load"]
    assert [row[4] for row in rows] == ["", "0", "0"]


def test_pipe(bench: Bench) -> None:
    rows = bench("pipe", "--megabytes", "1", "--presets", "article", "--repeats", "1", BATCH_MEGABYTES=1)
    assert first(rows["pipe"]) == ["article: predict_proba, a list", "article: pipe, 1 MiB"]


def test_article_words(bench: Bench) -> None:
    sizes = {"UNITS": 8, "TURNS": 1, "WARM": 1, "TIMED": 2, "LOOP": 251}
    rows = bench("article_words", "--iterations", "8", **sizes)["article_words"]
    assert first(rows) == ["direct port, side by side", "foretell, side by side", "foretell, preset article"]


def test_lstm_layer(bench: Bench) -> None:
    ways = [name for name, (package, _) in lstm_layer.WAYS.items() if installed(package)]
    sizes = {"SHAPES": {"tiny": (2, 3, 4, 5)}, "WARM_UP": 1, "PASSES": 1}
    (row,) = bench("lstm_layer", "--repeats", "1", "--ways", *ways, **sizes)["lstm_layer"]
    assert row[:2] == ["tiny", "2, 3, 4, 5"]
    assert len(row) == 3 + len(ways)


def test_language_model(bench: Bench) -> None:
    ways = [name for name, (package, _) in language_model.WAYS.items() if installed(package)]
    sizes = {"WORDS": 3_000, "WIDTH": 8, "STREAMS": 2, "WINDOW": 4, "STEPS": 1, "WARM_UP": 1}
    rows = bench("language_model", "--repeats", "1", "--ways", *ways, **sizes)["language_model"]
    assert first(rows) == ways


def test_big_text(bench: Bench) -> None:
    arguments = "--megabytes", "0.05", "--score-megabytes", "0.02", "0.04"
    rows = bench("big_text", *arguments, TRAINED_ON=0.1, TOKENISED=0.05)["big_text"]
    assert first(rows) == ["tokenising, one core", "train words, data stage", "score, base", "score, base"]
    assert all(float(row[5].replace(",", "")) > 0 for row in rows)
