"""export: what it writes, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import TEXT, kneser_ney_parts, write_classifier, write_random
from cli_workplace import Run, report_of

from foretell.cli.entry import main
from foretell.config import WordsSettings


def test_export_shows_where_and_how_well(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "reviews-onnx"
    answer = run("export", "reviews-model", "--out", str(out))
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"{out}: ")
    assert "on 200 texts" in answer.out
    assert {"README.md", "model.json", "model.onnx", "tokenizer.json"} <= {
        p.name for p in out.iterdir()
    }


def test_export_in_8_bits_for_programs(run: Run, workplace: Path, tmp_path: Path) -> None:
    (workplace / "named.csv").write_text("a,b,c\ngood,positive,1\nbad,negative,2\n")
    for model, data, measured in (
        ("reviews-model", ["named.csv", "--text", "a", "--label", "b"], 2),
        ("notes-model", ["notes.txt"], 100),
    ):
        options = [
            "--int8",
            "--max-loss",
            "1",
            "--out",
            str(tmp_path / model),
            "--data",
            *data,
            "--json",
        ]
        found = report_of(run("export", model, *options))
        assert found["format"] == "onnx"
        assert 0 <= found["accuracy_int8"] <= 1
        assert found["measured_on"] >= measured
        assert found["difference"] is None


def test_a_language_model_is_exported_with_fewer_n_grams(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = WordsSettings(units=8, embedding_size=8)
    parts = kneser_ney_parts(settings, TEXT, (0.3, 0.4, 0.5))
    words = str(write_random(tmp_path / "words", settings, **parts))
    labels = str(write_classifier(tmp_path / "labels"))
    sizes = []
    for name, more in (("whole", []), ("small", ["--max-ngrams", "5"])):
        assert main(["export", words, "--out", str(tmp_path / name), *more]) == 0
        sizes.append((tmp_path / name / "kneser_ney.safetensors").stat().st_size)
    assert sizes[1] < sizes[0]
    capsys.readouterr()
    for model, number in ((labels, "5"), (words, "0")):
        assert main(["export", model, "--out", str(tmp_path / "no"), "--max-ngrams", number]) == 2
        assert capsys.readouterr().err.startswith("foretell: --max-ngrams: expected")
