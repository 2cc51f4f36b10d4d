"""Tiny models of every network, with random weights: no training, so no TensorFlow."""

import dataclasses
import shutil

import numpy as np
import pytest

from foretell.artifacts.directory import write_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.ngrams.kneser_ney import KneserNey, Level
from tests.builders import MANY, random_model

TEXT = (
    "The mind, the body, the soul: all things pass away like smoke and like a dream in the night."
)
TWO = ["bad", "good"]
THREE = ["bad", "good", "mixed"]

ARTICLE_WORDS = WordsSettings(network="article", tokens="white-space", units=9, layers=2, window=3)
ARTICLE_LABELS = LabelsSettings(
    network="article", tokens="keras", units=7, embedding_size=5, length=11
)
CNN_LSTM = LabelsSettings(network="cnn-lstm", tokens="keras", units=7, embedding_size=5, length=23)
BILSTM = LabelsSettings(units=7, embedding_size=5, length=30)

NETWORKS = {
    "words-article": (ARTICLE_WORDS, None),
    "words-1": (WordsSettings(tokens="subword", units=8, embedding_size=8, layers=1), None),
    "words-3-projected": (WordsSettings(tokens="char", units=9, embedding_size=6, layers=3), None),
    "labels-article": (ARTICLE_LABELS, TWO),
    "labels-article-3": (ARTICLE_LABELS, THREE),
    "labels-cnn-lstm": (CNN_LSTM, TWO),
    "labels-bilstm": (BILSTM, TWO),
    "labels-bilstm-3": (BILSTM, THREE),
    "several": (dataclasses.replace(BILSTM, multi_label=";"), ["ux", "bug", "billing"]),
}


def build(name, **changes):
    settings, labels = NETWORKS[name]
    fields = {field.name for field in dataclasses.fields(Model)}
    how = {"seed": 0, **{name: changes.pop(name) for name in changes.keys() - fields}}
    model = random_model(settings, labels, text=TEXT, vocabulary=MANY, **how)
    if name == "several":
        alone = {"network": (1.0,) * 3, "offsets": (0.0,) * 3, "thresholds": (0.5,) * 3}
        changes = {"ensemble": LabelwiseEnsemble(**alone), **changes}
    return dataclasses.replace(model, **{"metrics": {"accuracy": 0.875, "steps": 12}, **changes})


@pytest.fixture(params=NETWORKS)
def any_model(request):
    """A model of each network in turn."""
    return build(request.param)


@pytest.fixture
def make_model():
    """The function that makes a model by its name in NETWORKS."""
    return build


@pytest.fixture
def model():
    """One small classifier."""
    return build("labels-bilstm")


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The directory of `model`, written once; copy it, never change it."""
    path = tmp_path_factory.mktemp("written") / "model"
    write_model(build("labels-bilstm"), path)
    return path


@pytest.fixture
def directory(written, tmp_path):
    """A copy of `written` that a test may change."""
    return shutil.copytree(written, tmp_path / "model")


@pytest.fixture(scope="session")
def kneser_ney():
    """The function that makes a Kneser–Ney model of order 2 over ids below a size."""
    levels = (
        Level(np.arange(3), np.full(3, 0.2, np.float32), np.array([0.4], np.float32)),
        Level(np.array([1]), np.array([0.5], np.float32), np.array([0.5, 1, 1], np.float32)),
    )
    return lambda size: KneserNey(levels, size, 10)
