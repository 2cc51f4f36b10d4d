"""A folder with small files and two tiny models, trained once by the command line itself."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from cli_workplace import NOTES, TINY, Answer, Run, reviews, tickets

from foretell.cli.entry import main


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    notes = "\n".join(NOTES * 20) + "\n"
    (folder / "notes.txt").write_text(notes)
    (folder / "notes.txt.gz").write_bytes(gzip.compress(notes.encode()))
    (folder / "reviews.csv").write_text("text,label\n" + "".join(reviews()))
    (folder / "tickets.csv").write_text(
        "body,team,subject\n" + "".join(f"it {w} again,{t},{w}\n" for w, t in tickets())
    )
    (folder / "settings.toml").write_text("units = 8\nlearning-rate = 0.6\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in TINY.items():
            patch.setenv(name, value)
        assert main(["train", "words", "notes.txt", "--out", "notes-model"]) == 0
        assert main(["train", "labels", "reviews.csv", "--out", "reviews-model"]) == 0
    return folder


@pytest.fixture
def run(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run one command in the workplace, in this process, with tiny settings."""
    monkeypatch.chdir(workplace)
    for name in [name for name in os.environ if name.startswith("FORETELL_")]:
        monkeypatch.delenv(name)
    for name, value in TINY.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()

    def go(*argv: str) -> Answer:
        code = main(argv)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return go
