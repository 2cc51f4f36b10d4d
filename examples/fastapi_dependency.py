"""A model inside a service of your own: FORETELL_MODEL=MODEL uvicorn fastapi_dependency:app

The model is opened once and shared: predicting is safe from many threads, and FastAPI runs a plain
`def` on one of its own.
"""

import functools
import os
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field

import foretell

app = FastAPI(title="Tickets")


class Ticket(BaseModel):
    subject: str = ""
    body: str = Field(max_length=20_000)


class Routed(BaseModel):
    team: str
    probability: float


@functools.cache
def classifier() -> foretell.TextClassifier:
    return foretell.TextClassifier.load(os.environ["FORETELL_MODEL"])


@app.post("/tickets")
def route(ticket: Ticket, model: Annotated[foretell.TextClassifier, Depends(classifier)]) -> Routed:
    (verdict,) = model.classify([f"{ticket.subject} {ticket.body}"])
    return Routed(team=verdict.label, probability=verdict.probability)
