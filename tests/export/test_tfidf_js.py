"""The TF-IDF models in JavaScript give the same scores as those in Python, on a thousand difficult texts."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from export_workplace import random_tfidf_models
from nasty import nasty_texts
from safetensors.numpy import save

from foretell.ngrams.tfidf import tfidf_arrays
from foretell.text.tokenizer import Tokenizer

SCORES = """
import { readFileSync } from "node:fs";
import { Tfidf } from "./tfidf.js";
const tfidf = new Tfidf(readFileSync("tfidf.safetensors"));
const given = JSON.parse(readFileSync("given.json", "utf8"));
process.stdout.write(JSON.stringify(given.map(({ ids, text }) => Array.from(tfidf.scores(ids, text)))));
"""
REQUIRED = """
import { readFileSync, writeFileSync } from "node:fs";
import { withRequiredInput } from "./graph.js";
writeFileSync("required.onnx", withRequiredInput(readFileSync("model.onnx"), "tfidf_scores"));
"""


def run(node: str, folder: Path, script: str) -> str:
    with as_file(files("foretell.export") / "web") as scripts:
        for name in ("tfidf.js", "graph.js"):
            shutil.copy(scripts / name, folder)
    # Node.js treats a .js file as a module only if package.json says so.
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.mjs").write_text(script)
    done = subprocess.run([node, "run.mjs"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("n_columns", [1, 3])
def test_the_same_scores_for_nasty_texts(node: str, tmp_path: Path, n_columns: int) -> None:
    texts = [*nasty_texts(), "  ", "ΑΣ ΣΑΣ\x85ΣΑ\u2003x\ufeffy", "👩‍👩‍👧‍👦👍🏽 👍🏽", "good film " * 50]
    # Words and characters that occur only in the first texts are unknown.
    tokenizer = Tokenizer.train(texts[100:], "words", lowercase=True, vocabulary=100_000)
    models = random_tfidf_models(tokenizer, texts[100:], n_columns)
    ids = tokenizer.encode_batch(texts)
    (tmp_path / "tfidf.safetensors").write_bytes(save(tfidf_arrays(models)))
    given = [{"ids": each, "text": text} for each, text in zip(ids, texts, strict=True)]
    (tmp_path / "given.json").write_text(json.dumps(given))
    found = np.array(json.loads(run(node, tmp_path, SCORES)))
    expected = np.sum([model.scores(ids, texts) for model in models], axis=0)
    assert found.shape == expected.shape == (len(texts), n_columns)
    assert np.ptp(expected) > 1
    differences = np.abs(found - expected).max(axis=1)
    assert differences.max() < 1e-5, [texts[i] for i in differences.argsort()[-3:]]


def test_the_default_value_of_an_input_is_taken_away(node: str, tmp_path: Path) -> None:
    """The other initializers keep their names and values."""
    text = (
        "foretell (float[n, 2] x, float[n, 2] tfidf_scores) => (float[n, 2] y) { y = Add (x, tfidf_scores) }"
    )
    graph = onnx.parser.parse_graph(text)
    for name in ("x", "tfidf_scores"):
        graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((1, 2), np.float32), name))
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "model.onnx")
    run(node, tmp_path, REQUIRED)
    session = onnxruntime.InferenceSession(tmp_path / "required.onnx")
    assert [each.name for each in session.get_inputs()] == ["tfidf_scores"]
    assert [each.name for each in session.get_overridable_initializers()] == ["x"]
    given = np.array([[1, 2]], np.float32)
    np.testing.assert_array_equal(session.run(None, {"tfidf_scores": given})[0], given)
