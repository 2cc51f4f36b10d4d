"""A push: what is uploaded, what is not, and every refusal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

import foretell
from foretell.cli.entry import main
from foretell.errors import ChangedFileError, HubError, UsageError
from foretell.hub.models import push
from tests.hub.conftest import SECRET
from tests.hub.stand_in import TOKEN, Hub


def test_a_pushed_model_gives_the_same_answers(hub: Hub, labels_model: Path) -> None:
    address = push(labels_model, "ada/reviews", yes=True)
    repository = hub.repositories["ada/reviews"]
    assert repository.private
    assert address == f"hf://ada/reviews@{repository.refs['main']}"
    texts = ["good food", "a long wait", "sorry"]
    there = foretell.load(address)
    here = foretell.load(labels_model)
    assert there.predict_proba(texts).tolist() == here.predict_proba(texts).tolist()
    # The card is not verified, so that it can be edited on the Hub.
    repository.commit({**repository.files, "README.md": b"# Better words\n"})
    foretell.load("hf://ada/reviews")


def test_no_text_of_the_training_is_uploaded(hub: Hub, labels_model: Path) -> None:
    assert SECRET in (labels_model / "metrics.json").read_text()
    push(labels_model, "ada/reviews", yes=True)
    files = hub.repositories["ada/reviews"].files
    assert not [name for name in files if "/" in name or name.endswith(".html")]
    everything = b"\n".join(files.values())
    for secret in (SECRET, "nobody expected", "/home/ada", "run/report.html", str(labels_model)):
        assert secret.encode() not in everything
    metrics = json.loads(files["metrics.json"])
    assert metrics["accuracy"] == 0.75
    assert metrics["measured_on"] == "12 validation texts"
    assert metrics["vectors"]["name"] == "vectors.txt"


def test_the_card_is_the_models_own(hub: Hub, labels_model: Path) -> None:
    push(labels_model, "ada/reviews", yes=True)
    _, header, body = hub.repositories["ada/reviews"].files["README.md"].decode().split("---\n", 2)
    data = yaml.safe_load(header)
    assert (data["library_name"], data["pipeline_tag"]) == ("foretell", "text-classification")
    for part in ("# reviews-model", "75.0", 'foretell classify hf://ada/reviews "a text"'):
        assert part in body


def test_a_damaged_model_is_refused_before_any_request(
    hub: Hub, labels_model: Path, tmp_path: Path
) -> None:
    foretell.load(labels_model).save(tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    with pytest.raises(ChangedFileError, match=r"model\.safetensors"):
        push(tmp_path / "model", "ada/reviews", yes=True)
    assert not hub.requests


def test_another_push_replaces_the_model_and_drops_old_parts(
    hub: Hub, labels_model: Path, words_model: Path
) -> None:
    first = push(labels_model, "ada/model", yes=True)
    assert "linear.safetensors" in hub.repositories["ada/model"].files
    push(foretell.load(words_model), "ada/model", yes=True)
    assert "linear.safetensors" not in hub.repositories["ada/model"].files
    assert isinstance(foretell.load("hf://ada/model"), foretell.LanguageModel)
    assert isinstance(foretell.load(first), foretell.TextClassifier)


def test_a_public_repository_has_to_be_asked_for(hub: Hub, words_model: Path) -> None:
    push(words_model, "ada/notes", private=False, yes=True)
    assert not hub.repositories["ada/notes"].private
    before = hub.repositories["ada/notes"].refs["main"]
    with pytest.raises(HubError, match="expected a private repository, found a public one"):
        push(words_model, "ada/notes", yes=True)
    assert hub.repositories["ada/notes"].refs["main"] == before
    hub.add("ada/bert", {"config.json": b"{}", "pytorch_model.bin": b"1"}).private = True
    with pytest.raises(HubError, match="or one with a foretell model, found another model"):
        push(words_model, "ada/bert", yes=True)


@pytest.mark.usefixtures("hub")
def test_it_has_to_be_agreed_to(words_model: Path) -> None:
    with pytest.raises(UsageError, match="words of its training texts"):
        foretell.push(words_model, "ada/notes")
    for name in ("notes", "a/b/c", "../etc", "ada/no--tes", "ada/no..tes", "ada/", "ada/n s"):
        with pytest.raises(UsageError, match="owner/name"):
            push(words_model, name, yes=True)


def test_a_token_is_needed_and_never_shown(
    hub: Hub, words_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        HubError, match="expected a token, found none, or one that lacks permission"
    ):
        push(words_model, "someone/notes", yes=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="hf auth login"):
        push(words_model, "ada/notes", yes=True)
    assert not hub.repositories
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.failure = (400, f"you sent Bearer {TOKEN}")
    assert main(("push", str(words_model), "ada/notes", "--yes", "--debug")) == 1
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert "you sent Bearer ***" in captured.err
    assert TOKEN not in captured.out + captured.err


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1), (None, 2)])
def test_the_command_asks_at_a_terminal_and_needs_yes_without_one(
    hub: Hub,
    words_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str | None,
    code: int,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return answer is not None

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(("push", str(words_model), "ada/notes")) == code
    assert ("ada/notes" in hub.repositories) == (code == 0)
    expected = "add --yes to agree" if answer is None else "Push to ada/notes, private? [y/N]"
    assert expected in capsys.readouterr().err
    assert main(("push", str(words_model), "ada/open", "--yes", "--public", "--json")) == 0
    captured = capsys.readouterr()
    repository = hub.repositories["ada/open"]
    assert json.loads(captured.out) == {"address": f"hf://ada/open@{repository.refs['main']}"}
    assert not repository.private
    # The warning alone: no progress where there is no terminal.
    assert captured.err.startswith("note: the vocabulary, the n-grams")
    assert len(captured.err.splitlines()) == 1
