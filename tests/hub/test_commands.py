"""Every command that takes a model takes an address, and `foretell push` asks first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foretell.artifacts.manifest import is_model
from foretell.cli import main
from foretell.cli.serve import _local
from foretell.hub.models import local_path
from foretell.hub.push import push
from foretell.training.labels.transfer import read_language_model
from tests.hub.stand_in import TOKEN, Hub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def pinned(
    hub: Hub, labels_model: Path, words_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Both models pushed, files to read, and an empty folder to work in; the address of the classifier."""
    assert not hub.repositories
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text("text,label\ngood food,good\nbad food,bad\na long wait,bad\n")
    (tmp_path / "notes.txt").write_text("good food and kind people\n")
    push(words_model, "ada/notes", yes=True)
    return push(labels_model, "ada/reviews", yes=True).address


REVIEWS, NOTES = "hf://ada/reviews", "hf://ada/notes"


def test_every_command_takes_an_address(pinned: str, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (
        ("classify", REVIEWS, "good food"),
        ("explain", REVIEWS, "good food"),
        ("evaluate", REVIEWS, "reviews.csv"),
        ("compare", REVIEWS, REVIEWS, "reviews.csv"),
        ("info", REVIEWS),
        ("export", REVIEWS),
        ("next", NOTES, "good"),
        ("complete", NOTES, "good", "--words", "2"),
        ("score", NOTES, "notes.txt"),
        ("evaluate", NOTES, "notes.txt"),
    ):
        assert main(argv) == 0, argv
        captured = capsys.readouterr()
        assert captured.out
        commit = pinned.partition("@")[2] if argv[1] == REVIEWS else ""
        assert f"model: {argv[1]}@{commit}" in captured.err, argv
    # The name of an export is that of the repository.
    assert Path("reviews-onnx").is_dir()


def test_info_records_the_commit(pinned: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("info", REVIEWS, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["hub"] == pinned


@pytest.mark.usefixtures("pinned")
def test_serve_names_a_model_as_its_repository() -> None:
    name, _, path = _local(REVIEWS).partition("=")
    assert name == "reviews"
    assert is_model(Path(path))
    assert _local(f"sentiment={REVIEWS}") == f"sentiment={path}"
    assert _local("a=directory") == "a=directory"


@pytest.mark.usefixtures("pinned")
def test_a_classifier_can_start_from_one() -> None:
    assert read_language_model(local_path(NOTES)).units == 4


def test_push_writes_the_address(hub: Hub, labels_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("push", str(labels_model), "ada/reviews", "--yes", "--public", "--json")) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["address"].startswith("hf://ada/reviews@")
    assert record["private"] is False
    assert "words of its training texts" in captured.err
    assert TOKEN not in captured.out + captured.err
    assert not hub.repositories["ada/reviews"].private


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_push_asks_at_a_terminal(
    hub: Hub,
    words_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(("push", str(words_model), "ada/notes")) == code
    assert ("ada/notes" in hub.repositories) == (code == 0)
    assert "Push to ada/notes, private? [y/N]" in capsys.readouterr().err


def test_push_without_a_terminal_needs_yes(
    hub: Hub, words_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(("push", str(words_model), "ada/notes")) == 2
    assert "add --yes to agree" in capsys.readouterr().err
    assert not hub.requests


def test_a_push_without_huggingface_hub(
    words_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    assert main(("push", str(words_model), "ada/notes", "--yes")) == 1
    assert "pip install 'foretell[hub]'" in capsys.readouterr().err


def test_debug_shows_no_token(hub: Hub, words_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.failure = (400, f"you sent Bearer {TOKEN}")
    assert main(("push", str(words_model), "ada/notes", "--yes", "--debug")) == 1
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert TOKEN not in captured.out + captured.err


@pytest.mark.usefixtures("pinned")
def test_another_process_with_the_environment_alone(hub: Hub, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "another"),
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "foretell", "next", f"{NOTES}@main", "good", "--json"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["word"]
    assert done.stderr.startswith("model: hf://ada/notes@")
    assert len(done.stderr.splitlines()) == 1
