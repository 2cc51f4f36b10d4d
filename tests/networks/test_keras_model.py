"""`to_keras`: the network alone as a Keras model gives what its ONNX graph gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_workplace import MODELS, write

import foretell
from foretell.artifacts.directory import open_verified, read_weights_of
from foretell.artifacts.reference import random_inputs
from foretell.runtime.session import Session


@pytest.mark.parametrize("name", MODELS)
def test_the_network_alone_gives_what_its_graph_gives(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra train")
    path = write(tmp_path / name, name)
    model = open_verified(path)
    inputs = random_inputs(model.settings, read_weights_of(model))
    if "lengths" in inputs:
        # 0 is padding to the Keras model wherever it stands.
        steps = np.arange(inputs["ids"].shape[1])
        inputs["ids"] = np.where(steps < inputs["lengths"][:, None], np.maximum(inputs["ids"], 1), 0)
    inputs = {
        key: np.zeros_like(value) if key[:2] in ("h_", "c_") else value for key, value in inputs.items()
    }
    inputs.pop("skip", None)
    output = "probabilities" if name.startswith("labels") else "logits"
    (expected,) = Session.of_model(model).run([output], inputs)
    found = foretell.load(path).to_keras().predict(inputs["ids"], verbose=0)
    if found.shape[-1] == 1:
        found = np.concatenate([1 - found, found], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
