"""Each benchmark runs on tiny data and prints its tables (see `conftest.py`)."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from bench import few_labels, language_model, peers
from foretell.export import browser_runtime
from tests.bench.conftest import Bench, first, installed

pytestmark = pytest.mark.soak


def test_predict(bench: Bench) -> None:
    sizes = {"TRAINED_ON": 24, "PREDICTED": 16, "TURNS": 1, "KNOWN_WORDS": 300, "FURTHER_WORDS": (4, 12)}
    tables = bench("predict", "--repeats", "1", **sizes)
    assert len(tables["predict"]) == 4
    assert all("ms" in row[1] for row in tables["predict"])
    assert first(tables["predict_lengths"]) == ["article"] * 3 + ["base"] * 4
    assert first(tables["predict_start_up"]) == [
        "python -c pass, cold", "foretell --help, cold", "foretell classify, cold",
    ]  # fmt: skip


def test_serve(bench: Bench) -> None:
    sizes = {"CLIENTS": 4, "REVIEWS": 16, "ROUNDS": 1}
    rows = bench("serve", "--seconds", "0.2", **sizes)["serve"]
    assert first(rows)[1:] == ["4 clients, one review per request", "half of that load"]
    assert [row[4] for row in rows] == ["", "0", "0"]


def test_article_words(bench: Bench) -> None:
    sizes = {"UNITS": 8, "TURNS": 1, "WARM": 1, "TIMED": 2, "LOOP": 251}
    rows = bench("article_words", "--iterations", "8", **sizes)["article_words"]
    assert first(rows) == ["direct port, side by side", "foretell, side by side", "foretell, preset article"]


def test_article_labels(bench: Bench) -> None:
    rows = bench("article_labels", "--seeds", "1", "--repeats", "1")["article_labels"]
    assert first(rows) == [
        "plain Keras, one epoch", "foretell, one epoch", "article, seed 1", "article, mean (range)",
        "cnn-lstm, seed 1", "cnn-lstm, mean (range)",
    ]  # fmt: skip


def test_language_model(bench: Bench) -> None:
    ways = [name for name, (package, _) in language_model.WAYS.items() if installed(package)]
    sizes = {"WORDS": 3_000, "WIDTH": 8, "STREAMS": 2, "WINDOW": 4, "STEPS": 1, "WARM_UP": 1}
    rows = bench("language_model", "--repeats", "1", "--ways", *ways, **sizes)["language_model"]
    assert first(rows) == ways


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
    assert by_name["scikit-learn: TF-IDF"][3].startswith("c=")
    # A later run takes the settings that were chosen, and chooses none.
    chosen = ["--chosen", "out/bench/peers_settings.jsonl", "--systems", "scikit-learn: TF-IDF"]
    again = bench("peers", "--seeds", "2", "3", *chosen)
    assert list(again) == ["peers"]
    assert [row[2] for row in again["peers"]] == ["2"]


def test_penn_treebank(bench: Bench) -> None:
    rows = bench("penn_treebank", "--minutes", "1", CACHES=(50,))["penn_treebank"]
    assert first(rows) == [
        "Kneser-Ney, up to 5 words, all n-grams", "the network alone",
        "network and Kneser-Ney model, interpolated", "the same, cache of 50 words",
    ]  # fmt: skip
    assert all(float(cell) > 1 for row in rows for cell in row[1:3])
    # The same model again, without a training.
    again = bench("penn_treebank", "--model", "out/bench/penn_treebank/model", CACHES=(50,))["penn_treebank"]
    assert [row[:3] for row in again[-4:]] == [row[:3] for row in rows]


def test_keyboard(bench: Bench) -> None:
    if shutil.which("chromium") is None or not browser_runtime.cached().is_file():
        pytest.skip("needs Chromium and onnxruntime-web")
    bench("penn_treebank", "--minutes", "1", CACHES=())
    model = "out/bench/penn_treebank/model"
    tables = bench("keyboard", "--model", model, TEXTS=2, POSITIONS=4)
    assert first(tables["keyboard_penn_treebank"]) == ["Kneser-Ney model", "network", "both", "both, cache"]
    assert len(tables["keyboard_browser"]) == 1


def test_few_labels(bench: Bench) -> None:
    # A sentence encoder would read a thousand texts.
    systems = [n for n, p in few_labels.PEERS.items() if installed(p.package) and n not in few_labels.OUTSIDE]
    sets = ("--sets", "TREC", "CR", "--draws", "3", "--sizes", "12")
    arguments = (*sets, "--systems", *systems, "foretell, + vectors")
    rows = bench("few_labels", *arguments, BUCKETS=1_000)["few_labels"]
    assert [row[:2] for row in rows] == [["TREC", "12"], ["CR", "12"]]
    assert all(re.fullmatch(r"\d+\.\d%", cell) for row in rows for cell in row[2:])
    systems = ["TF-IDF", "foretell, + unlabelled"]
    rows = bench("few_labels", "--sets", "CR", "--sizes", "all", "--systems", *systems)["few_labels"]
    # All labels leave nothing unlabelled.
    assert [row[-1] for row in rows] == [""]


def test_distil(bench: Bench) -> None:
    arguments = ("--sets", "TREC", "--draws", "3", "--teachers", "all labels")
    rows = bench("distil", *arguments, LABELLED="12")["distil"]
    assert [row[:2] for row in rows] == [["TREC", "all labels"]]
    assert re.match(r"\d+\.\d%", rows[0][5])


def test_first_model(bench: Bench) -> None:
    rows = bench("first_model", "--repeats", "1", "--ways", "foretell, 24", SIZES=(24,))["first_model"]
    assert first(rows) == ["foretell, 24"]


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is installed by make bench")
    from bench import plots

    plots.bars({"fastText": 0.5, "foretell": 0.7}, tmp_path / "bars.svg")
    assert "foretell" in (tmp_path / "bars.svg").read_text(encoding="utf-8")
