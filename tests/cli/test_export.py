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
