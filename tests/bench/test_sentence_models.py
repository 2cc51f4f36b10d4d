"""Peers that start from embeddings of other texts; their libraries are not installed for tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bench import sentence_models

TRAIN = [("good film", "pos"), ("good story", "pos"), ("bad film", "neg"), ("bad story", "neg")]


def embed(texts: list[str]) -> np.ndarray:
    return np.array([[text.count("good"), text.count("bad")] for text in texts], np.float32)


def test_a_label_for_each_text_comes_from_its_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_models, "_wordllama", lambda: SimpleNamespace(embed=embed))
    monkeypatch.setattr(sentence_models, "_model2vec", lambda: SimpleNamespace(encode=embed))
    texts = ("bad music", "good music")
    assert sentence_models.wordllama(TRAIN, texts, 1, c=10.0) == ["neg", "pos"]
    assert sentence_models.model2vec(TRAIN, texts, 1, c=10.0) == ["neg", "pos"]
