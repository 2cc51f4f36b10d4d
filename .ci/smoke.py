"""Predict and serve with the packages that are installed here: `make lowest` and `make newest`.

It needs no test library. Models of the fixtures must give the answers that are stored beside them;
the service must answer too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import foretell

TOLERANCE = 1e-5
NAMES = (
    "numpy", "onnxruntime", "scikit-learn", "scipy", "tokenizers", "safetensors", "cyclopts", "rich",
    "charset-normalizer", "platformdirs", "fastapi", "httptools", "pydantic", "prometheus-client", "uvicorn",
)  # fmt: skip


def main(fixtures: Path) -> None:
    """Compare all answers.

    Raises:
        AssertionError: one differs.
    """
    for job, check in (("labels", check_labels), ("words", check_words)):
        path = fixtures / f"model_format_1_{job}"
        check(
            foretell.load(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        )
    check_service(fixtures / "model_format_1_labels")
    sys.stdout.write("  ".join(f"{name} {metadata.version(name)}" for name in NAMES) + "\n")


def check_labels(model: Any, wanted: dict[str, Any]) -> None:
    """Compare the answers of a classifier."""
    np.testing.assert_allclose(
        model.predict_proba(wanted["texts"]),
        wanted["probabilities"],
        rtol=TOLERANCE,
        atol=TOLERANCE,
    )
    assert model.explain(wanted["texts"][0]).words


def check_words(model: Any, wanted: dict[str, Any]) -> None:
    """Compare the answers of a language model."""
    for prompt, expected in zip(wanted["prompts"], wanted["next"], strict=True):
        assert [each.word for each in model.next(prompt, k=5)] == [word for word, _ in expected]
    assert model.complete("the mind", words=8, seed=1, temperature=0.8) == wanted["completion"]


def check_service(path: Path) -> None:
    """Ask a service in a process of its own for a label."""
    command = [sys.executable, "-m", "foretell", "serve", str(path), "--port=0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if " at http://" in line)
            address = re.findall(r"http://[\w.:]+", line)[0]
            body = json.dumps({"texts": ["the mind adapts"]}).encode()
            request = urllib.request.Request(
                f"{address}/v1/classify", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as reply:
                answer = json.load(reply)
        finally:
            process.terminate()
    assert "label" in json.dumps(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
