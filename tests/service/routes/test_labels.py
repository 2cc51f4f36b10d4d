"""Verdicts and explanations over HTTP are the runtime's, which are the command line's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from service_workplace import (
    REVIEWS,
    Running,
)

from foretell.cli import main
from foretell.runtime.labels.classifier import LabelsRuntime

Models = tuple[Path, Path]


def test_classify_gives_the_command_lines_numbers(
    served: Running, models: Models, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in REVIEWS))
    assert main(["classify", str(models[0]), str(file), "--format", "jsonl", "--abstain-below", "0.7"]) == 0
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answer = served.post("/v1/classify", {"texts": REVIEWS, "abstain_below": 0.7}).json()
    assert answer["model"] == "reviews"
    assert len(answer["answers"]) == len(REVIEWS)
    for found, wanted in zip(answer["answers"], expected, strict=True):
        assert [found[name] for name in ("label", "reason", "flags")] == [
            wanted[name] for name in ("label", "reason", "flags")
        ]
        assert found["probability"] == pytest.approx(wanted["probability"], abs=1e-5)
        assert found["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


def test_one_text_and_many_have_the_same_answers(served: Running) -> None:
    together = served.post("/v1/classify", {"model": "reviews", "texts": REVIEWS}).json()["answers"]
    for text, wanted in zip(REVIEWS, together, strict=True):
        alone = served.post("/v1/classify", {"texts": text}).json()["answers"]
        assert len(alone) == 1
        assert alone[0]["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


def test_explain_gives_the_runtimes_numbers(served: Running, models: Models) -> None:
    texts = ["good way to the bad 😀 obstacle", ""]
    answers = served.post("/v1/explain", {"texts": texts}).json()["answers"]
    runtime = LabelsRuntime.open(models[0])
    verdicts = served.post("/v1/classify", {"texts": texts}).json()["answers"]
    for text, found, verdict in zip(texts, answers, verdicts, strict=True):
        wanted = runtime.explain(text)
        assert found["label"] == wanted.label == verdict["label"]
        assert found["probability"] == pytest.approx(wanted.probability, abs=1e-5)
        assert found["flags"] == verdict["flags"]
        assert [word["text"] for word in found["words"]] == text.split()
        assert [word["effect"] for word in found["words"]] == pytest.approx(
            [word.effect for word in wanted.words], abs=1e-5
        )
        assert found["running"] == pytest.approx(list(wanted.running), abs=1e-5)
