"""POST /v1/classify and /v1/explain: the label of each text, and the words that decided it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import Field

from foretell.data.label_types import json_value
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.classifier import Verdict as RuntimeVerdict
from foretell.runtime.labels.explanation import Explanation, Word
from foretell.service.errors import ApiError
from foretell.service.requests import JsonRoute, Prediction
from foretell.service.schemas import ERRORS, ModelName, RequestBody, ResponseBody, Texts, example, to_json

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ERRORS)


class ClassifyRequest(RequestBody):
    """POST /v1/classify."""

    model: ModelName = None
    texts: Texts
    abstain_below: float | None = Field(
        default=None, ge=0, le=1, description="Give no label if its probability is below this."
    )


class Verdict(ResponseBody):
    """The label of one text."""

    label: str | int | float | bool = Field(
        description='The most probable label, of the type that the training data had (dates are text); "" if '
        "the model abstains."
    )
    probability: float = Field(description="The probability of the most probable label, also if it abstains.")
    probabilities: dict[str, float] = Field(description="The probability of each label.")
    reason: str = Field(description='Why there is no label, such as "below 0.8"; "" if there is one.')
    flags: list[str] = Field(description='What is unusual in the text, such as "mostly unknown words".')
    labels: list[str | int | float | bool] | None = Field(
        description="Where a text may have several labels, those whose probability is at least their "
        "threshold; `label` has them joined. null: each text has one label."
    )


class ClassifyResponse(ResponseBody):
    """One verdict for each text, in order."""

    model: str
    answers: list[Verdict]


class ExplainRequest(RequestBody):
    """POST /v1/explain."""

    model: ModelName = None
    texts: Texts
    label: str | None = Field(
        default=None, description="The label to explain; null: the most probable one.", max_length=1_000
    )


class ExplainedVerdict(Verdict):
    """The label of one text, the effect of each word on a label, and its probability along the text."""

    explained: str | int | float | bool = Field(description="The label that is explained.")
    explained_probability: float = Field(description="The probability of the label that is explained.")
    words: list[Word]
    running: list[float] = Field(
        description="The probability of the label after `stride` words, 2 · `stride` words, ..., all."
    )
    stride: int = Field(description="Words between two values of `running`; 1 for texts of up to 100 words.")
    together: int = Field(
        description="Words left out together, each with an equal part of the effect; 1 up to 400 words."
    )


class ExplainResponse(ResponseBody):
    """One explanation for each text, in order."""

    model: str
    answers: list[ExplainedVerdict]


@router.post(
    "/classify",
    response_model=ClassifyResponse,
    openapi_extra=example({"texts": ["Well worth the money.", "Never again."]}),
)
async def classify(body: ClassifyRequest, request: Request) -> Response:
    """Return the label of each text and the probability of every label."""
    prediction = Prediction(request, "classify", body.model, body.texts, job="labels")
    if body.abstain_below is not None and prediction.model.labels.separator:
        raise ApiError(
            422,
            "expected no abstain_below: each label of this model has a threshold of its own, found "
            f"{body.abstain_below:g}",
            param="abstain_below",
        )
    items = [(text, body.abstain_below) for text in prediction.texts]
    return await prediction.response(partial(_classify, prediction.model.labels), items)


@router.post(
    "/explain",
    response_model=ExplainResponse,
    openapi_extra=example({"texts": "Cold soup, rude waiter. Never again."}),
)
async def explain(body: ExplainRequest, request: Request) -> Response:
    """Return the label of each text, the effect of each word, and the probability along the text."""
    prediction = Prediction(request, "explain", body.model, body.texts, job="labels")
    runtime = prediction.model.labels
    if body.label is not None and body.label not in runtime.labels:
        raise ApiError(
            404,
            f"expected a label of the model, found {body.label[:60]!r}",
            param="label",
            code="label_not_found",
        )
    items = [(text, body.label) for text in prediction.texts]
    return await prediction.response(partial(_explain, runtime), items)


def _classify(runtime: LabelsRuntime, items: Sequence[tuple[str, float | None]]) -> list[bytes]:
    """Return the verdicts of (text, threshold); those with the same threshold share a batch."""
    indices: dict[float | None, list[int]] = {}
    for index, (_, threshold) in enumerate(items):
        indices.setdefault(threshold, []).append(index)
    answers = [b""] * len(items)
    for threshold, group in indices.items():
        verdicts = runtime.classify([items[index][0] for index in group], abstain_below=threshold)
        for index, verdict in zip(group, verdicts, strict=True):
            answers[index] = to_json(Verdict.model_validate(verdict.plain()))
    return answers


def _explain(runtime: LabelsRuntime, items: Sequence[tuple[str, str | None]]) -> list[bytes]:
    verdicts = runtime.classify([text for text, _ in items])
    return [
        _explained(verdict.plain(), runtime.explain(text, label))
        for (text, label), verdict in zip(items, verdicts, strict=True)
    ]


def _explained(verdict: RuntimeVerdict, explanation: Explanation) -> bytes:
    fields = {name: getattr(explanation, name) for name in ("words", "running", "stride", "together")}
    fields |= {
        "explained": json_value(explanation.label),
        "explained_probability": explanation.probability,
    }
    return to_json(ExplainedVerdict(**Verdict.model_validate(verdict).model_dump(), **fields))
