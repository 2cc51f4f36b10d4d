"""POST /v1/states: the gates, the cell state and the output of one LSTM unit along a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.runtime.gates import Gates, gates_along
from foretell.service.errors import invalid
from foretell.service.models import LoadedModel
from foretell.service.requests import JsonRoute, Prediction
from foretell.service.schemas import (
    ERRORS,
    Integer,
    Layer,
    ModelName,
    RequestBody,
    ResponseBody,
    example,
    to_json,
)

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)

MAX_ACTIVE_UNITS = 16
_VALUES = ("input", "forget", "candidate", "output")


class StatesRequest(RequestBody):
    """POST /v1/states."""

    model: ModelName = None
    text: str = Field(description="One text.")
    layer: str | None = Field(
        default=None, max_length=40, description="The name of a layer; null: the first."
    )
    unit: Integer | None = Field(
        default=None, ge=0, description="The number of a unit; null: the one whose cell state changes most."
    )


class Step(ResponseBody):
    """What one step of the layer reads: a word (cnn-lstm: the words under one pooled position)."""

    text: str
    start: int
    end: int


class GateValues(ResponseBody):
    """The gates of the unit, one value a step: `input`, `forget`, `output` 0 to 1, `candidate` -1 to 1."""

    input: list[float]
    forget: list[float]
    candidate: list[float]
    output: list[float]


class StatesResponse(ResponseBody):
    """Cell state, output and gates of one unit, one value a step.

    cell = forget · cell before + input · candidate; hidden = output · tanh(cell).
    """

    model: str
    layer: str
    unit: int
    layers: list[Layer]
    liveliest: list[int] = Field(
        description="Up to 16 units of this layer, those whose cell states change most first."
    )
    backward: bool = Field(
        description="Whether the layer reads from the end of the text: its first step is the last."
    )
    steps: list[Step] = Field(description="In the order of the text.")
    cell: list[float]
    hidden: list[float] = Field(description="The output of the unit, -1 to 1.")
    gates: GateValues


@router.post(
    "/states",
    response_model=StatesResponse,
    openapi_extra=example({"model": "notes", "text": "What stands in the way"}),
)
async def states(body: StatesRequest, request: Request) -> Response:
    """Return the gates, the cell state and the output of one LSTM unit along a text."""
    prediction = Prediction(request, "states", body.model, body.text, param="text")
    (answer,) = await prediction.answers(partial(_states, prediction.model), [body])
    return Response(answer, media_type="application/json")


def _states(model: LoadedModel, items: Sequence[StatesRequest]) -> list[bytes]:
    return [
        _response(model, item, gates_along(model.with_weights(), item.text, item.layer)) for item in items
    ]


def _response(model: LoadedModel, item: StatesRequest, gates: Gates) -> bytes:
    layers = model.card.layers
    name = item.layer or layers[0].name
    n_units = next(layer.units for layer in layers if layer.name == name)
    if item.unit is not None and item.unit >= n_units:
        raise invalid(f"expected a unit from 0 to {n_units - 1}, found {item.unit}", param="unit")
    active = gates.most_active(MAX_ACTIVE_UNITS)
    unit = item.unit if item.unit is not None else (active or [0])[0]
    fields = {
        "model": model.card.id,
        "layer": name,
        "unit": unit,
        "layers": layers,
        "liveliest": active,
        "backward": gates.backward,
        "steps": [{"text": item.text[start:end], "start": start, "end": end} for start, end in gates.spans],
        "cell": gates.cell[:, unit].tolist(),
        "hidden": gates.hidden[:, unit].tolist(),
        "gates": {value: getattr(gates, value)[:, unit].tolist() for value in _VALUES},
    }
    return to_json(StatesResponse(**fields))
