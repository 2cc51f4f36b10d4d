"""What the JSON of all routes has in common: base classes, field types, and the format of errors.

Each route's own schemas stand beside it in `routes/`; the OpenAPI document is made from both.

Offsets count Unicode code points of the text that was sent, `text[start:end]` in Python.
JavaScript's strings count UTF-16 units: there it is `Array.from(text).slice(start, end).join("")`.
Logarithms are natural.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

Answer = TypeVar("Answer")


class RequestBody(BaseModel):
    """The body of a request. An unknown parameter is an error, so that a misspelt one is not
    ignored.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ResponseBody(BaseModel):
    """The body of a response, or a part of one. It can be made from any object with the same
    attributes.

    Its fields may be data classes of other layers, whose docstrings describe them in the OpenAPI
    document.
    """

    model_config = ConfigDict(extra="forbid", from_attributes=True, use_attribute_docstrings=True)


class Answers(ResponseBody, Generic[Answer]):
    """The answer to each text, in order."""

    model: str
    answers: list[Answer]


_any: TypeAdapter[object] = TypeAdapter(object)


def to_json(value: object) -> bytes:
    """Return a schema's object or a data class as JSON."""
    return _any.dump_json(value)


def _to_integer(value: object) -> object:
    # JSON has one kind of number: 5.0 is the integer 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_to_integer)]
# Each model keeps a few caches with their texts: larger ones would take too much memory for a
# service.
Cache = Annotated[
    int,
    Field(
        ge=0,
        le=2000,
        description="Words of the text that a continuous cache makes more probable. 0: no cache.",
    ),
    # After the field: constraints on the outside of a validator are missing in OpenAPI.
    BeforeValidator(_to_integer),
]
# A list of wrong elements is one error, not one for each.
TextList = Annotated[list[str], Field(min_length=1, fail_fast=True)]


class ModelRequest(RequestBody):
    """The body of a request for one model's predictions."""

    model: str | None = Field(default=None, max_length=200)
    """A name from GET /v1/models. Optional where only one model can answer."""


class TextsRequest(ModelRequest):
    """The body of a request for predictions on one text or several."""

    texts: str | TextList
    """One text or a list. The answers are a list in the same order in both cases."""


class Layer(ResponseBody):
    """An LSTM layer whose states POST /v1/states returns."""

    name: str = Field(examples=["lstm_1"])
    units: int = Field(examples=[128])
    """Number of units; they are numbered from 0."""


class ModelCard(ResponseBody):
    """One model, in OpenAI's format with foretell's own fields."""

    id: str = Field(examples=["reviews"])
    """The name to send as `model`."""
    object: Literal["model"] = "model"
    created: int
    """When its files were written, in seconds since 1970."""
    owned_by: Literal["foretell"] = "foretell"
    job: Literal["words", "labels"]
    preset: str = Field(examples=["base"])
    tokens: Literal["white-space", "keras", "words", "subword", "char"]
    """What it splits texts into. subword and char: a token is a part of a word."""
    words: int
    """Number of words in its vocabulary (subword, char: of tokens)."""
    labels: list[str] | None
    """The labels, sorted; null for a language model."""
    multi_label: bool
    """Whether a text may have several labels, or none."""
    has_cache: bool
    """Whether `cache` can be used: a language model that reads more than a window."""
    layers: list[Layer]
    state: Literal["fresh", "stale"]
    """stale: its files cannot be opened; the model in memory still answers."""


ErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "rate_limit_error",
    "server_error",
]


class ErrorBody(ResponseBody):
    """An error, in OpenAI's format."""

    message: str
    type: ErrorType
    param: str | None = None
    code: str | None = None


class ErrorResponse(ResponseBody):
    """Every response that is not 2xx."""

    error: ErrorBody


ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "model": ErrorResponse,
        "description": "An error; docs/serving.md lists the statuses.",
    }
}
"""How every route may fail."""


def example(body: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a route's OpenAPI entry that gives its request body an example."""
    return {"requestBody": {"content": {"application/json": {"example": body}}}}
