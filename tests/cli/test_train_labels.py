"""train labels: what is shown, what is left behind, and the data it learns from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_workplace import Run, settings_of


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
    chosen = run(
        "train", "labels", "reviews.csv", "--out", str(tmp_path / "n"), "--minutes", "2", "--preset", "base"
    )
    assert "--preset quick" not in chosen.err


def test_figures_as_csv_are_one_row(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "reviews.csv", "--out", str(tmp_path / "m"), "--format", "csv")
    assert answer.code == 0, answer.err
    header, row = answer.out.splitlines()
    assert header.startswith("job,preset,out,")
    assert row.startswith("labels,base,")


def test_the_format_of_the_data_can_be_named(run: Run, workplace: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"good {i}" if i % 2 else f"bad {i}", "label": i % 2}) for i in range(40)]
    (workplace / "labelled.data").write_text("\n".join(lines) + "\n")
    command = ("train", "labels", "labelled.data", "--input-format", "jsonl", "--json")
    answer = run(*command, "--out", str(tmp_path / "m"))
    assert answer.code == 0, answer.err
    assert "0 20, 1 20" in answer.err


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


def test_without_data_and_hints_it_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    answer = run("train", "labels", "--out", str(tmp_path / "m"))
    assert answer.code == 2
    assert "expected DATA, texts with labels, or --label-hints FILE, found neither" in answer.err


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
