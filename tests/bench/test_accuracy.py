"""Benchmarks of accuracy run on tiny data and print their tables (see `conftest.py`)."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from bench import other_sets, peers
from tests.bench.conftest import Bench, first, installed

pytestmark = pytest.mark.soak


def test_article_labels(bench: Bench) -> None:
    rows = bench("article_labels", "--seeds", "1", "--repeats", "1")["article_labels"]
    assert first(rows) == ["plain Keras, one epoch", "foretell, one epoch", "seed 1", "mean (range)"]
    # The figures of the preset article were kept: it is not trained again.
    again = bench("cnn_lstm", "--seeds", "1")["cnn_lstm"]
    assert first(again) == ["1", "mean"]
    assert again[0][1:3] == rows[2][1:3]


def test_peers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, peer in peers.PEERS.items():
        n = 1 if name.endswith("LSTM") else 2
        monkeypatch.setitem(peers.PEERS, name, dataclasses.replace(peer, candidates=peer.candidates[:n]))
    used = [name for name, peer in peers.PEERS.items() if installed(peer.package)]
    systems = [*used, "foretell quick", "foretell base, with unlabelled"]
    tables = bench("peers", "--seeds", "1", "--systems", *systems, BUCKETS=1_000)
    assert first(tables["peers"]) == systems
    assert first(tables["peers_settings"]) == used
    by_name = {row[0]: row for row in tables["peers_settings"]}
    assert re.fullmatch(r"c=1: \d+\.\d\d%, c=3: \d+\.\d\d%", by_name["scikit-learn: TF-IDF"][2])
    assert by_name["scikit-learn: TF-IDF"][3] in ("c=1", "c=3")
    assert Path("out/bench/peers.svg").read_text(encoding="utf-8").count("<circle") == len(systems)
    # A later run takes the settings that were chosen, and chooses none.
    chosen = ["--chosen", "out/bench/peers_settings.jsonl", "--systems", "scikit-learn: TF-IDF"]
    again = bench("peers", "--seeds", "2", "3", *chosen)
    assert list(again) == ["peers"]
    assert [row[2] for row in again["peers"]] == ["2"]


def test_imdb_presets(bench: Bench) -> None:
    rows = bench("imdb_presets", "--presets", "quick", "--seeds", "2")["imdb_presets"]
    assert [row[1] for row in rows] == ["1", "2", "mean (range)"]


def test_minutes(bench: Bench) -> None:
    rows = bench("minutes", "--minutes", "1", "10")["minutes"]
    assert [row[:2] for row in rows] == [["1", "quick"], ["10", "base"]]


def test_imdb_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of so little text a larger part has to be kept for validation.
    monkeypatch.setenv("FORETELL_VALID_FRACTION", "0.3")
    rows = bench("imdb_words", "--minutes", "1")["imdb_words"]
    assert len(rows) == 4
    assert all(float(row[1]) > 1 for row in rows)


def test_penn_treebank(bench: Bench) -> None:
    tables = bench("penn_treebank", "--minutes", "1", CACHES=(50,))
    assert first(tables["penn_treebank"]) == [
        "Kneser-Ney, up to 5 words, all n-grams",
        "the network alone",
        "network and Kneser-Ney model, interpolated",
    ]
    learning = tables["penn_treebank_learning"]
    assert first(learning) == [
        "neither",
        "cache of 50 words",
        "dynamic evaluation",
        "dynamic evaluation, cache of 50 words",
    ]
    assert all(float(cell) > 1 for rows in tables.values() for row in rows for cell in row[1:3])
    assert learning[0][1:3] == tables["penn_treebank"][2][1:3]
    # The same model again, without a training.
    again = bench("penn_treebank", "--model", "out/bench/penn_treebank/model", CACHES=(50,))
    assert [row[:3] for row in again["penn_treebank_learning"][-4:]] == [row[:3] for row in learning]


def test_other_sets(bench: Bench) -> None:
    sets = {
        "docstrings, 500": lambda: other_sets.docstrings(40, first_paragraphs=True),
        "reviews, 500, and 10000 unlabelled": lambda: other_sets.reviews(24, unlabelled=8),
        "one in ten positive, 2000": lambda: other_sets.uneven(20),
    }
    sizes = {"SETS": sets, "PACKAGES": ("json", "email"), "MAX_TESTED": 16}
    rows = bench("other_sets", "--seeds", "1", **sizes)["other_sets"]
    assert [row[:2] for row in rows] == [[name, n] for name, n in zip(sets, ("40", "24", "20"), strict=True)]


@pytest.mark.soak
def test_ablation(bench: Bench) -> None:
    ingredients = {"text_vectors": "without text vectors", "refit": "quick has no refit"}
    sizes = {"LABELLED": 20, "UNLABELLED": 12, "TESTED": 8, "INGREDIENTS": ingredients}
    rows = bench("ablation", "--seeds", "1", "--presets", "quick", **sizes)["ablation"]
    assert [row[1] for row in rows] == [
        "everything",
        "without text vectors",
        "without the unlabelled texts",
    ]
