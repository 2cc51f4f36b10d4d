"""A model from the Hub: pinned, cached, verified; and one line for whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

import foretell
from foretell.cli import main
from foretell.errors import ChangedFileError, HubError, MissingExtraError, NoAnswerError, NotAModelError
from foretell.hub.client import Address, parse
from foretell.hub.models import fetch, local_encoder, local_path
from foretell.runtime.encoder import SentenceEncoder
from tests.encoders import tiny_encoder
from tests.hub.stand_in import Hub, Repository

ADDRESS = "hf://ada/reviews"


@pytest.fixture
def pushed(hub: Hub, labels_model: Path) -> Repository:
    """The classifier, as if pushed; test_push.py pushes for real."""
    repository = hub.repositories["ada/reviews"] = Repository(private=False)
    repository.commit(
        {
            **{each.name: each.read_bytes() for each in labels_model.iterdir() if each.is_file()},
            "pytorch_model.bin": b"a pickle",
            "modeling.py": b"import os",
        }
    )
    return repository


def test_a_branch_becomes_a_commit(pushed: Repository) -> None:
    seen: list[Address] = []
    path = local_path(ADDRESS, listener=seen.append)
    assert seen == [Address("ada/reviews", pushed.refs["main"])]
    assert Path(path).name == pushed.refs["main"]
    assert foretell.TextClassifier.load(ADDRESS).predict(["good food"])


def test_a_directory_stays_what_it_is(labels_model: Path) -> None:
    assert local_path(labels_model) == labels_model
    assert local_path("reviews-model") == "reviews-model"


@pytest.mark.usefixtures("pushed")
def test_only_files_of_a_model_are_downloaded(hub: Hub) -> None:
    path = fetch(parse(ADDRESS))[0]
    names = {each.name for each in path.iterdir()}
    assert "model.onnx" in names
    assert not names & {"pytorch_model.bin", "modeling.py"}
    assert not [each for each in hub.requests if "pytorch_model.bin" in each or "modeling.py" in each]


def test_a_commit_in_the_cache_needs_no_request(hub: Hub, pushed: Repository) -> None:
    pinned = str(fetch(parse(ADDRESS))[1])
    hub.requests.clear()
    assert fetch(parse(pinned))[0].name == pushed.refs["main"]
    assert hub.requests == []


def test_a_revision_is_asked_for_again(pushed: Repository) -> None:
    first = fetch(parse(ADDRESS))[1]
    pushed.refs["v1"] = first.revision
    second = pushed.commit({**pushed.files, "notes.txt": b"more"})
    assert fetch(parse(ADDRESS))[1].revision == second
    assert fetch(parse(f"{ADDRESS}@v1"))[1] == first


@pytest.mark.usefixtures("pushed")
def test_what_is_in_the_cache_opens_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(parse(ADDRESS))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(parse(ADDRESS)) == first
    with pytest.raises(NoAnswerError, match="unset HF_HUB_OFFLINE"):
        fetch(parse("hf://ada/another"))


@pytest.mark.usefixtures("pushed")
def test_an_unreachable_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(parse(ADDRESS))
    # Port 9 (discard) is closed.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert fetch(parse(ADDRESS)) == first
    with pytest.raises(NoAnswerError, match=r"expected an answer of the Hub .*found ConnectError"):
        fetch(parse("hf://ada/another"))


@pytest.mark.usefixtures("pushed")
def test_a_hub_that_fails(hub: Hub) -> None:
    first = fetch(parse(ADDRESS))
    hub.failure = (503, "maintenance")
    assert fetch(parse(ADDRESS)) == first
    with pytest.raises(NoAnswerError, match="HTTP status 503: maintenance"):
        fetch(parse("hf://ada/another"))


@pytest.mark.usefixtures("hub")
def test_no_repository() -> None:
    with pytest.raises(
        HubError, match=r"^hf://ada/none: expected a repository, found none, or a private one"
    ):
        fetch(parse("hf://ada/none"))


def test_a_private_one_without_a_token(pushed: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed.private = True
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match=r"a private one, which needs a token; .*hf auth login"):
        foretell.load(ADDRESS)


@pytest.mark.usefixtures("pushed")
def test_no_such_revision() -> None:
    with pytest.raises(HubError, match="expected a branch, tag or commit of it, found none"):
        fetch(parse(f"{ADDRESS}@v9"))


def test_a_repository_of_another_program(hub: Hub) -> None:
    for name, files in (
        ("bert", {"config.json": b"{}", "model.safetensors": b"1"}),
        ("other", {"config.json": b"{}", "manifest.json": b"{}"}),
    ):
        hub.repositories[f"ada/{name}"] = Repository(private=False)
        hub.repositories[f"ada/{name}"].commit(files)
        with pytest.raises(NotAModelError, match="expected a foretell model, found a repository that"):
            foretell.load(f"hf://ada/{name}")


def test_a_file_of_another_size_is_not_downloaded(hub: Hub, pushed: Repository) -> None:
    pushed.commit({**pushed.files, "model.onnx": b"0" * 100_000})
    with pytest.raises(ChangedFileError, match=r"model\.onnx: expected \d+ bytes, found 100000"):
        foretell.load(ADDRESS)
    assert not [each for each in hub.requests if each.endswith("/model.onnx")]


def test_a_changed_file_is_refused(pushed: Repository) -> None:
    content = pushed.files["model.safetensors"]
    pushed.commit({**pushed.files, "model.safetensors": content[:-1] + b"\x55"})
    with pytest.raises(ChangedFileError, match="SHA-256"):
        foretell.load(ADDRESS)


def test_without_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foretell\[hub\]'"):
        foretell.load(ADDRESS)


@pytest.fixture
def encoder(hub: Hub, tmp_path: Path) -> Repository:
    """A sentence encoder, as repositories of sentence-transformers have it."""
    folder = tiny_encoder(tmp_path / "made")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    repository = hub.repositories["ada/tiny-encoder"] = Repository(private=False)
    repository.commit({**files, "onnx/model.onnx": files["model.onnx"], "LICENSE": b"MIT", "model.bin": b"1"})
    del repository.files["model.onnx"]
    return repository


def test_a_teacher_from_the_hub_is_pinned(hub: Hub, encoder: Repository, tmp_path: Path) -> None:
    seen: list[Address] = []
    folder = local_encoder("hf://ada/tiny-encoder", listener=seen.append)
    commit = encoder.refs["main"]
    assert seen == [Address("ada/tiny-encoder", commit)]
    opened = SentenceEncoder.open(folder)
    assert opened.name == f"tiny-encoder@{commit}"
    here = SentenceEncoder.open(tmp_path / "made")
    assert (opened.sha256, opened.window) == (here.sha256, here.window)
    assert (Path(folder) / "LICENSE").read_bytes() == b"MIT"
    assert not [each for each in hub.requests if "model.bin" in each]
    # Without a connection, and for the commit without a request.
    hub.failure = (503, "down")
    assert local_encoder("hf://ada/tiny-encoder") == folder
    hub.requests.clear()
    assert local_encoder(f"hf://ada/tiny-encoder@{commit}") == folder
    assert hub.requests == []
    assert local_encoder(folder) == folder


def test_a_repository_without_an_encoder_is_one_line(hub: Hub, pushed: Repository) -> None:
    pushed.commit({"pytorch_model.bin": b"1", "tokenizer.json": b"{}"})
    with pytest.raises(HubError, match=r"expected an encoder with onnx/model\.onnx and tokenizer\.json"):
        local_encoder(ADDRESS)
    assert main(["train", "labels", "none.csv", "--teacher", ADDRESS, "--out", "model"]) == 1
    assert not [each for each in hub.requests if each.endswith(".bin")]
