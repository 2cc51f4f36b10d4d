"""A model from the Hub: pinned, cached, verified; and one line for whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

import foretell
from foretell.cli.entry import main
from foretell.errors import (
    ChangedFileError,
    HubError,
    MissingExtraError,
    NotAModelError,
    UsageError,
)
from foretell.hub.client import Address, address_of, parse
from foretell.hub.models import local_encoder, local_path
from foretell.runtime.encoder import SentenceEncoder
from tests.encoders import tiny_encoder
from tests.hub.stand_in import Hub, Repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REVIEWS = "hf://ada/reviews"
NOTES = "hf://ada/notes"


def test_an_address_and_back() -> None:
    for revision in ("v1.0", "refs/pr/3", COMMIT, "main"):
        address = parse(f"hf://ada/re.views_2-a@{revision}")
        assert address == Address("ada/re.views_2-a", revision)
        assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "hf://",
            "hf://ada",
            "hf://ada/reviews/config.json",
            "hf://ada/reviews@",
            "hf://../reviews",
        ),
        *("hf://ada/a--b", "hf://ada/re views", "hf://ada/reviews\n", "reviews-model"),
        *("hf://ada/reviews@../../../etc/cron.d/x", "hf://ada/reviews@/etc/passwd"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="hf://owner/name"):
        parse(text)


def test_a_directory_stays_what_it_is(labels_model: Path) -> None:
    assert local_path(labels_model) == labels_model == local_encoder(labels_model)
    folder = Path("/c/hub/models--ada--reviews/snapshots")
    assert address_of(folder / COMMIT) == Address("ada/reviews", COMMIT)
    for other in (
        folder / "main",
        Path("reviews-model"),
        Path("/"),
        None,
        Path(f"/a/snapshots/{COMMIT}"),
    ):
        assert address_of(other) is None


def test_a_branch_becomes_a_commit(hub: Hub, pushed: Repository) -> None:
    path = Path(local_path(REVIEWS))
    commit = pushed.refs["main"]
    assert address_of(path) == Address("ada/reviews", commit)
    assert foretell.TextClassifier.load(REVIEWS).predict(["good food"])
    # Only files of a model were downloaded.
    files = {*hub.downloads(), *(each.name for each in path.iterdir())}
    assert "model.safetensors" in files
    assert not {"pytorch_model.bin", "modeling.py"} & files
    # A commit that is in the cache needs no request, a branch is asked for again.
    hub.requests.clear()
    assert local_path(f"{REVIEWS}@{commit}") == path
    assert hub.requests == []
    pushed.refs["v1"] = commit
    newer = pushed.commit({**pushed.files, "notes.txt": b"more"})
    assert Path(local_path(REVIEWS)).name == newer
    assert local_path(f"{REVIEWS}@v1") == path


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("offline", "unset HF_HUB_OFFLINE"),
        # Port 9 (discard) is closed.
        (
            "unreachable",
            r"expected an answer of the Hub \(http://127.0.0.1:9\), found ConnectError",
        ),
        ("failing", "HTTP status 503: maintenance"),
    ],
)
@pytest.mark.usefixtures("pushed")
def test_what_is_in_the_cache_opens_without_an_answer(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    how: str,
    message: str,
) -> None:
    first = local_path(REVIEWS)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", how == "offline")
    if how == "unreachable":
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    hub.failure = (503, "maintenance") if how == "failing" else None
    assert local_path(REVIEWS) == first
    assert capfd.readouterr().err == ""
    with pytest.raises(HubError, match=message):
        local_path("hf://ada/another")


def test_what_is_not_there_is_one_line(
    hub: Hub, pushed: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        HubError, match=r"^hf://ada/none: expected a repository, found none, or a private"
    ):
        foretell.load("hf://ada/none")
    with pytest.raises(HubError, match="expected a branch, tag or commit of it, found none"):
        foretell.load(f"{REVIEWS}@v9")
    hub.add("ada/bert", {"config.json": b"{}", "model.safetensors": b"1", "tokenizer.json": b"{}"})
    with pytest.raises(NotAModelError, match="expected a foretell model, found a repository that"):
        foretell.load("hf://ada/bert")
    with pytest.raises(
        HubError, match=r"expected an encoder with onnx/model\.onnx and tokenizer\.json"
    ):
        local_encoder("hf://ada/bert")
    assert not hub.downloads()
    pushed.private = True
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match=r"that no token here can read; .*hf auth login"):
        foretell.load(REVIEWS)
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"install .*\[hub\]'"):
        foretell.load(REVIEWS)


@pytest.mark.parametrize("sha", ["../" * 8 + "precious", COMMIT.upper(), COMMIT[:-1], "main"])
def test_a_commit_is_forty_hexadecimal_digits(hub: Hub, pushed: Repository, sha: str) -> None:
    pushed.commits[-1] = (sha, pushed.files)
    pushed.refs["main"] = sha
    with pytest.raises(HubError, match="expected a commit of 40 hexadecimal digits"):
        local_path(REVIEWS)
    assert not hub.downloads()


def test_a_changed_file_is_refused(pushed: Repository) -> None:
    content = pushed.files["model.safetensors"]
    pushed.commit({**pushed.files, "model.safetensors": content[:-1] + b"\x55"})
    with pytest.raises(ChangedFileError, match="SHA-256"):
        foretell.load(REVIEWS)


def test_a_teacher_from_the_hub_is_pinned(hub: Hub, tmp_path: Path) -> None:
    """A sentence encoder, as repositories of sentence-transformers have it."""
    files = {path.name: path.read_bytes() for path in tiny_encoder(tmp_path / "made").iterdir()}
    files["onnx/model.onnx"] = files.pop("model.onnx")
    repository = hub.add("ada/tiny-encoder", {**files, "LICENSE": b"MIT", "model.bin": b"1"})
    folder = local_encoder("hf://ada/tiny-encoder")
    commit = repository.refs["main"]
    opened = SentenceEncoder.open(folder)
    here = SentenceEncoder.open(tmp_path / "made")
    assert opened.name == f"hf://ada/tiny-encoder@{commit}"
    assert (opened.sha256, opened.window) == (here.sha256, here.window)
    assert opened.files().licence == b"MIT"
    assert "model.bin" not in hub.downloads()


def test_every_command_takes_an_address(
    hub: Hub,
    pushed: Repository,
    words_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.add("ada/notes", {each.name: each.read_bytes() for each in words_model.iterdir()})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text(
        "text,label\ngood food,good\nbad food,bad\na long wait,bad\n"
    )
    (tmp_path / "notes.txt").write_text("good food and kind people\n")
    for command in (
        *(f"explain {REVIEWS} good", f"evaluate {REVIEWS} reviews.csv", f"info {REVIEWS} --json"),
        *(
            f"compare {REVIEWS} {REVIEWS} reviews.csv",
            f"export {REVIEWS}",
            f"complete {NOTES} good --words 2",
        ),
        *(f"next {NOTES} good", f"score {NOTES} notes.txt", f"evaluate {NOTES} notes.txt"),
    ):
        argv = command.split()
        assert main(argv) == 0, command
        captured = capsys.readouterr()
        commit = hub.repositories[argv[1].removeprefix("hf://")].refs["main"]
        assert f"model: {argv[1]}@{commit}" in captured.err, command
        if argv[0] == "info":
            assert json.loads(captured.out)["hub"] == f"{REVIEWS}@{pushed.refs['main']}"
    # The name of an export is that of the repository.
    assert Path("reviews-onnx").is_dir()
