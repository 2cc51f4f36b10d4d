"""Each benchmark runs on tiny data sets under the names of the real ones, and shows its tables.

A benchmark trains by foretell's command line. Starting TensorFlow for each command would take
minutes, so a command of foretell or of a benchmark runs in this process; other commands are
processes as always.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib
import io
import random
import re
import shlex
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench import harness, language_model
from bench.harness import Finished, execute
from bench.results import read
from foretell.cli.entry import main as foretell_main
from foretell.data import named

pytestmark = pytest.mark.soak

# foretell's settings: a step or two of a network with four units.
TINY = {"UNITS": "4", "EMBEDDING_SIZE": "4", "EPOCHS": "1", "MIN_STEPS": "1", "MAX_STEPS": "2"}
REVIEWS = {"train": 48, "test": 40, "unsup": 200}

Tables = dict[str, list[list[str]]]


def sentence(rng: random.Random, label: str) -> str:
    of_label = {"pos": ["good", "great", "lovely", "warm"], "neg": ["bad", "awful", "dull", "cold"]}
    words = [
        "the",
        "film",
        "was",
        "and",
        "a",
        "story",
        "of",
        *of_label.get(label, ["good", "bad", "warm"]),
    ]
    return " ".join(rng.choices(words, k=rng.randint(8, 30))) + f" {rng.randint(0, 99)}."


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cache of tiny IMDB reviews, and archives under their published names."""
    folder = tmp_path_factory.mktemp("bench-data")
    rng = random.Random(1)
    (folder / "cache").mkdir()
    for part, count in REVIEWS.items():
        labels = ["unsup"] * count if part == "unsup" else ["neg", "pos"] * (count // 2)
        paths = sorted(f"{part}/{label}/{i}_5.txt" for i, label in enumerate(labels))
        content = "".join(
            f"{path}\0{sentence(rng, path.split('/')[1])}\0" for path in paths
        ).encode()
        (folder / "cache" / part).write_bytes(content)
    with zipfile.ZipFile(folder / "ptb.zip", "w") as archive:
        for part in ("train", "valid", "test"):
            # Every word of each part is in the training part, as in the real set.
            lines = [f" {sentence(rng, 'pos').rpartition(' ')[0]} " for _ in range(60)]
            archive.writestr(f"ptbdataset/ptb.{part}.txt", "\n".join(lines))
    with zipfile.ZipFile(folder / "few-labels.zip", "w") as archive:
        for name, labels in (("TREC", ["pos", "neg", "both"]), ("CR", ["pos", "neg"])):
            for part in ("train", "test"):
                text = io.StringIO()
                rows = [(sentence(rng, label), label) for label in labels * 12]
                csv.writer(text).writerows([("text", "label"), *rows])
                archive.writestr(f"{name}.{part}.csv", text.getvalue())
    return folder


def in_process(command: list[str], variables: Mapping[str, str]) -> Finished:
    """`bench.harness.execute`, but foretell and benchmarks run in this process."""
    is_foretell = Path(command[0]).name == "foretell"
    is_bench = command[1] == "-m" and command[2].startswith("bench.")
    if not (is_foretell or is_bench):
        return execute(command, variables)
    start = time.perf_counter()
    out = io.StringIO()
    err = io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            if is_foretell:
                code = foretell_main(command[1:])
            else:
                patch.setattr(sys, "argv", command[2:])
                importlib.import_module(command[2]).main()
    return Finished(out.getvalue(), err.getvalue(), time.perf_counter() - start, code)


@pytest.fixture
def bench(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tables]:
    """Run a benchmark on the tiny data; return its tables by name, as rows of cells, the head left
    out.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "execute", in_process)
    contents = {part: (data / "cache" / part).read_bytes() for part in REVIEWS}
    digests = {part: hashlib.sha256(content).hexdigest() for part, content in contents.items()}
    monkeypatch.setattr(named, "IMDB_PART_SHA256", digests)
    for part, content in contents.items():
        (tmp_path / f"imdb-{part}-{digests[part][:12]}.z").write_bytes(zlib.compress(content, 1))
    # Benchmarks set the last two; set here, they are restored at the end.
    variables = {"FORETELL_CACHE": tmp_path, "FORETELL_DATA": data, "FORETELL_LSTM_KERNEL": 1}
    for name, value in {**variables, "TF_CPP_MIN_LOG_LEVEL": 3}.items():
        monkeypatch.setenv(name, str(value))
    for name, value in TINY.items():
        monkeypatch.setenv(f"FORETELL_{name}", value)

    def go(name: str, *arguments: str, **sizes: Any) -> Tables:
        module = importlib.import_module(f"bench.{name}")
        for constant, value in sizes.items():
            monkeypatch.setattr(module, constant, value)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        module.main()
        files = (tmp_path / "out" / "bench").glob("*.json")
        return {path.stem: [list(row.cells) for row in read(path).rows] for path in files}

    return go


WAYS = [name for name, way in language_model.WAYS.items() if find_spec(way.package)]
# The options of a benchmark, its sizes, and one of its tables with the first cell of each row.
RUNS: dict[str, tuple[str, dict[str, Any], str, list[str]]] = {
    "predict": (
        "--repeats 1",
        {
            "TRAINED_ON": 24,
            "PREDICTED": 16,
            "TURNS": 1,
            "KNOWN_WORDS": 300,
            "FURTHER_WORDS": (4, 12),
        },
        "predict_lengths",
        ["article"] * 3 + ["base"] * 4,
    ),
    "serve": (
        "--seconds 0.2",
        {"CLIENTS": 4, "REVIEWS": 16, "ROUNDS": 1},
        "serve",
        [
            "base, one batch in one process, no service",
            "4 clients, one review per request",
            "half of that load",
        ],
    ),
    "article_words": (
        "--iterations 8",
        {"UNITS": 8, "TURNS": 1, "WARM": 1, "TIMED": 2, "LOOP": 251},
        "article_words",
        ["direct port, side by side", "foretell, side by side", "foretell, preset article"],
    ),
    "article_labels": (
        "--seeds 1 --repeats 1",
        {},
        "article_labels",
        [
            "plain Keras, one epoch",
            "foretell, one epoch",
            "article, seed 1",
            "article, mean (range)",
            "cnn-lstm, seed 1",
            "cnn-lstm, mean (range)",
        ],
    ),
    "language_model": (
        f"--repeats 1 --ways {shlex.join(WAYS)}",
        {"WORDS": 3_000, "WIDTH": 8, "STREAMS": 2, "WINDOW": 4, "STEPS": 1, "WARM_UP": 1},
        "language_model",
        WAYS,
    ),
    "penn_treebank": (
        "--minutes 1",
        {"CACHES": (50,)},
        "penn_treebank",
        [
            "Kneser-Ney, up to 5 words, all n-grams",
            "the network alone",
            "network and Kneser-Ney model, interpolated",
            "the same, cache of 50 words",
        ],
    ),
    "peers": (
        "--seeds 1 --systems 'scikit-learn: TF-IDF' 'foretell quick'",
        {},
        "peers",
        ["scikit-learn: TF-IDF", "foretell quick"],
    ),
    "few_labels": (
        "--sets TREC CR --draws 3 --sizes 12 --systems TF-IDF 'foretell, + vectors'",
        {},
        "few_labels",
        ["TREC", "CR"],
    ),
    "distil": (
        "--sets TREC --draws 3 --teachers 'all labels'",
        {"LABELLED": "12"},
        "distil",
        ["TREC"],
    ),
    "first_model": (
        "--repeats 1 --ways 'foretell, 24'",
        {"SIZES": (24,)},
        "first_model",
        ["foretell, 24"],
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_it_shows_its_rows(bench: Callable[..., Tables], name: str) -> None:
    options, sizes, table, expected = RUNS[name]
    rows = bench(name, *shlex.split(options), **sizes)[table]
    assert [row[0] for row in rows] == expected
    assert all(re.search(r"\d", " ".join(row[1:])) for row in rows)
