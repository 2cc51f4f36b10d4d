"""What one running service holds: models by name, limits, metrics and lanes; routes ask
`service_of`.

A model that changes on disk is opened again between two requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from starlette.requests import Request

from foretell.artifacts import manifest
from foretell.config import Job
from foretell.errors import ForetellError, UsageError
from foretell.runtime.gates import layer_units
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.session import check_threads
from foretell.runtime.words.predictor import WordsRuntime
from foretell.service.errors import CLOSE, RETRY, ApiError
from foretell.service.events import log
from foretell.service.lanes import LONG, OTHER, QUICK, WRITING, Batcher, Lane
from foretell.service.limits import Limits
from foretell.service.logs import ServiceMetrics
from foretell.service.schemas import Layer, ModelCard

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation

CHECK_SECONDS = 1.0
"""Seconds from one look at the directories to the next."""

RETRY_SECONDS = 10.0
"""Seconds until a model that could not be opened is tried again: to open it reads all of its
files.
"""

MAX_VERDICTS = 8 << 20
"""Maximum bytes of all probabilities in one answer: each text has one for each label, with its
name.
"""


class LoadedModel:
    """A model in memory. It answers even when its directory has changed or disappeared.

    `card` is what GET /v1/models returns, `max_texts` how many texts a request may have at most,
    and `batchers` are those of each verb in each lane.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        # Taken first: a change while the model is opened is then noticed afterwards.
        self.fingerprint = self.tried = fingerprint(path)
        self.retry_at = 0.0
        self.batchers: dict[tuple[str, str], Batcher[Any, bytes]] = {}
        runtime = open_model(path)
        # Of a model of the other job nobody asks for them: see `Models.find`.
        self.labels = cast(LabelsRuntime, runtime)
        self.words = cast(WordsRuntime, runtime)
        self.model = model = runtime.model
        self.tokenizer = model.tokenizer
        # Of a label: its name, and 30 bytes of a number and what is around it.
        verdict = sum(len(label) + 30 for label in model.labels or ("",))
        self.max_texts = max(1, MAX_VERDICTS // verdict)
        layers = layer_units(model.settings).items()
        # None: the directory was being replaced at that moment.
        created = int(time.time())
        if self.fingerprint is not None:
            created = self.fingerprint[1] // 10**9
        self.card = ModelCard(
            id=name,
            created=created,
            job=model.job,
            preset=model.preset,
            tokens=model.tokenizer.style,
            words=model.tokenizer.size - model.tokenizer.specials,
            labels=model.labels,
            multi_label=bool(getattr(model.settings, "multi_label", "")),
            has_cache=model.job == "words" and not model.settings.follows_article,
            layers=[Layer(name=layer, units=units) for layer, units in layers],
            state="fresh",
        )


def fingerprint(path: Path) -> tuple[int, ...] | None:
    """Return a value that changes when a model directory is written again; None if it is
    missing.
    """
    try:
        status = (path / manifest.MANIFEST).stat()
        return status.st_ino, status.st_mtime_ns, status.st_size, path.stat().st_mtime_ns
    except OSError:
        return None


class Models:
    """Every model that is served; the errors of opening them are those of `Service`."""

    def __init__(self, places: Iterable[tuple[str, Path]], metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._loaded: dict[str, LoadedModel] = {}
        for name, path in places:
            if name in self._loaded:
                raise UsageError(
                    "different names",
                    f"'{name}' twice",
                    where=path,
                    fix="give one as NAME=DIRECTORY",
                )
            self._loaded[name] = LoadedModel(path, name)
            metrics.loads.labels(name).inc()

    def __iter__(self) -> Iterator[LoadedModel]:
        return iter(self._loaded.values())

    def find(self, name: str | None, job: Job | None = None) -> LoadedModel:
        """Return the model of a name, or where none is given the only one of a job (None: of any).

        It answers the request even if it is replaced in the meantime. ApiError: 404, there is no
        such model; 400, it has the other job.
        """
        candidates = [each for each in self if job in (None, each.card.job)]
        names = ", ".join(each.name for each in candidates) or "none is served"
        if name is None and len(candidates) == 1:
            return candidates[0]
        model = self._loaded.get(name or "")
        if model is None:
            message = f"expected the name of a model ({names}), found another or none"
            raise ApiError(message, status=404, param="model", code="model_not_found")
        if model not in candidates:
            message = f"expected a model for {job} ({names}), found {name}, for {model.card.job}"
            raise ApiError(message, status=400, param="model", code="wrong_job")
        return model

    async def keep_fresh(self, lane: Lane) -> None:
        """Open every model again whose files have changed, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for model in tuple(self):
                # Opening a large model takes a while; the end of the service does not wait for it.
                await lane.run(partial(self._refresh, model))

    def _refresh(self, model: LoadedModel) -> None:
        current = fingerprint(model.path)
        if current == model.fingerprint:
            self._set_state(model, "fresh")
        elif current is None:
            self._set_state(model, "stale", reason="the files are missing")
        elif current != model.tried or time.monotonic() >= model.retry_at:
            model.tried = current
            try:
                self._loaded[model.name] = LoadedModel(model.path, model.name)
            except Exception as error:
                # Also an exception that no one expects of damaged files: the other models must be
                # checked on.
                reason = type(error).__name__
                if isinstance(error, ForetellError | OSError):
                    reason = str(error)
                self._set_state(model, "stale", reason=reason)
                model.retry_at = time.monotonic() + RETRY_SECONDS
            else:
                self._metrics.loads.labels(model.name).inc()
                log("model_changed", model=model.name)

    def _set_state(
        self, model: LoadedModel, state: Literal["fresh", "stale"], **fields: str
    ) -> None:
        if model.card.state != state:
            log(f"model_{state}", logging.WARNING, model=model.name, **fields)
        model.card.state = state
        self._metrics.stale.labels(model.name).set(state == "stale")


_MAX_NAME = 200


def named_places(arguments: Iterable[str]) -> list[tuple[str, Path]]:
    """Return name and directory of each argument: DIRECTORY, named as the directory is, or
    NAME=DIRECTORY.

    Raises:
        UsageError: no argument, or a name that is empty, too long or not printable.
    """
    places = []
    for argument in arguments:
        name, equals, path = argument.partition("=")
        # The name of a directory may contain "=".
        if not equals or Path(argument).is_dir():
            path = argument
            name = Path(argument).resolve().name
        if not name or not name.isprintable() or "/" in name or len(name) > _MAX_NAME:
            raise UsageError(
                f"a name of at most {_MAX_NAME} printable characters without /",
                repr(name)[:60],
                where=argument[:_MAX_NAME],
                fix="give the model as NAME=DIRECTORY",
            )
        places.append((name, Path(path)))
    if not places:
        raise UsageError("a model directory", "none", where="MODEL")
    return places


_QUICK_THREADS = 4
"""Each quick request takes a fraction of a second, so more threads would only compete."""

_MAX_SCRAPES = 16
"""Requests for the metrics that may wait."""


class Service:
    """One service of models, and of texts to label on the page.

    Args:
        places: name and directory of each model.
        limits: the bounds of a request.
        annotation: the texts to label; whoever opened it closes it. None: there are none.

    Raises:
        ArtifactError: a directory cannot be trusted.
        UsageError: two models have the same name.

    Attributes:
        lanes: the threads of each kind of requests, by name.
        is_stopping: whether it takes no more requests and answers those it has accepted.
    """

    def __init__(
        self,
        places: Iterable[tuple[str, Path]],
        limits: Limits,
        annotation: Annotation | None = None,
    ) -> None:
        self.limits = limits
        self.annotation = annotation
        self.is_stopping = False
        self.metrics = ServiceMetrics()
        self.models = Models(places, self.metrics)
        cores = check_threads(None)
        threads = {QUICK: _QUICK_THREADS, LONG: cores, WRITING: cores + 2}
        self.lanes = {name: Lane(name, count, limits.queue) for name, count in threads.items()}
        # One model is opened at a time.
        self.lanes[OTHER] = Lane(OTHER, 2, _MAX_SCRAPES)
        self.metrics.waiting.set_function(lambda: self.waiting)
        self._time_limits: set[asyncio.Timeout] = set()

    @property
    def waiting(self) -> int:
        """Texts that wait for an answer, or are being answered."""
        return sum(lane.waiting for name, lane in self.lanes.items() if name != OTHER)

    def deadline(self) -> float:
        """Return when the time limit of a request passes that begins now, by the event loop's
        clock.
        """
        return asyncio.get_running_loop().time() + self.limits.seconds

    @contextlib.asynccontextmanager
    async def time_limit(self, deadline: float) -> AsyncIterator[asyncio.Timeout]:
        """Raise TimeoutError in the block at `deadline`, by the event loop's clock, or at
        `give_up`.
        """
        async with asyncio.timeout_at(deadline) as limit:
            self._time_limits.add(limit)
            try:
                yield limit
            finally:
                self._time_limits.discard(limit)

    def out_of_time(self) -> ApiError:
        """Return the error of an answer whose time is over, by its time limit or the end of the
        service.
        """
        if self.is_stopping:
            message = "expected an answer before the end of the service, found none; send it again"
            return ApiError(message, status=503, code="stopping", headers=RETRY | CLOSE)
        message = f"expected an answer within {self.limits.seconds:g} seconds, found none"
        message += "; send less text at once, or try later"
        return ApiError(message, status=503, code="timeout", headers=RETRY)

    def give_up(self) -> None:
        """Let the time of every request that is being answered be over."""
        for limit in tuple(self._time_limits):
            if not limit.expired():
                limit.reschedule(0)

    def close(self) -> None:
        """End the threads; those that work are not waited for."""
        for lane in self.lanes.values():
            lane.threads.shutdown(wait=False, cancel_futures=True)

    def end_threads(self, seconds: float) -> bool:
        """Wait for the threads after `close`; return whether all have ended in time."""
        deadline = time.monotonic() + seconds
        threads = [
            thread for lane in self.lanes.values() for thread in tuple(lane.threads._threads)
        ]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
