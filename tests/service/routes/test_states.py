"""The states of one LSTM unit over HTTP are those of the gates."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_workplace import (
    Running,
)

from foretell.artifacts.directory import read_model
from foretell.runtime.gates import gates_along

Models = tuple[Path, Path]


@pytest.mark.parametrize(("model", "layer"), [("notes", "lstm_2"), ("reviews", "lstm_backward")])
def test_states_are_those_of_the_gates(served: Running, models: Models, model: str, layer: str) -> None:
    text = "the mind 😀 adapts"
    asked = {"model": model, "text": text, "layer": layer, "unit": 3}
    found = served.post("/v1/states", asked).json()
    wanted = gates_along(read_model(models[model == "notes"]), text, layer)
    assert found["cell"] == pytest.approx(wanted.cell[:, 3].tolist(), abs=1e-9)
    assert found["hidden"] == pytest.approx(wanted.hidden[:, 3].tolist(), abs=1e-9)
    assert found["gates"]["forget"] == pytest.approx(wanted.forget[:, 3].tolist(), abs=1e-9)
    assert [step["text"] for step in found["steps"]] == text.split()
    assert found["backward"] == (layer == "lstm_backward")
    units = {each["name"]: each["units"] for each in found["layers"]}
    assert sorted(found["liveliest"]) == list(range(units[layer]))


def test_states_choose_the_first_layer_and_its_liveliest_unit(served: Running) -> None:
    found = served.post("/v1/states", {"model": "notes", "text": "the mind adapts"}).json()
    assert found["layer"] == "lstm_1"
    assert found["unit"] == found["liveliest"][0]
    nothing = served.post("/v1/states", {"model": "reviews", "text": ""}).json()
    assert (nothing["steps"], nothing["cell"], nothing["unit"]) == ([], [], 0)
