"""Malformed files, models, requests and texts: an answer or a typed error, in time."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.spreadsheets import write_xlsx
from reliability.sizes import report, sizes
from service_workplace import Running, running

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.config import WordsSettings
from foretell.data import trial
from foretell.data.corpus import open_corpus
from foretell.data.examples import iter_records
from foretell.errors import ArtifactError, ForetellError
from foretell.runtime.open import open_model
from foretell.service.errors import ApiError
from tests.builders import TEXT, kneser_ney_parts, rewrite, write_classifier, write_random


def mutate(content: bytes, random: random.Random) -> bytes:
    """Return the content with one to eight changes: bits, bytes, parts removed, repeated or
    exchanged.
    """
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        kind = random.randrange(6)
        at = random.randrange(len(changed) + 1)
        stop = min(len(changed), at + random.choice((1, 2, 8, 64)))
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            changed[at:at] = random.choice(PIECES)
        elif kind == 2:
            del changed[at:stop]
        elif kind == 3:
            changed[at:at] = changed[at:stop] * random.choice((1, 3, 50))
        elif kind == 4:
            changed[at:stop] = random.randbytes(stop - at)
        else:
            del changed[at if at > len(changed) // 2 else len(changed) - at :]
    return bytes(changed)


PIECES = (
    b"\0",
    b'"',
    b"'",
    b",",
    b"\t",
    b"\r",
    b"\n",
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"null",
    b"NaN",
    b"1e400",
    b"-1",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"PAR1",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"__label__",
    b"<unk>",
    "\u202e".encode(),
    b"\x1b[31m",
    b"9" * 400,
    b"[" * 3000,
    b'{"a":' * 1200,
)
"""What parsers stumble over."""

MAX_SECONDS = 2.0
MAX_CHARACTERS = 8000
"""A longer text may need longer than MAX_SECONDS: its explanation has a variant for each word."""
ROWS = [("a fine film, “truly”", "pos"), ("dull\nand long", "neg"), ("é中😀", "pos")] * 4


def call(work: Callable[[], object]) -> tuple[str, float]:
    """Return "answered", "refused" or the error that has no type of foretell's, and the seconds."""
    began = time.monotonic()
    try:
        work()
        outcome = "answered"
    except (ForetellError, ApiError):
        outcome = "refused"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    return outcome, time.monotonic() - began


def check(name: str, inputs: Iterator[Callable[[], object]]) -> None:
    """Call each; anything but an answer or a typed error, in time, fails."""
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    wrong = list[str]()
    for number, work in enumerate(inputs):
        outcome, seconds = call(work)
        # On a busy machine any call may be slow once; a hang is slow each time.
        for _ in range(2):
            if seconds >= MAX_SECONDS:
                seconds = min(seconds, call(work)[1])
        if outcome not in ("answered", "refused"):
            wrong.append(f"{number}: {outcome}"[:300])
        outcomes[outcome] += 1
        slowest = max(slowest, seconds)
    assert not wrong, "\n".join(wrong[:20])
    report(name, inputs=sum(outcomes.values()), slowest=f"{slowest:.2f} s", **outcomes)
    assert slowest < MAX_SECONDS
    assert outcomes["refused"]
    assert outcomes["answered"]


def files(folder: Path) -> dict[str, bytes]:
    """Return a valid file of every format, by its name."""
    table = "".join(f'"{text}",{label}\n' for text, label in ROWS)
    objects = [{"text": text, "label": label} for text, label in ROWS]
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({"text": [t for t, _ in ROWS], "label": [each for _, each in ROWS]}), buffer
    )
    write_xlsx(folder / "book.xlsx", {"s": [("text", "label"), *ROWS]})
    return {
        "a.csv": f"text,label\n{table}".encode(),
        "a.tsv": "\n".join(f"{label}\t{' '.join(text.split())}" for text, label in ROWS).encode(),
        "utf16.csv": f"text,label\n{table}".encode("utf-16"),
        "latin.csv": f"text;label\n{table}".encode("latin-1", "ignore"),
        "a.jsonl": "\n".join(map(json.dumps, objects)).encode(),
        "a.json": json.dumps(objects, indent=1).encode(),
        "a.txt": "\n".join(
            f"__label__{label} {' '.join(text.split())}" for text, label in ROWS
        ).encode(),
        "plain.txt": TEXT.encode(),
        "a.csv.gz": gzip.compress(f"text,label\n{table}".encode()),
        "a.parquet": buffer.getvalue(),
        "book.xlsx": (folder / "book.xlsx").read_bytes(),
    }


def read_here(_script: str, kind: str, path: Path, **_: object) -> None:
    """Read a file once, as a process with limits does, and raise what such a process does."""
    try:
        trial.read(kind, str(path))
    except BaseException as error:
        raise ValueError(error) from error


@sizes(220, 100_000)
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    # A process for each of 18,000 files takes an hour.
    monkeypatch.setattr(trial, "run_limited", read_here)
    valid = files(tmp_path)
    chance = random.Random(1)

    def inputs() -> Iterator[Callable[[], object]]:
        for number in range(count):
            name = list(valid)[number % len(valid)]
            path = tmp_path / name
            path.write_bytes(mutate(valid[name], chance))
            options: dict[str, Any] = (
                {"text": "text", "label": "label"} if chance.random() < 0.4 else {}
            )
            if "plain" in name:
                yield lambda path=path: sum(map(len, open_corpus([str(path)])))
            else:
                yield lambda path=path, options=options: sum(
                    1 for _ in iter_records(path, **options)
                )

    check("files", inputs())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A classifier with a linear model, and a language model with a Kneser–Ney model."""
    folder = tmp_path_factory.mktemp("models")
    write_classifier(folder / "labels")
    of_words = WordsSettings(units=5, embedding_size=6)
    write_random(folder / "words", of_words, **kneser_ney_parts(of_words, TEXT, (0.1, 0.3, 0.6)))
    return [folder / "labels", folder / "words"]


@sizes(100, 2_000)
def test_every_corruption_is_caught(models: list[Path], tmp_path: Path, count: int) -> None:
    """Whichever byte of whichever file but README.md is changed, the manifest included."""
    copy = Path(shutil.copytree(models[0], tmp_path / "copy"))
    files = sorted(path for path in copy.iterdir() if path.name != manifest.CARD)
    chance = random.Random(5)
    for number in range(count):
        path = files[number % len(files)]
        content = changed = path.read_bytes()
        while changed == content:
            changed = mutate(content, chance)
        path.write_bytes(changed)
        with pytest.raises(ArtifactError):
            read_model(copy)
        path.write_bytes(content)
    read_model(copy)
    report("corruptions", caught=count)


@sizes(100, 20_000)
def test_model_files_with_true_hashes(models: list[Path], tmp_path: Path, count: int) -> None:
    """The hashes are corrected, so that only what a file holds can be refused."""
    chance = random.Random(2)
    copies = [Path(shutil.copytree(path, tmp_path / path.name)) for path in models]

    def answer(path: Path) -> None:
        model = open_model(path)
        if hasattr(model, "predict_proba"):
            assert np.isfinite(model.predict_proba(["the mind", ""])).all()
            model.explain("the mind adapts")
        else:
            assert all(np.isfinite(each.probability) for each in model.next("the mind"))
            assert not np.isnan(model.score(["the mind adapts"]).perplexity)

    def inputs() -> Iterator[Callable[[], object]]:
        for number in range(count):
            path = copies[number % 2]
            names = sorted(
                {each.name for each in path.iterdir()} - {manifest.MANIFEST, manifest.CARD}
            )
            name = chance.choice(names)
            content = (path / name).read_bytes()
            rewrite(path, name, mutate(content, chance))
            yield lambda path=path: answer(path)
            rewrite(path, name, content)

    check("model files", inputs())


HEAD = (
    b"POST /v1/classify?x=1 HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: application/json\r\n"
)
REQUESTS = [
    HEAD + b"Content-Length: 15\r\n\r\n" + b'{"texts":"abc"}',
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + b'{"texts":"abc"}' + b"\r\n0\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: x\r\n\r\n" * 3,
]


@sizes(80, 30_000)
def test_requests(models: list[Path], monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("foretell.service.server.HEAD_SECONDS", 0.05)
    chance = random.Random(3)

    def ask(it: Running, content: bytes) -> None:
        with it.connect() as connection:
            connection.settimeout(1.0)
            try:
                connection.sendall(content)
                answer = connection.recv(100)
            except TimeoutError:
                # A body that does not end: the service waits for more, until the client ends it.
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(100)
            except ConnectionError:
                answer = b""
            assert not answer.startswith(b"HTTP/1.1 500"), content
            if not answer.startswith(b"HTTP/1.1 2"):
                raise ApiError("refused")

    with running(*models) as it:
        check(
            "requests",
            (partial(ask, it, mutate(chance.choice(REQUESTS), chance)) for _ in range(count)),
        )


@sizes(80, 40_000)
def test_texts(models: list[Path], count: int) -> None:
    """Any text has an answer, or the article's network's error; half surrogates are texts, too."""
    chance = random.Random(4)
    classifier, language = (open_model(path) for path in models)
    pieces = [piece.decode(errors="surrogateescape") for piece in PIECES]
    ranges = [(0, 0x250), (0x300, 0x370), (0x2000, 0x2100), (0xD800, 0xE000), (0, 0x110000)]

    def text() -> str:
        parts = []
        for _ in range(chance.randrange(12)):
            low, high = chance.choice(ranges)
            some = "".join(chr(chance.randrange(low, high)) for _ in range(chance.randrange(9)))
            parts.append(chance.choice((some, "the mind ", chance.choice(pieces))))
        return "".join(parts)[:MAX_CHARACTERS]

    def answer(given: str) -> None:
        (verdict,) = classifier.classify([given])
        assert 0 <= verdict.probability <= 1
        explained = classifier.explain(given, bounded=True)
        assert all(given[word.start : word.end] == word.text for word in explained.words)
        assert len(language.next(given, k=3)) == 3
        language.score([given])

    # The first call loads what the others have.
    answer("the mind")
    check("texts", (partial(answer, text()) for _ in range(count)))
