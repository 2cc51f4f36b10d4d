"""The shell commands of README and docs run, page by page, on small files of the names that they
use.

What a page shows of the service and of clusters runs here too. All of it is soak: several
trainings.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_workplace import NOTES, TINY, reviews, tickets
from docs_blocks import DOCS, ROOT, blocks, foretell_commands, python_of
from encoders import tiny_encoder

from foretell.cli.entry import main

pytestmark = pytest.mark.soak

# Lines that cannot run here: they install, need the full IMDB, or run until they are stopped. The
# service has a test of its own below, and `foretell demo` one in tests/cli/test_demo.py.
NOT_HERE = re.compile(
    r"pip install|git clone|^make |imdb|foretell serve|--page|foretell "
    r"demo|docker|^openssl|^curl|pytest|^ +-"
)
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def overwrite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lines of a page train the same model again, each in its own way."""
    monkeypatch.setenv("FORETELL_OVERWRITE", "true")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files and models that the pages name; settings are small meanwhile."""
    made = tmp_path_factory.mktemp("docs")
    write_files(made)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FORETELL_")]:
            patch.delenv(name)
        # With folds, few labels get TF-IDF models, which the page on exports reads.
        for name, value in {**TINY, "FORETELL_FOLDS": "2"}.items():
            patch.setenv(name, value)
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        for job, data in (("labels", "reviews.csv"), ("words", "notes.txt")):
            out = made / f"{Path(data).stem}-model"
            assert main(["train", job, str(made / data), "--out", str(out)]) == 0
        yield made


def write_files(made: Path) -> None:
    (made / "notes.txt").write_text("\n".join(NOTES * 20) + "\n")
    (made / "reviews.csv").write_text("text,label\n" + "".join(reviews()))
    with (made / "reviews.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (made / "reviews.jsonl").write_text(
        "".join(json.dumps({"text": row["text"]}) + "\n" for row in rows)
    )
    (made / "more.csv").write_text(
        "text\n" + "".join(f"a good or bad film: {n}\n" for n in range(40))
    )
    answers = "".join(f"a good or bad film: {n},0.{9 - n % 9},0.{1 + n % 9}\n" for n in range(40))
    (made / "soft.csv").write_text("text,positive,negative\n" + answers)
    (hints,) = (
        block
        for block in blocks(DOCS / "outside-knowledge.md", "text")
        if "label,text" in block.text
    )
    renamed = hints.text.replace("pos,", "positive,").replace("neg,", "negative,")
    (made / "hints.csv").write_text(renamed)
    # One ticket in thirty has a wrong label, which the label check should find.
    lines = [f"it {word} again, says floor {n}: {word}\n" for n, (word, _) in enumerate(tickets())]
    teams = [team for _, team in tickets()]
    teams[4] = teams[3]
    rows_of = [f'"{line.strip()}",{team}\n' for line, team in zip(lines, teams, strict=True)]
    (made / "tickets.csv").write_text("body,team\n" + "".join(rows_of))
    (made / "tickets-test.csv").write_text("body,team\n" + "".join(rows_of[:3]))
    mails = [f"{word} {n},it {word} again,{team}\n" for n, (word, team) in enumerate(tickets())]
    (made / "mails.csv").write_text("subject,body,queue\n" + "".join(mails))
    (made / "new-mails.csv").write_text("subject,body\nbills,it bills again\n")
    cells = ["bug", "billing", "bug;billing", ";"]
    issues = [f"{cells[n % 4].replace(';', ' ')} thing {n},{cells[n % 4]}\n" for n in range(40)]
    (made / "issues.csv").write_text("text,labels\n" + "".join(issues))
    tiny_encoder(made / "encoder")


def run_commands(page: Path, folder: Path) -> int:
    """Run the shell lines of a page and return how many commands of foretell there were."""
    count = 0
    for block in blocks(page, "sh"):
        script = block.text.replace("\\\n", " ")
        # The step of the page on data that a person does.
        script = script.replace("# put yes", f"{sys.executable} accept.py # put yes")
        for line in script.splitlines():
            if not line.strip() or line.startswith("#") or NOT_HERE.search(line):
                continue
            commands = foretell_commands(line)
            count += len(commands)
            if len(commands) == 1 and not re.search(r"[|<>]", re.sub(r'"[^"]*"', "", line)):
                assert main(commands[0]) == 0, line
            else:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", line], cwd=folder, timeout=240
                )
                assert done.returncode == 0, line
    return count


ACCEPT = """
import csv
with open("findings.csv", newline="") as file:
    rows = list(csv.DictReader(file))
with open("findings.csv", "w", newline="") as file:
    out = csv.DictWriter(file, rows[0])
    out.writeheader()
    out.writerows({**row, "accept": "yes" if row["suggested"] else ""} for row in rows)
"""


@pytest.mark.parametrize(
    ("page", "at_least"),
    [
        ("README.md", 2),
        ("docs/labels.md", 5),
        ("docs/words.md", 3),
        ("docs/explain.md", 4),
        ("docs/data.md", 6),
        ("docs/multi-label.md", 4),
        ("docs/annotate.md", 3),
        ("docs/outside-knowledge.md", 3),
        ("docs/distil.md", 1),
        ("docs/export.md", 4),
        ("examples/README.md", 2),
        ("docs/cluster.md", 1),
    ],
)
def test_commands(page: str, at_least: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "accept.py").write_text(ACCEPT)
    # The answers that the page on labelling asks for.
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n2\n" * 15))
    shutil.rmtree(folder / "answers", ignore_errors=True)
    assert run_commands(ROOT / page, folder) >= at_least
    for block in python_of(ROOT / page) if page == "docs/cluster.md" else ():
        exec(block, {})


def test_commands_of_the_article(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FORETELL_ITERATIONS", "50")
    # The article's windows of three words.
    monkeypatch.delenv("FORETELL_WINDOW")
    assert run_commands(DOCS / "article.md", folder) >= 4


def test_the_scores_of_an_export(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert main(["train", "labels", "reviews.csv", "--out", "few-labels"]) == 0
    assert main(["export", "few-labels", "--to", "onnx", "--out", "few-onnx"]) == 0
    monkeypatch.chdir(folder / "few-onnx")
    names: dict[str, object] = {"ids": [5, 6, 7], "text": "a good thing"}
    for block in python_of(DOCS / "export.md"):
        exec(block, names)
    assert names["scores"].shape[0] == 1  # type: ignore[attr-defined]


def test_the_service(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (command,) = (
        c for block in blocks(DOCS / "page.md", "sh") for c in foretell_commands(block.text)
    )
    service = subprocess.Popen(
        [BIN / "foretell", *command, "--port", port], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models").close()
                break
            except OSError:
                time.sleep(0.1)
        capsys.readouterr()
        for code in python_of(DOCS / "serving.md"):
            exec(code.replace(":8000", f":{port}"), {})
        assert capsys.readouterr().out.strip()
        curls = [
            block.text
            for block in blocks(DOCS / "serving.md", "sh")
            if block.text.startswith("curl")
        ]
        assert len(curls) == 1
        answer = subprocess.run(
            ["bash", "-c", curls[0].replace(":8000", f":{port}")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "probability" in answer.stdout
    finally:
        service.terminate()
        service.wait(timeout=30)
