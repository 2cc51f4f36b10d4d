"""What the JSON of all routes has in common."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from foretell.service.schemas import Integer, Layer, RequestBody


class Body(RequestBody):
    """A body with a number."""

    k: Integer = 1


@pytest.mark.parametrize("value", ["5", "5.0", "5e0"])
def test_a_whole_number_is_an_integer(value: str) -> None:
    assert Body.model_validate_json(f'{{"k": {value}}}').k == 5


@pytest.mark.parametrize("value", ["5.5", '"5"', "true", "null", "[5]", "NaN"])
def test_nothing_else_is(value: str) -> None:
    with pytest.raises(ValidationError):
        Body.model_validate_json(f'{{"k": {value}}}')


def test_an_unknown_parameter_is_an_error() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Body.model_validate_json('{"k": 1, "l": 2}')


@dataclass
class Other:
    """An object with more than a schema's attributes."""

    name: str = "lstm_1"
    units: int = 8
    more: int = 1


def test_json_of_takes_objects_and_dictionaries() -> None:
    assert Layer.json_of(Other()) == Layer.json_of({"name": "lstm_1", "units": 8})
    assert Layer.json_of(Other()) == b'{"name":"lstm_1","units":8}'
    with pytest.raises(ValidationError):
        Layer.json_of({"name": "lstm_1", "units": 8, "more": 1})
