"""One Keras model computes a classifier's whole answer, for one text and for a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_workplace import MODELS, TEXTS, Copies, padded, tfidf_inputs

from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.classifier import LabelsRuntime

LABELS = [name for name in MODELS if name.startswith("labels")]


@pytest.mark.parametrize("name", LABELS)
def test_the_model_answers_as_the_whole_classifier(
    models: dict[str, Path], copies: Copies, name: str
) -> None:
    import keras

    model = keras.saving.load_model(copies[name, "keras"].path / "model.keras")
    runtime = LabelsRuntime.open(models[name])
    ids = runtime.tokenizer.encode_batch(TEXTS)
    expected = runtime.predict_proba(TEXTS)
    inputs = {"ids": padded(ids).astype(np.int32), **tfidf_inputs(runtime.model, TEXTS)}
    np.testing.assert_allclose(model(inputs), expected, atol=1e-5)
    for text, each, row in zip(TEXTS[-3:], ids[-3:], expected[-3:], strict=True):
        inputs = {"ids": np.array([each], np.int32), **tfidf_inputs(runtime.model, [text])}
        np.testing.assert_allclose(model(inputs)[0], row, atol=1e-5)


def test_it_combines_as_the_runtime() -> None:
    from foretell.export.whole_keras import combined

    rng = np.random.default_rng(1)
    network = rng.dirichlet(np.ones(3), 5).astype(np.float32)
    network[0] = [0, 1, 0]
    linear = np.log(rng.dirichlet(np.ones(3), 5))
    for ensemble in (
        Ensemble(),
        Ensemble(network=0.5, linear=2.0, offsets=(0.1, 0.0, -0.3)),
        Ensemble(network=0.0, linear=1.0),
    ):
        expected = ensemble(network, linear)
        got = combined(
            ensemble,
            network if ensemble.network else None,
            linear.astype(np.float32) if ensemble.linear else None,
        )
        np.testing.assert_allclose(got, expected, atol=1e-6)
