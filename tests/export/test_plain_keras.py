"""Every network in Keras's own layers: a saved model opens without foretell's code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from export_workplace import MODELS, Copies

from foretell.artifacts.directory import read_model
from foretell.config import WordsSettings


def test_only_keras_layers_are_in_a_file(copies: Copies) -> None:
    files = [str(copies[name, "keras"].path / "model.keras") for name in MODELS]
    code = (
        "import sys, keras; models = [keras.saving.load_model(path) for path in sys.argv[1:]]; "
        "assert not [name for name in sys.modules if name.startswith('foretell')]; "
        "print({type(layer).__module__.partition('.')[0] for model in models for layer in model.layers})"
    )
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "{'keras'}\n"


def test_the_state_carries_from_call_to_call(models: dict[str, Path]) -> None:
    from foretell.export.plain_keras import words_model

    model = read_model(models["words"])
    assert isinstance(model.settings, WordsSettings)
    network = words_model(model.settings, model.require_weights())
    states = {
        each.name: np.zeros((1, *each.shape[1:]), np.float32) for each in network.inputs if each.name != "ids"
    }
    ids = np.array([[3, 5, 4, 7]], np.int32)
    whole = network({"ids": ids, **states})["logits"][0]
    for step in range(ids.shape[1]):
        outputs = network({"ids": ids[:, step : step + 1], **states})
        np.testing.assert_allclose(outputs["logits"][0, 0], whole[step], atol=1e-5)
        states = {name: outputs[f"{name}_out"].numpy() for name in states}
