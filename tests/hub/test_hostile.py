"""A hostile hub: whatever it answers, nothing outside the cache changes; bytes and time are bounded."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError, HubError, NoAnswerError
from foretell.hub import client
from foretell.hub.client import Address, in_cache, is_file_name, parse, snapshot
from foretell.hub.datasets import fetch_dataset, parse_dataset
from foretell.hub.models import fetch, fetch_encoder
from tests.hub.stand_in import Hub

COMMIT = "5c1b0f0c8f8d4c0f9a6b3c2d1e0f9a8b7c6d5e4f"
UP = "../" * 8
SECRET = "unchanged"


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "Connection: close"]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def answering(info: bytes, file: bytes) -> Callable[[str, BinaryIO], bool]:
    """Return what answers every question about a repository, and every one for a file."""

    def answer(request: str, connection: BinaryIO) -> bool:
        with contextlib.suppress(OSError):
            connection.write(info if " /api/" in request else file)
        return True

    return answer


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the cache that must stay as it is, known to the hostile answers by its path."""
    path = tmp_path / "precious" / "x"
    path.parent.mkdir()
    path.write_text(SECRET)
    return path


PARTS = (
    "..",
    ".",
    "",
    "/",
    "\\",
    "C:",
    "x",
    "precious",
    "config.json",
    "manifest.json",
    "\0",
    "a" * 300,
    "\ud800",
    "~",
)
PATHS = st.one_of(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=12).map("/".join),
    st.sampled_from(
        [f"{UP}precious/x", "../../../precious/x", "/etc/passwd", "..\\..\\x", "refs/main", "x/../../x"]
    ),
    st.text(max_size=30),
)
SHAS = st.one_of(
    PATHS, st.just(COMMIT), st.just(COMMIT.upper()), st.just(COMMIT + "\n"), st.just(COMMIT[:-1]),
    st.none(), st.integers(), st.lists(st.text(max_size=3), max_size=2),
)  # fmt: skip
SIZES = st.one_of(st.integers(-10, 2000), st.sampled_from([2**63, 10**30, True, None, "5", 1e300]))
NAMES = st.one_of(
    PATHS, st.sampled_from(["config.json", "manifest.json", "onnx/model.onnx", "tokenizer.json", "LICENSE"]),
    st.sampled_from(["data/train.csv", "../train.csv", "train.jsonl", "a/../../../train.parquet"]),
)  # fmt: skip
RECORDS = st.fixed_dictionaries(
    {
        "sha": SHAS,
        "siblings": st.lists(st.fixed_dictionaries({"rfilename": NAMES, "size": SIZES}), max_size=6),
    }
)
KEYS = st.sampled_from(["sha", "siblings", "rfilename"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=5,
)
BODIES = st.one_of(
    RECORDS.map(json.dumps).map(str.encode),
    JSON.map(json.dumps).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([b"[" * 100_000, b'{"sha": 1e400}', b"9" * 5000, b"NaN"]),
)
HEADERS = st.lists(
    st.one_of(
        PATHS.map(lambda path: f"ETag: \"{path}\""), PATHS.map(lambda path: f"X-Repo-Commit: {path}"),
        PATHS.map(lambda path: f"X-Linked-Etag: {path}"), PATHS.map(lambda path: f"X-Error-Message: {path}"),
        st.sampled_from(["Content-Encoding: gzip", "Transfer-Encoding: chunked", "Content-Length: -1"]),
        st.sampled_from(["Location: /", "Location: file:///etc/passwd", "Location: ftp://127.0.0.1/x"]),
    ).filter(lambda line: "\0" not in line and "\n" not in line and "\r" not in line),
    max_size=3,
)  # fmt: skip
STATUSES = st.sampled_from(
    ["200 OK"] * 6 + ["302 Found", "307 X", "304 X", "401 X", "404 X", "416 X", "500 X", "99 X"]
)
ANSWERS = st.one_of(
    st.builds(lambda body, headers, status: http(body, *headers, status=status), BODIES, HEADERS, STATUSES),
    st.binary(max_size=60),
)
ASKED: list[Callable[[], object]] = [
    lambda: fetch(parse("hf://ada/reviews")),
    lambda: fetch(parse(f"hf://ada/reviews@{COMMIT}")),
    lambda: fetch_encoder(parse("hf://ada/encoder")),
    lambda: fetch_dataset(parse_dataset("hf://ada/set"), None),
]


@given(info=ANSWERS, file=ANSWERS, ask=st.sampled_from(ASKED))
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_answer_reaches_a_file_outside_the_cache(
    hub: Hub, outside: Path, info: bytes, file: bytes, ask: Callable[[], object]
) -> None:
    root = outside.parent.parent
    with tempfile.TemporaryDirectory(dir=root) as cache, pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", cache)
        hub.hostile = answering(info, file)
        before = sorted(path for path in root.rglob("*") if Path(cache) not in path.parents)
        # It may succeed where the answers are in order.
        with contextlib.suppress(ForetellError):
            ask()
        assert sorted(path for path in root.rglob("*") if Path(cache) not in path.parents) == before
        for path in Path(cache).rglob("*"):
            assert Path(cache) in path.resolve().parents
            assert path.is_dir() or path.stat().st_size <= 2000
    assert outside.read_text() == SECRET


@pytest.mark.parametrize(
    "sha", [f"{UP}precious/x", COMMIT.upper(), COMMIT + "\n", COMMIT[:-1], "main", "", 5, None]
)
def test_a_commit_is_forty_hexadecimal_digits(hub: Hub, sha: Any) -> None:
    hub.hostile = answering(http(json.dumps({"sha": sha, "siblings": []}).encode()), b"")
    with pytest.raises(
        HubError, match=r"expected the files of a commit, found (a commit of other|another answer)"
    ):
        fetch(parse("hf://ada/reviews"))
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*"))


def test_a_branch_in_the_cache_that_names_no_commit_is_not_followed(outside: Path, hub: Hub) -> None:
    folder = Path(constants.HF_HUB_CACHE) / "models--ada--reviews" / "refs"
    folder.mkdir(parents=True)
    (folder / "main").write_text(f"{UP}{outside.parent}")
    assert in_cache("model", Address("ada/reviews")) is None
    assert not hub.requests


@given(name=PATHS)
def test_a_name_that_is_accepted_stays_in_its_folder(name: str) -> None:
    if is_file_name(name):
        folder = Path("/cache/folder")
        assert folder in (folder / name).parents
        assert ".." not in (folder / name).parts
        assert not set(name) & set("\\:\0\n")


def listing(size: int) -> bytes:
    files = [{"rfilename": name, "size": size} for name in ("config.json", "manifest.json")]
    return http(json.dumps({"sha": COMMIT, "siblings": files}).encode())


@pytest.mark.parametrize(("size", "sent"), [(10, 1000), (1000, 10), (0, 1)])
def test_a_file_of_another_size_than_listed_is_no_file(hub: Hub, size: int, sent: int) -> None:
    hub.hostile = answering(listing(size), http(b"x" * sent))
    with pytest.raises(HubError, match=r"expected (at most )?[0-9,]+ bytes, found (more|fewer)"):
        fetch(parse("hf://ada/reviews"))
    assert not [path for path in Path(constants.HF_HUB_CACHE).rglob("*.json") if path.is_file()]


def endless(head: bytes, part: bytes, seconds: float) -> Callable[[str, BinaryIO], bool]:
    def answer(_: str, connection: BinaryIO) -> bool:
        with contextlib.suppress(OSError):
            connection.write(head)
            # Longer than any test waits.
            for _ in range(100_000):
                connection.write(part)
                connection.flush()
                time.sleep(seconds)
        return True

    return answer


def test_an_answer_without_end_is_cut_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER", 1 << 20)
    hub.hostile = endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x" * 65_536, 0)
    with pytest.raises(HubError, match="at most 1,048,576 bytes, found more"):
        snapshot("model", Address("ada/reviews"))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A: "]
)
def test_a_slow_answer_ends_in_time(hub: Hub, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    # Byte by byte, in the body or in the header, so that no read ever takes long.
    monkeypatch.setattr(client, "SECONDS", 0.5)
    hub.hostile = endless(head, b"x", 0.05)
    start = time.monotonic()
    with pytest.raises(NoAnswerError, match="expected an answer of the Hub in time"):
        snapshot("model", Address("ada/reviews"))
    assert time.monotonic() - start < 30
    hub.hostile = None


def test_a_file_larger_than_the_disk_is_not_begun(hub: Hub) -> None:
    hub.hostile = answering(http(json.dumps({"sha": COMMIT, "siblings": [
        {"rfilename": "train.csv", "size": client.MAX_FILE}]}).encode()), b"")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foretell.hub.client.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
        with pytest.raises(HubError, match="bytes of free space, found less"):
            fetch_dataset(parse_dataset("hf://ada/set"), None)
