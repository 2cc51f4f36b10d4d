"""GET /v1/models and /v1/models/NAME: the models that are served."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field

from foretell.service.json_route import JsonRoute
from foretell.service.openapi import ACCESS_ERRORS, ERRORS
from foretell.service.schemas import ModelCard, ResponseBody
from foretell.service.state import service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ACCESS_ERRORS)


class ModelList(ResponseBody):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]
    annotation: bool = Field(
        default=False, description="Whether the service has texts to label, at /v1/annotation."
    )


@router.get("/models")
async def models(request: Request) -> ModelList:
    """List the models that are served."""
    service = service_of(request)
    cards = [served.card() for served in service.models]
    return ModelList(data=cards, annotation=service.annotation is not None)


@router.get("/models/{model}", responses={status: ERRORS[status] for status in (404, 422)})
async def model(model: Annotated[str, Path(examples=["notes"])], request: Request) -> ModelCard:
    """Return one model."""
    return service_of(request).models.find(model).card()
