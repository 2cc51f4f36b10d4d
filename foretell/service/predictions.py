"""POST /v1/classify, /v1/explain, /v1/next, /v1/score, /v1/states: the command line's answers, over HTTP."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Request

from foretell.errors import DataError
from foretell.runtime.gates import Gates, gates_along
from foretell.runtime.labels.classifier import LabelsRuntime, Verdict
from foretell.runtime.labels.explanation import Explanation
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.scoring import Score
from foretell.runtime.words.surprise import WordScore, score_words, total
from foretell.runtime.words.writing import Candidate
from foretell.service import schemas
from foretell.service.documents import ANSWERS, example
from foretell.service.failures import invalid
from foretell.service.json_route import JsonRoute
from foretell.service.logs import note
from foretell.service.models import Loaded, Served
from foretell.service.service import Service, service_of

router = APIRouter(prefix="/v1", route_class=JsonRoute, responses=ANSWERS)

MOST_LIVELY = 16


@router.post("/classify", openapi_extra=example({"texts": ["Well worth the money.", "Never again."]}))
async def classify(asked: schemas.ClassifyRequest, request: Request) -> schemas.ClassifyAnswer:
    """The label of each text, with a probability for every label."""
    service = service_of(request)
    served, texts = service.models.find(asked.model, "labels"), _texts(asked.texts)
    _check(service, request, served, texts, "classify")
    items = [(text, asked.abstain_below) for text in texts]
    verdicts = await service.models.batcher(served, "classify", _classify)(items)
    _count(service, served, "classify", len(texts))
    return schemas.ClassifyAnswer(model=served.name, answers=[_verdict(each) for each in verdicts])


@router.post("/explain", openapi_extra=example({"texts": "Cold soup, rude waiter. Never again."}))
async def explain(asked: schemas.ExplainRequest, request: Request) -> schemas.ExplainAnswer:
    """What each word of each text did to its label, and the verdict along the text."""
    service = service_of(request)
    served, texts = service.models.find(asked.model, "labels"), _texts(asked.texts)
    _check(service, request, served, texts, "explain")
    found = await service.models.batcher(served, "explain", _explain)(texts)
    _count(service, served, "explain", len(texts))
    return schemas.ExplainAnswer(model=served.name, answers=[_explained(*each) for each in found])


@router.post("/next", openapi_extra=example({"texts": "What stands in the", "k": 3}))
async def next_words(asked: schemas.NextRequest, request: Request) -> schemas.NextAnswer:
    """The likeliest next words after each text."""
    service = service_of(request)
    served, texts = service.models.find(asked.model, "words"), _texts(asked.texts)
    _check(service, request, served, texts, "next")
    items = [(place, text, asked.k, asked.unfinished) for place, text in enumerate(texts)]
    found = await service.models.batcher(served, "next", _next)(items)
    _count(service, served, "next", len(texts))
    answers = [schemas.NextWords(words=[_next_word(word) for word in words]) for words in found]
    return schemas.NextAnswer(model=served.name, answers=answers)


@router.post("/score", openapi_extra=example({"texts": "What stands in the way", "words": True}))
async def score(asked: schemas.ScoreRequest, request: Request) -> schemas.ScoreAnswer:
    """How likely each text is; with `words`, how likely each of its words was."""
    service = service_of(request)
    served, texts = service.models.find(asked.model, "words"), _texts(asked.texts)
    _check(service, request, served, texts, "score")
    items = [(place, text, asked) for place, text in enumerate(texts)]
    found = await service.models.batcher(served, "score", _score)(items)
    _count(service, served, "score", len(texts))
    answers = [_scored(text, *each) for text, each in zip(texts, found, strict=True)]
    return schemas.ScoreAnswer(model=served.name, answers=answers)


@router.post("/states", openapi_extra=example({"model": "notes", "text": "What stands in the way"}))
async def states(asked: schemas.StatesRequest, request: Request) -> schemas.StatesAnswer:
    """What one LSTM unit does along a text: its gates, its cell state, what it hands on."""
    service = service_of(request)
    served = service.models.find_any(asked.model)
    _check(service, request, served, [asked.text], "states")
    card = served.loaded.card
    items = [(served.loaded, asked.text, asked.layer)]
    (found,) = await service.models.batcher(served, "states", _states)(items)
    name = asked.layer or card.layers[0].name
    units = next(layer.units for layer in card.layers if layer.name == name)
    if asked.unit is not None and asked.unit >= units:
        raise invalid(f"expected a unit from 0 to {units - 1}, found {asked.unit}", param="unit")
    liveliest = found.most_active(MOST_LIVELY)
    unit = asked.unit if asked.unit is not None else (liveliest or [0])[0]
    _count(service, served, "states", 1)
    return schemas.StatesAnswer(
        model=served.name,
        layer=name,
        unit=unit,
        layers=card.layers,
        liveliest=liveliest,
        backward=found.backward,
        steps=[schemas.Step(text=asked.text[start:end], start=start, end=end) for start, end in found.spans],
        cell=found.cell[:, unit].tolist(),
        hidden=found.hidden[:, unit].tolist(),
        gates=schemas.Gates(
            input=found.input[:, unit].tolist(),
            forget=found.forget[:, unit].tolist(),
            candidate=found.candidate[:, unit].tolist(),
            output=found.output[:, unit].tolist(),
        ),
    )


def _texts(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _check(service: Service, request: Request, served: Served, texts: list[str], verb: str) -> None:
    note(request.scope, model=served.name, texts=len(texts))
    service.limits.check_texts(texts, param="text" if verb == "states" else "texts")


def _count(service: Service, served: Served, verb: str, count: int) -> None:
    service.metrics.texts.labels(served.name, verb).inc(count)


# What the batchers run in their threads: runtime and items to results.


def _classify(runtime: LabelsRuntime, items: list[tuple[str, float | None]]) -> list[Verdict]:
    thresholds = {threshold for _, threshold in items}
    if len(thresholds) == 1:
        return list(runtime.classify([text for text, _ in items], abstain_below=thresholds.pop()))
    found: dict[int, Verdict] = {}
    for threshold in thresholds:
        places = [place for place, (_, own) in enumerate(items) if own == threshold]
        verdicts = runtime.classify([items[place][0] for place in places], abstain_below=threshold)
        found |= zip(places, verdicts, strict=True)
    return [found[place] for place in range(len(items))]


def _explain(runtime: LabelsRuntime, texts: list[str]) -> list[tuple[Verdict, Explanation]]:
    return list(zip(runtime.classify(texts), map(runtime.explain, texts), strict=True))


def _next(runtime: WordsRuntime, items: list[tuple[int, str, int, bool]]) -> list[list[Candidate]]:
    found = []
    for place, text, k, unfinished in items:
        with _named(place):
            found.append(runtime.next(text, k=k, unfinished=unfinished))
    return found


def _score(
    runtime: WordsRuntime, items: list[tuple[int, str, schemas.ScoreRequest]]
) -> list[tuple[Score, list[WordScore] | None]]:
    found: list[tuple[Score, list[WordScore] | None]] = []
    for place, text, asked in items:
        with _named(place):
            if not (asked.words or asked.start):
                found.append((runtime.score([text]), None))
                continue
            # Reading the text once is enough for both.
            words = score_words(runtime, text, top=asked.top, start=asked.start)
            found.append((total(words), words if asked.words else None))
    return found


@contextmanager
def _named(place: int) -> Iterator[None]:
    """Say which of a request's texts cannot be answered."""
    try:
        yield
    except DataError as error:
        raise invalid(f"text {place}: {error}", param=f"texts.{place}", code="cannot_answer") from error


def _states(runtime: Any, items: list[tuple[Loaded, str, str | None]]) -> list[Gates]:
    del runtime
    return [gates_along(loaded.weights(), text, layer) for loaded, text, layer in items]


def _verdict(found: Verdict) -> schemas.Verdict:
    return schemas.Verdict(
        label=found.label,
        probability=found.probability,
        probabilities=found.probabilities,
        reason=found.reason,
        flags=list(found.flags),
    )


def _explained(verdict: Verdict, why: Explanation) -> schemas.Explained:
    return schemas.Explained(
        **_verdict(verdict).model_dump(),
        words=[schemas.ExplainedWord(**dataclasses.asdict(word)) for word in why.words],
        running=list(why.running),
        stride=why.stride,
        linear_bias=why.linear_bias,
    )


def _next_word(found: Candidate) -> schemas.NextWord:
    return schemas.NextWord(word=found.word, probability=found.probability)


def _scored(text: str, found: Score, words: list[WordScore] | None) -> schemas.Scored:
    values = dataclasses.asdict(found)
    if not math.isfinite(found.perplexity):
        values["perplexity"] = None
    each = None
    if words is not None:
        each = [
            schemas.ScoredWord(
                text=text[word.start : word.end],
                start=word.start,
                end=word.end,
                log_probability=word.log_probability,
                known=word.known,
                characters=word.characters,
                top=[_next_word(candidate) for candidate in word.top],
            )
            for word in words
        ]
    return schemas.Scored(**values, each=each)
