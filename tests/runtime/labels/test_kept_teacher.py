"""A classifier that keeps its teacher: answers, explanations, files, copies for other programs."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.artifacts.directory import read_model, write_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError, ChangedFileError
from foretell.export.source import ExportSource
from foretell.ngrams.ensemble import Ensemble, linear_log_probabilities
from foretell.runtime import session
from foretell.runtime.encoder import SentenceEncoder
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.text_classifier import TextClassifier
from tests.builders import random_linear_model, write_random
from tests.encoders import kept_teacher

TEXT = "the good film is good , the bad film is dull . a new word"
TEXTS = [
    "the good film",
    "dull",
    "",
    "the bad film is the bad film , good " * 5,
    "🙂 unknown words",
    "good",
]
METRICS = {"teacher": {"name": "tiny", "sha256": "0" * 64, "texts": 0, "kept": True}}


def made(folder: Path, n_labels: int) -> LabelsRuntime:
    """Write and open a network, a linear model and a teacher."""
    columns = 1 if n_labels == 2 else n_labels
    write_random(
        folder,
        LabelsSettings(units=4, embedding_size=4, length=30),
        ["neg", "pos", "so-so"][:n_labels],
        text=TEXT,
        linear=random_linear_model(12, columns),
        teacher=kept_teacher(columns),
        ensemble=Ensemble(network=0.7, linear=1.3),
        metrics=METRICS,
    )
    return LabelsRuntime(folder)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> LabelsRuntime:
    return made(tmp_path_factory.mktemp("kept") / "model", 3)


def without(model: Model, **changes: Any) -> LabelsRuntime:
    return LabelsRuntime(dataclasses.replace(model, **changes))


@pytest.mark.parametrize("n_labels", [2, 3])
def test_the_teachers_scores_are_added_to_those_of_the_linear_model(
    tmp_path: Path, n_labels: int
) -> None:
    kept = made(tmp_path / "model", n_labels)
    stored = read_model(kept.path)
    ids = kept.tokenizer.encode_batch(TEXTS)
    assert stored.linear is not None
    assert stored.teacher is not None
    encoder = SentenceEncoder.of_model(stored, threads=1)
    teacher = encoder.encode(TEXTS) @ stored.teacher.weights + stored.teacher.bias
    linear = linear_log_probabilities(stored.linear.scores(ids) + teacher)
    expected = stored.ensemble(kept._network(ids), linear)
    np.testing.assert_allclose(kept.predict_proba(TEXTS), expected, atol=1e-6)
    # It is not the answer of the others alone.
    assert np.abs(expected - without(stored, teacher=None).predict_proba(TEXTS)).max() > 0.05


def test_one_text_and_a_batch_have_the_same_numbers(kept: LabelsRuntime) -> None:
    many = TEXTS * 7
    rows = kept.predict_proba(many)
    np.testing.assert_array_equal(
        rows, np.concatenate([kept.predict_proba([text]) for text in many])
    )
    verdicts = list(kept.classify(TEXTS))
    assert [verdict.probability for verdict in verdicts] == rows[: len(TEXTS)].max(axis=1).tolist()
    explained = kept.explain("the good film")
    (without,) = kept.predict_proba([" good film"])
    assert explained.words[0].without == pytest.approx(
        without[kept.labels.index(explained.label)], abs=1e-5
    )


def test_the_encoder_is_opened_from_the_bytes_that_were_verified(
    kept: LabelsRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(read_model(kept.path), tmp_path / "copy")
    opened = LabelsRuntime(tmp_path / "copy")
    assert opened.model.teacher is not None
    # Memory: the session has a copy.
    assert opened.model.teacher.files.graph == opened.model.teacher.files.tokenizer == b""
    before = opened.predict_proba(TEXTS)
    (tmp_path / "copy" / "teacher.onnx").write_bytes(b"another")
    np.testing.assert_array_equal(opened.predict_proba(TEXTS), before)
    # A forked child finds another file there, and goes on with what it has.
    with monkeypatch.context() as child:
        child.setattr(session.os, "getpid", lambda: -1)
        np.testing.assert_array_equal(opened.predict_proba(TEXTS), before)
    with pytest.raises(ChangedFileError):
        LabelsRuntime(tmp_path / "copy")


def test_a_model_that_is_saved_or_pickled_keeps_its_teacher(
    kept: LabelsRuntime, tmp_path: Path
) -> None:
    clf = TextClassifier.load(kept.path)
    clf.save(tmp_path / "saved")
    rows = kept.predict_proba(TEXTS)
    assert (tmp_path / "saved" / "teacher_LICENSE").read_bytes() == b"MIT"
    for copy in (TextClassifier.load(tmp_path / "saved"), pickle.loads(pickle.dumps(clf))):
        np.testing.assert_array_equal(copy.predict_proba(TEXTS), rows)


def test_an_encoder_with_other_embeddings_is_refused(kept: LabelsRuntime, tmp_path: Path) -> None:
    stored = read_model(kept.path)
    assert stored.teacher is not None
    other = dataclasses.replace(stored.teacher, weights=stored.teacher.weights[1:])
    write_model(dataclasses.replace(stored, teacher=other), tmp_path / "m")
    with pytest.raises(
        ArtifactError, match="expected an encoder with embeddings of 5 numbers, found 6"
    ):
        LabelsRuntime(tmp_path / "m")


def test_an_export_leaves_it_out_and_says_so(kept: LabelsRuntime, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from foretell.export.model_export import export_model

    others = without(read_model(kept.path), teacher=None)
    np.testing.assert_array_equal(
        ExportSource(kept.path).answers(TEXTS), others.predict_proba(TEXTS)
    )
    assert not export_model(kept.path, tmp_path / "out").whole
    assert "the model without its kept teacher" in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "model.json").read_text())["answer"] == "without teacher"
