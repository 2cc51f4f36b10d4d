"""`foretell label`: lines from a pipe, keys on a terminal, what is refused, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from annotation.tickets import label_of, opened, tickets
from cli_workplace import Answer, Run

from foretell.cli.label import LabelSession

COMMAND = (
    "label",
    "texts.csv",
    "--labels",
    "hardware,billing",
    "--out",
    "answers.jsonl",
    "--by",
    "ada",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in tickets(60))])
    return tmp_path


@pytest.fixture
def label(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in the folder with some lines as its input, which is the last argument."""
    monkeypatch.chdir(folder)

    def go(*arguments: str) -> Answer:
        *options, typed = arguments
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return run(*COMMAND, *options)

    return go


def answers_in(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "answers.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_lines_are_keys_names_and_commands(label: Run, folder: Path) -> None:
    answer = label("1\nbilling\nskip\nn\nunclear\nundo\nu\nmetrics\nnonsense\nsearch ink\nq\n1\n")
    assert answer.code == 0, answer.err
    kinds = [(each.get("kind"), each.get("label")) for each in answers_in(folder)]
    assert kinds == [
        ("label", "hardware"),
        ("label", "billing"),
        ("skip", None),
        ("none", None),
        ("unclear", None),
        (None, None),
        ("unclear", None),
    ]
    assert all(each["by"] == "ada" for each in answers_in(folder))
    assert "undone" in answer.err
    for found in ("nonsense", "search ink"):
        assert f"expected a key or a label, found '{found}'" in answer.err
    assert "5 answers in answers.jsonl; the same command continues" in answer.err
    assert "Metrics are measured on the texts that were drawn at random" in answer.out
    assert "accuracy of the suggestions" in answer.out
    # Each text is shown once, the undone one and the one after it twice.
    shown = [line for line in answer.out.splitlines() if line in tickets(60)]
    assert len(shown) == 8
    assert shown[4] == shown[6]


def test_a_label_that_is_called_like_a_key_has_this_key(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("5\n3\ns\n2\nOther\nskip\nq\n"))
    answer = run("label", "texts.csv", "--labels", "5,3,s,other", "--out", "answers.jsonl")
    assert answer.code == 0, answer.err
    assert [each.get("label") for each in answers_in(folder)] == ["5", "3", "s", "other", None]
    assert "labels: 5 5  3 3  1 s  2 other" in answer.err
    assert "others: skip  n none" in answer.err
    assert "found 'Other'; did you mean other?" in answer.err


def test_it_continues_and_exports(label: Run, folder: Path) -> None:
    assert label("1\n1\n").code == 0
    assert "3 answers in answers.jsonl" in label("2\n").err
    # It writes the file and ends, without a question.
    answer = label("--export", "labels.csv", "1\n")
    assert (answer.code, answer.out) == (0, "")
    assert "wrote labels.csv: 3 answers; to train a model: " in answer.err
    rows = list(csv.DictReader(io.StringIO((folder / "labels.csv").read_text(), newline="")))
    assert [row["label"] for row in rows] == ["hardware", "hardware", "billing"]


def test_a_model_suggests_from_the_first_text_on(
    label: Run, run: Run, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(workplace / "reviews-model")
    others = label("--suggest", model, "q\n")
    assert others.code == 2
    assert "suggest: expected a model whose labels are among hardware, billing" in others.err
    assert len(others.err.splitlines()) == 1
    # Without --labels they are those of the model.
    monkeypatch.setattr("sys.stdin", io.StringIO("1\nq\n"))
    answer = run("label", "texts.csv", "--out", "new.jsonl", "--suggest", model)
    assert (answer.code, "labels: 1 negative  2 positive" in answer.err) == (0, True)


def test_escape_sequences_in_texts_are_shown_not_sent(label: Run, folder: Path) -> None:
    (folder / "texts.csv").write_text('text\n"\x1b]0;evil\x07\x1b[31mred one"\n"\x9b2J\u202etwo"\n')
    answer = label("1\n1\n")
    assert answer.code == 0, answer.err
    assert not set(answer.out + answer.err) & set("\x1b\x07\x9b\u202e")
    assert "␛[31mred one" in answer.out
    assert "no text is left" in answer.err


def test_suggestions_are_accepted_by_enter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as annotation:
        # Answers right by keys, and accepts each suggestion by Enter.
        def readline() -> str:
            item = annotation.next()
            accepted = sum(each.suggested is not None for each in annotation.answers)
            if item is None or accepted == 3:
                return ""
            key = {"hardware": "1", "billing": "2"}[label_of(item.text)]
            return "\n" if item.suggested is not None else f"{key}\n"

        stdin = io.StringIO()
        stdin.readline = readline  # type: ignore[method-assign, assignment]
        monkeypatch.setattr("sys.stdin", stdin)
        LabelSession(annotation).run()
        accepted = [each for each in annotation.answers if each.suggested is not None]
    assert [each.label for each in accepted] == [each.suggested for each in accepted]
    assert len(accepted) == 3
    assert capsys.readouterr().out.count(", Enter accepts") >= 3


def test_the_page_is_served_and_ctrl_c_ends_it(folder: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FORETELL_")
    }
    command = [
        sys.executable,
        "-m",
        "foretell",
        *COMMAND,
        "--page",
        "--port",
        "0",
    ]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            line = process.stderr.readline()
            assert "60 texts to label at http://" in line
            url = line.partition(" at ")[2].partition("/#annotate")[0]
            state = httpx.post(f"{url}/v1/annotation/next", json={}, timeout=60).json()
            body = {"texts": [state["item"]["id"]], "answer": "none"}
            assert (
                httpx.post(f"{url}/v1/annotation/answers", json=body, timeout=60).status_code == 200
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert "1 answer in answers.jsonl" in process.stderr.read()
        finally:
            process.kill()
    assert [each["kind"] for each in answers_in(folder)] == ["none"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--port", "8001"), "add --page"),
        (("--page", "--host", "0.0.0.0"), "give --token-file FILE"),
    ],
)
def test_other_machines_need_a_token_and_access_needs_the_page(
    label: Run, options: tuple[str, ...], says: str
) -> None:
    answer = label(*options, "")
    assert answer.code == 2
    assert says in answer.err


def test_the_page_needs_the_token_and_a_name_where_there_is_one(folder: Path) -> None:
    token = "a-token-of-32-visible-characters"
    (folder / "token").write_text(token)
    access = ["--page", "--port", "0", "--token-file", "token"]
    command = [sys.executable, "-m", "foretell", *COMMAND, *access]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            url = process.stderr.readline().partition(" at ")[2].partition("/#annotate")[0]
            with httpx.Client(base_url=url, timeout=60) as client:
                assert client.get("/v1/annotation").status_code == 401
                client.headers["Authorization"] = f"Bearer {token}"
                codes = [
                    client.post("/v1/annotation/next", json=body).status_code
                    for body in ({}, {"by": "bob"})
                ]
            assert codes == [422, 200]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
