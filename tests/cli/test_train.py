"""train words and train labels."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_workplace import TINY, Run, settings_of

from foretell.artifacts.model import Model
from foretell.cli import train_words
from foretell.cli.train_words import Training, advice, check_possible, without_notes
from foretell.config import Settings, WordsSettings, from_dict
from foretell.data.corpus import Corpus
from foretell.errors import SettingsError
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.text.tokenizer import Tokenizer
from foretell.training.events import Event, Note
from foretell.training.options import TrainOptions


def test_the_baseline_is_named_where_it_is_better_with_what_is_not_yet_on() -> None:
    metrics: dict[str, Any] = {"accuracy": 0.8, "baseline_accuracy": 0.9}
    alone = advice(_model(replace(LABELS_PRESETS["base"], linear=False), metrics))
    assert "linear model alone is more accurate here (90.00 % against 80.00 %)" in alone
    assert "--linear" in alone
    assert "--linear" not in advice(_model(LABELS_PRESETS["base"], metrics))
    assert advice(_model(LABELS_PRESETS["base"], {**metrics, "accuracy": 0.9})) == ""
    metrics = {"valid_perplexity": 90.0, "baseline_perplexity": 80.0}
    words = advice(_model(replace(WORDS_PRESETS["base"], kneser_ney=False), metrics))
    assert "Kneser-Ney model alone has a lower perplexity here (80.0 against 90.0)" in words
    assert "--kneser-ney" in words
    assert "--kneser-ney" not in advice(_model(WORDS_PRESETS["base"], metrics))


def _model(settings: Settings, metrics: dict[str, Any]) -> Model:
    tokenizer = Tokenizer.train(["a b"], "words", lowercase=False, vocabulary=2)
    return Model(job="labels", preset="base", settings=settings, tokenizer=tokenizer, metrics=metrics)


def test_notes_that_were_shown_are_not_repeated() -> None:
    heard: list[Event] = []
    listener = without_notes(heard.append, ["read as cp1252"])
    for text in ("read as cp1252", "something new"):
        listener(Note(text=text))
    assert heard == [Note(text="something new")]


def test_the_options_of_the_trainers() -> None:
    training = Training(out=Path("m"), resume=True, tensorboard=Path("logs"))
    options = training.options(preset="best", baseline=False, started=12.5)
    assert options == TrainOptions(
        out=Path("m"), preset="best", resume=True, tensorboard=Path("logs"), baseline=False, started=12.5
    )


@pytest.mark.parametrize(
    "wrong",
    [{"checkpoint_seconds": 0.0}, {"checkpoint_seconds": float("nan")}, {"resume": True, "restart": True}],
)
def test_what_cannot_be_trained_with_is_refused_at_once(tmp_path: Path, wrong: dict[str, Any]) -> None:
    check_possible(Training(out=tmp_path / "m"))
    with pytest.raises(SettingsError):
        check_possible(Training(out=tmp_path / "m", **wrong))


def test_words_with_json_print_one_object_and_tensorboard_is_written(run: Run, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    options = ("--out", str(tmp_path / "m"), "--tensorboard", str(logs), "--json")
    answer = run("train", "words", "notes.txt", *options)
    assert answer.code == 0, answer.err
    assert {"accuracy", "perplexity"} & set(json.loads(answer.out))
    assert list(logs.rglob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--minutes", "20"), r"--preset best, for 20 minutes for \d+ words"),
        (("--minutes", "20", "--preset", "base"), None),
    ],
)
def test_minutes_choose_a_words_preset_and_say_so(
    run: Run, tmp_path: Path, options: tuple[str, ...], says: str | None
) -> None:
    answer = run("train", "words", "notes.txt", "--out", str(tmp_path / "m"), *options)
    assert answer.code == 0, answer.err
    assert answer.out == ""
    assert bool(says and re.search(says, answer.err)) == ("--preset" in answer.err)
    # What was given stays, whatever is chosen.
    assert settings_of(tmp_path / "m")["units"] == 8
    assert settings_of(tmp_path / "m")["patience"] == (5 if says and "best" in says else 2)


def test_without_time_only_the_first_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.training.budget._MIN_CHARACTERS", 5)
    corpus = Corpus.from_texts(["the mind", "adapts", "to the way"])
    survey = train_words._survey(corpus, WordsSettings(minutes=1.0), time.monotonic() - 100)
    assert survey.tokens == 2
    assert "only the first 1 lines" in survey.notes[0]
    whole = train_words._survey(corpus, WordsSettings(), time.monotonic() - 100)
    assert (whole.tokens, whole.notes) == (6, [])


def test_validation_text_of_ones_own(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("The obstacle becomes the way .\n" * 2)
    second.write_text("The way converts the mind .\n" * 3)
    command = ("train", "words", "notes.txt", "--valid", str(first), "--valid", str(second), "--json")
    answer = run(*command, "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    metrics = json.loads(answer.out)
    assert metrics["measured_words"] == 5 * 7 - 1
    assert metrics["valid_perplexity"] == metrics["perplexity"]
    assert "first.txt and 1 more" in answer.err
    for says, options in {
        "exists": ("--valid", str(tmp_path / "missing.txt")),
        "--valid: expected no validation text": ("--valid", str(first), "--preset", "article"),
    }.items():
        refused = run("train", "words", "notes.txt", "--out", str(tmp_path / "n"), *options)
        assert refused.code in (1, 2)
        assert says in refused.err
        assert len(refused.err.splitlines()) == 1
        assert not (tmp_path / "n").exists()


def interrupted(workplace: Path, out: Path, number: int) -> tuple[int, str]:
    """Send a signal to a training that has begun; return its exit code and what it wrote to stderr."""
    command = ["train", "words", "notes.txt", "--out", str(out), "--epochs", "30"]
    with subprocess.Popen(
        [sys.executable, "-m", "foretell", *command],
        cwd=workplace, env={**os.environ, **TINY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        metrics = out.with_name(out.name + ".run") / "metrics.jsonl"
        _wait_for(metrics.exists)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_saves_a_checkpoint_and_the_printed_command_resumes(workplace: Path, tmp_path: Path) -> None:
    out = tmp_path / "long model"
    code, said = interrupted(workplace, out, signal.SIGINT)
    assert code == 130, said
    last = said.splitlines()[-1]
    match = re.search(r"resume with: (foretell train words .*--resume)$", last)
    assert match, said
    assert f"'{out}'" in match[1]
    assert "Traceback" not in said
    shorter = match[1].replace("foretell", f"{sys.executable} -m foretell", 1)
    done = subprocess.run(
        shorter, shell=True, cwd=workplace, env={**os.environ, **TINY}, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert from_dict("words", dict(settings_of(out))).epochs == 30


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", 143), pytest.param("SIGHUP", 129, marks=pytest.mark.soak)]
)
def test_a_signal_that_ends_a_training_has_its_exit_code(
    workplace: Path, tmp_path: Path, name: str, code: int
) -> None:
    found, said = interrupted(workplace, tmp_path / "m", signal.Signals[name])
    assert found == code, said
    assert said.splitlines()[-1].endswith("--resume")


def _wait_for(happens: object) -> None:
    assert callable(happens)
    for _ in range(12_000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_a_model_is_continued_with_new_words(run: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.txt"
    new.write_text("a zebra stands in the way\n" * 20)
    options = ("--continue", "notes-model", "--old", "notes.txt", "--out", str(tmp_path / "m"), "--json")
    answer = run("train", "words", str(new), *options)
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["continued"]["new_words"] >= 2
    assert len(json.loads((tmp_path / "m" / "config.json").read_text())["ancestors"]) == 1
    assert "old text: " in answer.err


def test_what_does_not_fit_the_words_to_continue(run: Run, tmp_path: Path) -> None:
    for options, found in (
        (("--old", "notes.txt"), "old: expected a model to continue, whose old text this is, found none"),
        (("--continue", "reviews-model"), "expected a language model to continue, found a classifier"),
        (("--continue", "notes-model", "--tokens", "char"), "as in the model to continue, found char"),
    ):
        answer = run("train", "words", "notes.txt", *options, "--out", str(tmp_path / "m"))
        assert answer.code != 0
        assert found in answer.err


def test_labels_with_json_print_one_object(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--json")
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) == 1
    assert 0 <= json.loads(answer.out)["accuracy"] <= 1
    assert "negative 20, positive 20" in answer.err
    assert "report.html" in answer.err
    assert (tmp_path / "m" / "run" / "report.html").is_file()


def test_valid_data_of_ones_own(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--valid", "reviews.csv", "--out", str(tmp_path / "m"))
    assert answer.code == 1, answer.err
    assert "training texts of two labels or more that are not in the validation set" in answer.err


def test_minutes_choose_a_preset_and_say_so(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--minutes", "2")
    assert answer.code == 0, answer.err
    assert "--preset quick, for 2 minutes\n" in answer.err
    assert settings_of(tmp_path / "m")["patience"] == 3


def test_the_format_of_the_data_can_be_named_and_metrics_as_csv_are_one_row(
    run: Run, workplace: Path, tmp_path: Path
) -> None:
    lines = [json.dumps({"text": f"good {i}" if i % 2 else f"bad {i}", "label": i % 2}) for i in range(40)]
    (workplace / "labelled.data").write_text("\n".join(lines) + "\n")
    command = ("train", "labels", "labelled.data", "--input-format", "jsonl", "--format", "csv")
    answer = run(*command, "--minutes", "2", "--preset", "base", "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    assert "0 20, 1 20" in answer.err
    # A preset that was given is not replaced by one for the minutes.
    assert "--preset quick" not in answer.err
    header, row = answer.out.splitlines()
    assert header.startswith("job,preset,out,")
    assert row.startswith("labels,base,")


def test_texts_without_labels_and_a_language_model_can_be_given(run: Run, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("".join(f"a good and bad thing, number {number}\n" for number in range(20)))
    options = ("--unlabelled", str(more), "--from", "notes-model", "--no-baseline", "--json")
    answer = run("train", "labels", "reviews.csv", *options, "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["unlabelled_texts"] == 20


def test_without_labels_it_learns_from_hints(run: Run, tmp_path: Path) -> None:
    hints, texts = tmp_path / "hints.csv", tmp_path / "texts.txt"
    hints.write_text("label,text\npos,good great fine\nneg,bad awful dull\n")
    texts.write_text("".join(f"a {word} film number {i}\n" for i in range(10) for word in ("great", "awful")))
    options = ["--unlabelled", str(texts), "--out", str(tmp_path / "m")]
    answer = run("train", "labels", "--label-hints", str(hints), *options)
    assert answer.code == 0, answer.err
    answer = run("classify", str(tmp_path / "m"), "a great film", "--format", "jsonl")
    assert answer.code == 0, answer.err
    assert "unevaluated" in answer.out


def test_a_teacher_s_answers_are_a_file(run: Run, tmp_path: Path) -> None:
    soft = tmp_path / "soft.csv"
    rows = [
        f"a {word} film number {i},{p},{1 - p:.1f}\n"
        for i in range(20)
        for word, p in (("fine", 0.8), ("dull", 0.1))
    ]
    soft.write_text("text,positive,negative\n" + "".join(rows))
    answer = run(
        "train", "labels", "reviews.csv", "--soft", str(soft), "--json", "--out", str(tmp_path / "m")
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["teacher"]["texts"] == 40
    assert "with the teacher's answers" in answer.err
    answer = run("train", "labels", "--soft", str(soft), "--out", str(tmp_path / "alone"))
    assert answer.code == 0, answer.err
    assert "no text has a label" in answer.err
    answer = run("classify", str(tmp_path / "alone"), "a fine film", "--format", "jsonl")
    assert "unevaluated" in answer.out
    answer = run("train", "labels", "reviews.csv", "--soft", str(soft), "--teacher", "hf://a/b", "--out", "m")
    assert (answer.code, "expected one teacher, found --teacher and --soft" in answer.err) == (2, True)


def test_without_data_and_hints_it_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "--out", str(tmp_path / "m"))
    assert answer.code == 2
    assert (
        "expected DATA, texts with labels, or --label-hints FILE, or --soft FILE, found neither" in answer.err
    )


def test_a_folder_without_an_encoder_is_no_teacher(run: Run, tmp_path: Path) -> None:
    # Before anything is read.
    answer = run("train", "labels", "no.csv", "--teacher", str(tmp_path), "--out", str(tmp_path / "m"))
    assert answer.code == 1
    assert "expected a folder with model.onnx and tokenizer.json, found no model.onnx" in answer.err
    assert not (tmp_path / "m").exists()


def test_a_model_is_continued_with_new_labels(run: Run, workplace: Path, tmp_path: Path) -> None:
    rows = "".join(f"a strange film number {i},strange\n" for i in range(20))
    (tmp_path / "new.csv").write_text(f"text,label\n{rows}")
    options = ("--continue", "reviews-model", "--old", "reviews.csv", "--out", str(tmp_path / "m"), "--json")
    answer = run("train", "labels", str(tmp_path / "new.csv"), *options)
    assert answer.code == 0, answer.err
    continued = json.loads(answer.out)["continued"]
    assert continued["new_labels"] == ["strange"]
    assert continued["old"]["texts"] > 0
    assert "old data: accuracy" in answer.err
    assert settings_of(tmp_path / "m") == settings_of(workplace / "reviews-model")


def test_what_does_not_fit_the_model_to_continue(run: Run, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "m"))
    for options, found in (
        (
            ("--old", "reviews.csv"),
            "--old: expected --continue MODEL, whose old examples these are",
        ),
        (("--continue", "notes-model"), "expected a classifier to continue, found a language model"),
        (("--continue", "reviews-model", "--units", "7"), "as in the model to continue, found 7"),
        (
            ("--continue", "reviews-model", "--label-hints", "reviews.csv"),
            "found --label-hints",
        ),
    ):
        answer = run("train", "labels", "reviews.csv", *options, *out)
        assert answer.code != 0
        assert found in answer.err
        assert not (tmp_path / "m").exists()


def test_a_few_sentences_claim_no_accuracy(run: Run, workplace: Path, tmp_path: Path) -> None:
    rows = [
        f"{text},{label}" for text, label in (("good food", "pos"), ("bad food", "neg"), ("no wait", "pos"))
    ]
    (workplace / "toy.csv").write_text("\n".join(["text,label", *rows * 5]))
    answer = run("train", "labels", "toy.csv", "--folds", "5", "--out", str(tmp_path / "m"), "--json")
    assert answer.code == 0, answer.err
    assert "accuracy" not in json.loads(answer.out)
    assert answer.err.count(json.loads(answer.out)["not_measured"]) >= 1
    assert json.loads(run("classify", str(tmp_path / "m"), "bad food", "--json").out)["label"] == "neg"


def test_epochs_that_are_given_are_done_wherever_they_are_given(
    run: Run, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", "labels", "reviews.csv", "--folds", "2", "--batch-size", "40", "--json")
    (workplace / "more.toml").write_text("epochs = 2")
    for variable in ("FORETELL_EPOCHS", "FORETELL_MIN_STEPS"):
        monkeypatch.delenv(variable)
    for name, given in (("flag", ("--epochs", "2")), ("file", ("--config", "more.toml"))):
        answer = run(*command, *given, "--out", str(tmp_path / name))
        assert (json.loads(answer.out)["epochs"], json.loads(answer.out)["steps"]) == (2, 2), answer.err
        assert "instead of" not in answer.err
    monkeypatch.setenv("FORETELL_EPOCHS", "3")
    assert json.loads(run(*command, "--out", str(tmp_path / "variable")).out)["epochs"] == 3
