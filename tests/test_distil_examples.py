"""The example programs that distil: a language model behind a local stand-in of its address, and
SetFit.
"""

from __future__ import annotations

import json
import runpy
import sys
import threading
import time
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import foretell
from foretell.errors import RunError
from tests.training.labels.test_answers import (
    LABELLED,
    LABELS,
    MORE,
    SMALL,
    TEST,
    accuracy,
    certain,
    label_of,
)

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> Any:
    return types.SimpleNamespace(**runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name=name))


class StandIn(ThreadingHTTPServer):
    """An OpenAI-compatible address whose language model knows the labels.

    It keeps the bodies that it was `asked`; first it makes its `faults`: a status, a content, or
    seconds.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.faults: list[int | str | float] = []


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, float):
            time.sleep(fault)
        text = body["messages"][-1]["content"]
        label = label_of(text)
        content = fault if isinstance(fault, str) else json.dumps({"label": label})
        answer = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        self.send_response(fault if isinstance(fault, int) else 200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *given: object) -> None:
        """Write nothing."""


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def teacher_at(server: StandIn, **more: Any) -> Any:
    address = f"http://127.0.0.1:{server.server_port}/v1"
    return example("distil_llm").Teacher(address, "stand-in", LABELS, pause=0.001, **more)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (500, ""),
        (401, "status 401"),
        ("no JSON", "expected JSON with a label, found"),
        (1.0, "timed out"),
    ],
)
def test_a_call_that_fails_is_tried_again_and_what_does_not_get_better_is_one_line(
    server: StandIn, fault: Any, message: str, tmp_path: Path
) -> None:
    timeout = 0.5 if fault == 1.0 else 30
    if fault != 401:
        server.faults = [fault]
        found = teacher_at(server, timeout=timeout).predict_proba(MORE[0][:3])
        assert found == certain(MORE[1][:3], 1.0).tolist()
        # A busy machine may miss more than one reply.
        assert fault == 1.0 or len(server.asked) == 4
        format = server.asked[0]["response_format"]["json_schema"]
        assert (format["strict"], format["schema"]["properties"]["label"]["enum"]) == (
            True,
            list(LABELS),
        )
    if message:
        server.faults = [fault] * 2
        teacher = teacher_at(server, tries=2, calls=1, timeout=timeout)
        with pytest.raises(RunError, match=message) as error:
            foretell.TextClassifier(**SMALL).fit(
                *LABELLED, unlabelled=MORE[0], teacher=teacher, out=tmp_path / "m"
            )
        assert "\n" not in str(error.value)


def csv_of(path: Path, columns: dict[str, list[str]]) -> Path:
    rows = [",".join(row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")
    return path


def small_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = foretell.TextClassifier
    monkeypatch.setattr(foretell, "TextClassifier", lambda: whole(**SMALL))


def test_a_language_model_is_distilled(
    server: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_classifier(monkeypatch)
    texts = csv_of(tmp_path / "texts.csv", {"text": MORE[0]})
    address = f"http://127.0.0.1:{server.server_port}/v1"
    given = [
        str(texts),
        str(tmp_path / "m"),
        "--address",
        address,
        "--name",
        "stand-in",
        "--labels",
        *LABELS,
    ]
    given += ["--price-in", "1", "--price-out", "4"]
    known = csv_of(tmp_path / "known.csv", dict(zip(("text", "label"), LABELLED, strict=True)))
    given += ["--labelled", str(known)]
    program = example("distil_llm")
    monkeypatch.setattr("builtins.input", lambda _: "n")
    program.main(given)
    assert not server.asked
    assert "150 texts: about " in capsys.readouterr().err
    program.main([*given, "--yes"])
    assert len(server.asked) == len(MORE[0])
    runtime = foretell.load(tmp_path / "m")
    assert accuracy(runtime, TEST) > 0.8


@pytest.mark.soak
def test_setfit_is_distilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        labels: list[str]

        @classmethod
        def from_pretrained(cls, _encoder: str, labels: list[str]) -> Model:
            model = cls()
            model.labels = labels
            return model

        def predict_proba(self, texts: list[str]) -> np.ndarray:
            return certain([label_of(text) for text in texts])

    trained: list[Any] = []
    trainer = lambda **given: trained.append(given) or types.SimpleNamespace(train=lambda: None)  # noqa: E731
    parts = {"SetFitModel": Model, "Trainer": trainer, "TrainingArguments": dict}
    monkeypatch.setitem(sys.modules, "setfit", types.SimpleNamespace(**parts))
    dataset = types.SimpleNamespace(from_dict=lambda rows: rows)
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(Dataset=dataset))
    small_classifier(monkeypatch)
    labelled = csv_of(
        tmp_path / "labelled.csv", dict(zip(("text", "label"), LABELLED, strict=True))
    )
    more = csv_of(tmp_path / "more.csv", {"text": MORE[0]})
    monkeypatch.setattr(
        sys, "argv", ["distil_setfit.py", str(labelled), str(more), str(tmp_path / "m")]
    )
    example("distil_setfit").main()
    assert len(trained[0]["train_dataset"]["text"]) == 48
    assert accuracy(foretell.load(tmp_path / "m"), TEST) > 0.8
