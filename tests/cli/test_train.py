"""train words and train labels."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from cli_workplace import TINY, Run, as_stdin, report_of, rows_of, settings_of

import foretell
from foretell.config import from_dict


def test_words_with_validation_text_of_ones_own(run: Run, tmp_path: Path) -> None:
    first, second, logs, out = (
        tmp_path / name for name in ("first.txt", "second.txt", "logs", "m")
    )
    first.write_text("The obstacle becomes the way .\n" * 2)
    second.write_text("The way converts the mind .\n" * 3)
    options = ["--valid", str(first), "--valid", str(second), "--tensorboard", str(logs)]
    options += ["--minutes", "20", "--preset", "base", "--out", str(out), "--json"]
    answer = run("train", "words", "notes.txt", *options)
    metrics = report_of(answer)
    assert metrics["measured_words"] == 5 * 7 - 1
    assert metrics["valid_perplexity"] == metrics["perplexity"]
    assert "first.txt and 1 more" in answer.err
    assert list(logs.rglob("events.out.tfevents.*"))
    # A preset that was given is not replaced by one for the minutes.
    assert "--preset" not in answer.err
    assert settings_of(out)["patience"] == 2


def interrupted(workplace: Path, out: Path, number: int) -> tuple[int, str]:
    """Send a signal to a training that has begun; return its exit code and what it wrote to
    stderr.
    """
    command = ["train", "words", "notes.txt", "--out", str(out), "--epochs", "30"]
    (temporary := out.with_name("temporary")).mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "foretell", *command],
        cwd=workplace,
        env={**os.environ, **TINY, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        metrics = out.with_name(out.name + ".run") / "metrics.jsonl"
        end = time.monotonic() + 120
        while not metrics.exists():
            assert time.monotonic() < end, "the training never began"
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert not list(temporary.iterdir())
    return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_saves_a_checkpoint_and_the_printed_command_resumes(
    run: Run, workplace: Path, tmp_path: Path
) -> None:
    out = tmp_path / "long model"
    code, said = interrupted(workplace, out, signal.SIGINT)
    assert code == 130, said
    match = re.search(r"resume with: \S*foretell (train words .*--resume)$", said.splitlines()[-1])
    assert match, said
    assert f"'{out}'" in match[1]
    assert not re.search("Traceback|absl|TensorFlow binary", said)
    answer = run(*shlex.split(match[1]))
    assert answer.code == 0, answer.err
    assert from_dict("words", dict(settings_of(out))).epochs == 30


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.soak
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_ends_a_training_has_its_exit_code(
    workplace: Path, tmp_path: Path, name: str, code: int
) -> None:
    found, said = interrupted(workplace, tmp_path / "m", signal.Signals[name])
    assert found == code, said
    assert said.splitlines()[-1].endswith("--resume")


def test_a_model_is_continued_with_new_words(run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("a zebra stands in the way\n" * 20)
    options = (
        "--continue",
        "notes-model",
        "--old",
        "notes.txt",
        "--out",
        str(tmp_path / "m"),
        "--json",
    )
    answer = run("train", "words", str(new), *options)
    assert report_of(answer)["continued"]["new_words"] >= 2
    assert len(json.loads((tmp_path / "m" / "config.json").read_text())["ancestors"]) == 1
    assert "old text: " in answer.err


def test_labels_with_minutes_choose_a_preset_and_print_one_object(run: Run, tmp_path: Path) -> None:
    answer = run(
        "train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--minutes", "2", "--json"
    )
    assert 0 <= report_of(answer)["accuracy"] <= 1
    assert "negative 20, positive 20" in answer.err
    assert "report.html" in answer.err
    assert (tmp_path / "m" / "run" / "report.html").is_file()
    assert "--preset quick, for 2 minutes\n" in answer.err
    assert settings_of(tmp_path / "m")["patience"] == 3


def test_without_labels_it_learns_from_hints(run: Run, tmp_path: Path) -> None:
    hints = tmp_path / "hints.csv"
    texts = tmp_path / "texts.txt"
    hints.write_text("label,text\npos,good great fine\nneg,bad awful dull\n")
    texts.write_text(
        "".join(f"a {word} film number {i}\n" for i in range(10) for word in ("great", "awful"))
    )
    options = ["--unlabelled", str(texts), "--out", str(tmp_path / "m")]
    answer = run("train", "labels", "--label-hints", str(hints), *options)
    assert answer.code == 0, answer.err
    assert "unevaluated" in run("classify", str(tmp_path / "m"), "a great film").out


def test_a_teacher_s_answers_are_a_file(run: Run, tmp_path: Path) -> None:
    soft = tmp_path / "soft.csv"
    rows = [
        (f"a {word} film number {i}", p)
        for i in range(20)
        for word, p in (("fine", 0.8), ("dull", 0.1))
    ]
    soft.write_text(
        "text,positive,negative\n" + "".join(f"{text},{p},{1 - p:.1f}\n" for text, p in rows)
    )
    options = ("--soft", str(soft), "--json", "--out")
    answer = run("train", "labels", "reviews.csv", *options, str(tmp_path / "m"))
    assert report_of(answer)["teacher"]["texts"] == 40


def test_a_model_is_continued_with_new_labels(run: Run, workplace: Path, tmp_path: Path) -> None:
    rows = "".join(f"a strange film number {i},strange\n" for i in range(20))
    (tmp_path / "new.csv").write_text(f"text,label\n{rows}")
    options = (
        "--continue",
        "reviews-model",
        "--old",
        "reviews.csv",
        "--out",
        str(tmp_path / "m"),
        "--json",
    )
    answer = run("train", "labels", str(tmp_path / "new.csv"), *options)
    continued = report_of(answer)["continued"]
    assert continued["new_labels"] == ["strange"]
    assert continued["old"]["texts"] > 0
    assert "old examples: accuracy" in answer.err
    assert settings_of(tmp_path / "m") == settings_of(workplace / "reviews-model")


def test_columns_are_joined_in_training_and_in_every_prediction(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mails.csv"
    lines = ["subject,body,queue,split,weight\n"]
    lines += [
        f"{'no access' if i % 2 else 'slow'} {i},it {'fails' if i % 2 else 'waits'},"
        f"{'login' if i % 2 else 'speed'},{('train', 'train', 'train', 'dev', 'test')[i % 5]},2\n"
        for i in range(60)
    ]
    table.write_text("".join(lines))
    out = str(tmp_path / "m")
    named = ["--text", "subject", "--text", "body"]
    answer = run("train", "labels", str(table), *named, "--out", out, "--json")
    assert "parts from the column 'split', weights from 'weight'" in answer.err
    assert "36 train, 12 valid, 12 test by the column 'split'; left out: test" in answer.err
    metrics = report_of(answer)
    assert metrics["texts"] == 36
    assert "mails.csv, validation" in metrics["measured_on"]
    # The model reads the same columns, and of a test the same part.
    joined = [f"subject: no access {i}\nbody: it fails" for i in (1, 3)]
    (tmp_path / "new.csv").write_text(
        "id,subject,body\n1,no access 1,it fails\n2,no access 3,it fails\n"
    )
    of_table = rows_of(run("classify", out, str(tmp_path / "new.csv"), "--json"))
    of_texts = rows_of(run("classify", out, *joined, "--json"))
    assert [row["probability"] for row in of_table] == [row["probability"] for row in of_texts]
    assert of_table[0]["id"] == "1"
    assert report_of(run("evaluate", out, str(table), "--json"))["texts"] == 12
    assert len(rows_of(run("explain", out, str(tmp_path / "new.csv"), "--json"))) == 2
    monkeypatch.setattr(sys, "stdin", as_stdin("one, two\nthree\n"))
    assert len(run("classify", out).out.splitlines()) == 2
    other = run("classify", out, "reviews.csv")
    assert (other.code, other.out) == (1, "")
    assert "expected a column named 'subject', found the columns text, label" in other.err
    model = foretell.load(out)
    frame = pd.read_csv(tmp_path / "new.csv")
    assert list(model.predict(frame)) == list(model.predict(joined))
    assert model.text_columns_ == ("subject", "body")
    assert model.evaluate(pd.read_csv(table))["texts"] == 12
