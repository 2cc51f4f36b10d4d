"""Tiny data sets under the names of the real ones, and benchmarks whose commands run in this process.

Sizes are the only difference: a benchmark reads the named sets, trains by foretell's command line and prints
its tables as it does on the real data. Starting TensorFlow for each command would take minutes, so a command
of foretell or of a benchmark runs in this process; other commands are processes as always.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib
import io
import random
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench import harness
from bench.harness import Finished, execute, rows_in
from foretell.cli import main as foretell_main
from foretell.data import named

# foretell's settings: a step or two of a network with four units.
TINY = {"UNITS": "4", "EMBEDDING_SIZE": "4", "EPOCHS": "1", "MIN_STEPS": "1", "MAX_STEPS": "2"}
REVIEWS = {"train": 48, "test": 40, "unsup": 200}

Table = list[list[str]]
Bench = Callable[..., dict[str, Table]]


def first(table: Table) -> list[str]:
    """Return the first cell of each row."""
    return [row[0] for row in table]


def installed(package: str) -> bool:
    """Return whether a peer is there. `make bench` installs all; without one, the other ways are run."""
    return find_spec(package) is not None


def sentence(rng: random.Random, label: str) -> str:
    of_label = {"pos": ["good", "great", "lovely", "warm"], "neg": ["bad", "awful", "dull", "cold"]}
    words = ["the", "film", "was", "and", "a", "story", "of", *of_label.get(label, ["good", "bad", "warm"])]
    return " ".join(rng.choices(words, k=rng.randint(8, 30))) + f" {rng.randint(0, 99)}."


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cache of tiny IMDB reviews, and archives under their published names."""
    folder, rng = tmp_path_factory.mktemp("bench-data"), random.Random(1)
    (folder / "cache").mkdir()
    for part, count in REVIEWS.items():
        labels = ["unsup"] * count if part == "unsup" else ["neg", "pos"] * (count // 2)
        paths = sorted(f"{part}/{label}/{i}_5.txt" for i, label in enumerate(labels))
        content = "".join(f"{path}\0{sentence(rng, path.split('/')[1])}\0" for path in paths).encode()
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
    start, out, err, code = time.perf_counter(), io.StringIO(), io.StringIO(), 0
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
def bench(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """Run a benchmark on the tiny data; return its tables by name, as rows of cells, the head left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "execute", in_process)
    contents = {part: (data / "cache" / part).read_bytes() for part in REVIEWS}
    digests = {part: hashlib.sha256(content).hexdigest() for part, content in contents.items()}
    monkeypatch.setattr(named, "IMDB_PART_SHA256", digests)
    for part, content in contents.items():
        (tmp_path / f"imdb-{part}-{digests[part][:12]}.z").write_bytes(zlib.compress(content, 1))
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    monkeypatch.setenv("FORETELL_DATA", str(data))
    # Benchmarks set them; set here, they are restored at the end.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("FORETELL_LSTM_KERNEL", "1")
    for name, value in TINY.items():
        monkeypatch.setenv(f"FORETELL_{name}", value)

    def go(name: str, *arguments: str, **sizes: Any) -> dict[str, Table]:
        module = importlib.import_module(f"bench.{name}")
        for constant, value in sizes.items():
            monkeypatch.setattr(module, constant, value)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        capsys.readouterr()
        module.main()
        return tables(capsys.readouterr().out)

    def tables(shown: str) -> dict[str, Table]:
        """Return the rows of each table that this benchmark has shown, from the files where they are kept."""
        kept: dict[str, Table] = {}
        for path in sorted((tmp_path / "out" / "bench").glob("*.jsonl")):
            for row in rows_in(path):
                cells = [str(cell) for cell in row["cells"]]
                if all("| " + " | ".join(each) + " |" in shown for each in (row["columns"], cells)):
                    kept.setdefault(path.stem, []).append(cells)
        return kept

    return go
