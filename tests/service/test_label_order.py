"""A model trained with unsorted labels: all probabilities, in the order of `classes_`, everywhere."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import onnxruntime
from page_workplace import opened
from playwright.sync_api import Browser, expect
from service_workplace import running

import foretell
from foretell.cli import main
from foretell.export.model_export import export_model
from foretell.export.source import Source

TEXTS = [f"{word} thing number {n}" for n in range(10) for word in ("good", "awful", "fair")]
LABELS = [33, 2, 10] * 10
TEXT = "fair thing number 3"


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> tuple[foretell.TextClassifier, Path]:
    path = tmp_path_factory.mktemp("numbered") / "numbers"
    model = foretell.TextClassifier(
        units=4, embedding_size=8, epochs=1, min_steps=1, batch_size=4, learning_rate=0.05, folds=0
    )
    return model.fit(TEXTS, LABELS, out=path), path


def test_every_format_has_all_probabilities_in_the_order_of_the_classes(
    numbered: tuple[foretell.TextClassifier, Path], browser: Browser, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model, path = numbered
    assert model.classes_.tolist() == [2, 10, 33]
    (row,) = model.predict_proba([TEXT]).tolist()
    best = model.classes_[int(np.argmax(row))].item()
    names = ["2", "10", "33"]

    loaded = foretell.load(path)
    assert loaded.classes_.tolist() == [2, 10, 33]
    assert loaded.predict([TEXT]) == [best]
    assert loaded.explain(TEXT).label == best
    assert loaded.predict_proba([TEXT]).tolist() == [row]

    def check(answer: dict[str, Any], precision: float = 1e-6) -> None:
        assert list(answer["probabilities"]) == names
        assert list(answer["probabilities"].values()) == pytest.approx(row, abs=precision)
        assert answer["label"] == best
        assert type(answer["label"]) is int

    assert main(["classify", str(path), "--literal", TEXT, "--json"]) == 0
    check(json.loads(capsys.readouterr().out))
    assert main(["explain", str(path), TEXT, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == best
    assert main(["classify", str(path), "--literal", TEXT, "--format", "csv"]) == 0
    (line,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert line["label"] == str(best)

    with running(path) as served:
        for verb in ("classify", "explain"):
            check(served.post(f"/v1/{verb}", {"texts": TEXT}).json()["answers"][0])
        with opened(browser, f"{served.url}/#labels") as page:
            page.locator("#labels-text").fill(TEXT)
            shown = page.locator("#view-labels .prediction .bars li")
            expect(shown).to_have_count(3)
            ranked = sorted(zip(row, names, strict=True), reverse=True)
            expect(page.locator("#view-labels .prediction .answer > :first-child")).to_have_text(str(best))
            for place, (probability, name) in enumerate(ranked):
                expect(shown.nth(place)).to_contain_text(name)
                expect(shown.nth(place)).to_contain_text(f"{100 * probability:.1f} %")

    export_model(path, tmp_path / "copy", "onnx")
    assert json.loads((tmp_path / "copy" / "model.json").read_text())["labels"] == [2, 10, 33]
    session = onnxruntime.InferenceSession(
        tmp_path / "copy" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    ids = np.array([Source(path).ids(TEXT)], np.int64)
    np.testing.assert_allclose(session.run(["probabilities"], {"ids": ids})[0][0], row, atol=1e-5)
