from __future__ import annotations

from pathlib import Path

import pytest

from foretell.display import Report, card, frame
from foretell.errors import ArtifactError


def test_a_page_in_a_frame_runs_no_scripts_and_cannot_end_its_attribute() -> None:
    html = frame('<p title="x">&</p>"><script>alert(1)</script>')
    assert html.startswith('<iframe sandbox="" srcdoc="')
    assert html.count('"') == 12
    assert "<script" not in html


def test_a_card_escapes_names_and_values() -> None:
    html = card("<b>", [("<i>", "&"), ("name", "value")])
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "<bdi>value</bdi>" in html


def test_a_report_is_read_from_the_run_of_a_model_directory(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected the report of the training"):
        Report.read(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("<!doctype html>ü", encoding="utf-8")
    report = Report.read(tmp_path)
    report.save(tmp_path / "copy.html")
    assert (tmp_path / "copy.html").read_text(encoding="utf-8") == "<!doctype html>ü"
    assert "16 characters of HTML" in repr(report)
