"""export: what it writes, for people and for programs."""

from __future__ import annotations

from pathlib import Path

from cli_workplace import Run, report_of


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


def test_a_language_model_is_exported_with_fewer_n_grams(run: Run, tmp_path: Path) -> None:
    sizes = []
    for name, more in (("whole", []), ("small", ["--max-ngrams", "5"])):
        answer = run("export", "notes-model", "--out", str(tmp_path / name), *more)
        assert answer.code == 0, answer.err
        sizes.append((tmp_path / name / "kneser_ney.safetensors").stat().st_size)
    assert sizes[1] < sizes[0]
    for model, number in (("reviews-model", "5"), ("notes-model", "0")):
        refused = run("export", model, "--out", str(tmp_path / "no"), "--max-ngrams", number)
        assert (refused.code, refused.err.count("max")) == (2, 1), refused.err
