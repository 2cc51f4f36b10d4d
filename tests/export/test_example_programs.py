"""The programs in examples/ do what they say."""

from __future__ import annotations

import csv
import functools
import http.server
import importlib.util
import io
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from foretell.export.model_export import export_model
from foretell.runtime.labels.classifier import LabelsRuntime

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = ["the mind adapts", "what stands in the way", "", 'said "action", and\nmore action', "xyzzy"] * 200


def run(program: str, *arguments: str | Path, given: str = "") -> str:
    command = [sys.executable, str(EXAMPLES / program), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_autocomplete(models: dict[str, Path]) -> None:
    said = run("autocomplete.py", models["words"], given="the mind\nwhat stands in\n\n")
    assert said.count("next: ") == 2
    assert "  what stands in " in said
    assert said.count("%") == 6


def test_route_tickets(models: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "tickets.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "body"), *enumerate(TEXTS)])
    run("route_tickets.py", models["labels"], source, tmp_path / "sorted")
    verdicts = list(LabelsRuntime.open(models["labels"]).classify(TEXTS, abstain_below=0.7))
    expected = {name: [] for name in ("bad", "good", "unsure")}
    for number, verdict in enumerate(verdicts):
        expected[verdict.label or "unsure"].append(str(number))
    found = {}
    for path in (tmp_path / "sorted").iterdir():
        with path.open(newline="") as file:
            found[path.stem] = [row["id"] for row in csv.DictReader(file)]
    assert found == {name: ids for name, ids in expected.items() if ids}
    assert len(found) >= 2


def test_pandas_column(models: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(TEXTS[:20])])
    rows = list(csv.DictReader(io.StringIO(run("pandas_column.py", models["labels"], source), newline="")))
    verdicts = LabelsRuntime.open(models["labels"]).classify(TEXTS[:20])
    for row, text, verdict in zip(rows, TEXTS, verdicts, strict=False):
        assert row["text"] == text
        assert row["predicted"] == verdict.label
        assert float(row["probability"]) == pytest.approx(verdict.probability, abs=1e-4)
    assert len(rows) == 20


def test_search(tmp_path: Path) -> None:
    source = tmp_path / "reviews.csv"
    rows = [(f"a {'fine' if good else 'poor'} thing {n}", good) for n in range(12) for good in (0, 1)]
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    said = run("search.py", source, "1")
    assert re.match(r"macro F1 [01]\.\d+ with \{'dropout': ", said)


def test_fastapi_dependency(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="needs the extra serve")
    from fastapi.testclient import TestClient

    monkeypatch.setenv("FORETELL_MODEL", str(models["labels"]))
    spec = importlib.util.spec_from_file_location("fastapi_dependency", EXAMPLES / "fastapi_dependency.py")
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fastapi_dependency", program)
    spec.loader.exec_module(program)
    with TestClient(program.app) as client:
        answer = client.post("/tickets", json={"subject": "the mind", "body": "adapts"})
        assert client.post("/tickets", json={"subject": "no body"}).status_code == 422
    (verdict,) = LabelsRuntime.open(models["labels"]).classify(["the mind adapts"])
    assert answer.json() == {"team": verdict.label, "probability": pytest.approx(verdict.probability)}


def test_browser(models: dict[str, Path], ort_web: Path, browser: Any, tmp_path: Path) -> None:
    export_model(models["labels"], tmp_path / "model", "web", runtime=ort_web)
    (tmp_path / "browser.html").write_bytes((EXAMPLES / "browser.html").read_bytes())
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/browser.html")
        page.wait_for_function("document.querySelector('#mood').textContent === 'Write a few words.'")
        page.fill("#review", "the mind adapts")
        (verdict,) = LabelsRuntime.open(models["labels"]).classify(["the mind adapts"])
        shown = f"{verdict.label} ({100 * verdict.probability:.0f} %)"
        page.wait_for_function("text => document.querySelector('#mood').textContent === text", arg=shown)
        page.close()
        server.shutdown()
