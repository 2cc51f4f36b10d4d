"""Small models of every network that is exported."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings
from foretell.export.model_export import Exported, export_model
from foretell.ngrams.characters import character_ngrams, make_alphabet
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, LabelwiseEnsemble
from foretell.ngrams.keys import ngram_keys
from foretell.ngrams.sparse_weights import SparseWeights
from foretell.ngrams.tfidf import TfidfFeatures, TfidfModel
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.text.tokenizer import Tokenizer
from tests.builders import MANY, kneser_ney_parts, random_linear_model, tokenizer_of, write_random

TEXT = (
    "the mind adapts and converts to its own purposes the obstacle to our acting . the "
    "impediment , to "
    "action advances action ! what stands in the way becomes the way ? ΑΣ café don't"
)
TWO = ["bad", "good"]
THREE = ["<b>bad</b>", "good", 'so "so"']
FIXED = {"units": 7, "embedding_size": 5, "length": 23}

MODELS: dict[str, tuple[WordsSettings | LabelsSettings, list[str] | None]] = {
    "words": (WordsSettings(units=9, embedding_size=6, layers=2), None),
    "words-counted": (WordsSettings(units=9, embedding_size=6), None),
    "words-subword": (WordsSettings(tokens="subword", units=9, embedding_size=6), None),
    "words-spaced": (WordsSettings(tokens="white-space", units=9, embedding_size=6), None),
    "words-article": (
        WordsSettings(network="article", tokens="white-space", units=9, layers=2, window=3),
        None,
    ),
    "labels": (LabelsSettings(units=7, embedding_size=5, length=12, vocabulary=15), TWO),
    "labels-3": (LabelsSettings(units=7, embedding_size=5, length=12), THREE),
    "labels-tfidf": (LabelsSettings(units=7, embedding_size=5, length=12), THREE),
    "labels-linear": (LabelsSettings(units=7, embedding_size=5, length=12), TWO),
    "labels-multi": (LabelsSettings(units=7, embedding_size=5, length=12, multi_label=";"), THREE),
    "labels-article": (LabelsSettings(network="article", tokens="keras", **FIXED), TWO),
    "labels-cnn-lstm": (LabelsSettings(network="cnn-lstm", tokens="keras", **FIXED), THREE),
}
# Where those of other models would predict one label whatever the text.
SEEDS = {"labels-article": 22, "labels-cnn-lstm": 28}
ENSEMBLES = {
    "labels": Ensemble(network=0.6, linear=1.3, offsets=(0.25, -0.25)),
    "labels-3": Ensemble(network=0.8, linear=0.7),
    "labels-tfidf": Ensemble(network=0.5, linear=0.6),
    "labels-multi": LabelwiseEnsemble(
        network=(0.5, 0.4, 0.9),
        linear=(0.6, 0.2, 1.1),
        offsets=(0.1, -0.4, 0.0),
        thresholds=(0.4, 0.45, 0.5),
    ),
    "labels-linear": Ensemble(network=0.0, linear=1.1),
    "labels-article": Ensemble(network=0.9),
}


def write(path: Path, name: str) -> Path:
    """Write one of MODELS with random weights."""
    settings, labels = MODELS[name]
    ensemble = ENSEMBLES.get(name, NETWORK_ALONE)
    linear = None
    tfidf = ()
    if ensemble.linear:
        size = tokenizer_of(settings, TEXT, MANY).size
        linear = random_linear_model(size, 1 if labels == TWO else 3)
    if name in ("labels-tfidf", "labels-linear", "labels-multi"):
        # Two labels have one column of scores.
        n_columns = 1 if labels == TWO else 3
        tfidf = random_tfidf_models(tokenizer_of(settings, TEXT, MANY), [TEXT], n_columns)
    parts = {"linear": linear, "tfidf": tfidf, "ensemble": ensemble}
    if name == "words-counted":
        assert isinstance(settings, WordsSettings)
        parts |= kneser_ney_parts(settings, TEXT, (0.1, 0.3, 0.6, 0.8))
    how = {"text": TEXT, "vocabulary": MANY, "scale": 0.5, "seed": SEEDS.get(name, 7)}
    return write_random(path, settings, labels, **how, **parts)


def check_labels_vary(path: Path) -> None:
    """Check that a classifier predicts each of its labels for one of TEXTS at least."""
    runtime = LabelsRuntime(path)
    assert runtime.decide(runtime.predict_proba(TEXTS)).any(axis=0).all(), path.name


class Files(http.server.SimpleHTTPRequestHandler):
    """A static file server."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def files_of_folder(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yield the address."""
    serve = functools.partial(Files, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


Copies = dict[str, Exported]
TEXTS = [
    "",
    "!",
    "xyzzy",
    "the",
    "the mind",
    "the mind the mind adapts",
    "what stands in the way ? " * 9,
    "ΑΣ don't CAFÉ",
    "the obstacle " * 7,
    "to action advances action " * 3,
]


def exported(models: dict[str, Path], name: str, format: Any, folder: Path, **options: Any) -> Path:
    """Export one of the models into a folder `out`, and return that."""
    export_model(models[name], folder / "out", format, **options)
    return folder / "out"


def random_tfidf_models(
    tokenizer: Tokenizer, texts: list[str], n_columns: int
) -> tuple[TfidfModel, ...]:
    """Return two models of every feature of some texts, with random weights.

    The first has characters and norm 2; the second has words only, norm 1 and sparse weights.
    """
    ids = [np.array(tokenizer.encode(text), np.int64) for text in texts]
    starts = np.cumsum([0, *map(len, ids)])
    alphabet = make_alphabet(texts)
    none = np.zeros(0, np.int64)
    characters = np.unique(character_ngrams(texts, alphabet)[0])
    rng = np.random.default_rng(5)
    models = []
    for norm, longest, letters in ((2, 2, characters), (1, 1, none)):
        words = np.unique(ngram_keys(np.concatenate(ids), starts, tokenizer.size, longest)[0])
        features = TfidfFeatures(words, letters, alphabet, tokenizer.size, longest)
        idf = rng.uniform(1, 4, len(features)).astype(np.float32)
        weights = rng.normal(0, 2, (len(features), n_columns)).astype(np.float32)
        bias = rng.normal(0, 0.3, n_columns).astype(np.float32)
        models.append(TfidfModel(features, idf, weights, bias, norm))
    rare = np.where(rng.random(weights.shape) < 0.3, weights, 0)
    models[1] = replace(models[1], weights=SparseWeights.of(rare))
    return tuple(models)


def tfidf_inputs(model: Model, texts: list[str]) -> dict[str, np.ndarray]:
    """Return what a copy takes beside `ids`: `tfidf_scores`, or nothing."""
    if not model.tfidf:
        return {}
    ids = model.tokenizer.encode_batch(texts)
    return {"tfidf_scores": sum(each.scores(ids, texts) for each in model.tfidf)}


def padded(ids: list[list[int]]) -> np.ndarray:
    """Return ids as a batch int64 [text, step], 0 at the end."""
    batch = np.zeros((len(ids), max(map(len, ids))), np.int64)
    for row, each in zip(batch, ids, strict=True):
        row[: len(each)] = each
    return batch
