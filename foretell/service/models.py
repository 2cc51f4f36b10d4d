"""The models that are served, by name. A model that changes on disk is opened again between two requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_weights_of
from foretell.artifacts.model import Model
from foretell.config import Job
from foretell.errors import ForetellError, UsageError
from foretell.runtime.gates import layer_units
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime
from foretell.service.batching import Batcher, Item, WaitingTexts
from foretell.service.errors import ApiError
from foretell.service.limits import Limits
from foretell.service.logs import Metrics
from foretell.service.schemas import Layer, ModelCard
from foretell.text.tokenizer import Tokenizer

_log = logging.getLogger("foretell.service")

Fingerprint = tuple[int, int, int]

QUICK, LONG = "quick", "long"
"""Lanes: short texts are answered in one, long or many texts in the other, so no short one waits for them."""

MAX_BATCH = 128
CONCURRENCY = 2
"""Batches of one verb of a model that are worked on at the same time."""

CHECK_SECONDS = 1.0
"""Seconds from one look at the directories to the next."""

RETRY_SECONDS = 10.0
"""Seconds until a model that could not be opened is tried again: to open it reads all of its files."""

_MAX_NAME = 200


class LoadedModel:
    """A model in memory. It answers even when its directory has changed or disappeared.

    Args:
        path: the model directory.
        name: the name that clients use.

    Attributes:
        card: what GET /v1/models returns.
        batchers: one for each verb in each lane; see `Models.batcher`.
        fingerprint: of the directory when the model was opened.

    Raises:
        ArtifactError: the directory cannot be trusted.
    """

    def __init__(self, path: Path, name: str) -> None:
        # Taken first: a change while the model is opened is then noticed afterwards.
        self.fingerprint = fingerprint(path)
        self._runtime = open_model(path)
        self.card = _card(self._runtime.model, name, self.fingerprint)
        self.batchers: dict[str, Batcher[Any, bytes]] = {}
        self._weights: Model | None = None

    @property
    def labels(self) -> LabelsRuntime:
        """The classifier."""
        assert isinstance(self._runtime, LabelsRuntime)
        return self._runtime

    @property
    def words(self) -> WordsRuntime:
        """The language model."""
        assert isinstance(self._runtime, WordsRuntime)
        return self._runtime

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer."""
        return self._runtime.tokenizer

    def with_weights(self) -> Model:
        """Return the model with its weights, which are read the first time.

        Raises:
            ArtifactError: the files are missing, or are no longer those of this model.
        """
        if self._weights is None:
            model = self._runtime.model
            self._weights = replace(model, weights=read_weights_of(model))
        return self._weights


def fingerprint(path: Path) -> Fingerprint | None:
    """Return a value that changes when a model directory is written again; None if it is missing."""
    try:
        status = (path / manifest.MANIFEST).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass
class Served:
    """A name and the model behind it.

    Attributes:
        name: what clients call it.
        path: the model directory.
        loaded: the model that answers now.
        state: stale if the files are missing, or were changed and cannot be opened.
        tried: the fingerprint of the files that were opened last.
        retry_at: when they are tried again, by `time.monotonic`.
    """

    name: str
    path: Path
    loaded: LoadedModel
    state: Literal["fresh", "stale"] = "fresh"
    tried: Fingerprint | None = None
    retry_at: float = 0.0

    def card(self) -> ModelCard:
        """Return what GET /v1/models returns."""
        return self.loaded.card.model_copy(update={"state": self.state})


class Models:
    """Every model that is served.

    Args:
        places: name and directory of each model.
        lanes: the threads of each lane.
        limits: the bounds of the service.
        metrics: counts batches and loads.

    Attributes:
        waiting: the texts that wait in each lane.

    Raises:
        ArtifactError: a directory cannot be trusted.
        UsageError: two models have the same name.
    """

    def __init__(
        self,
        places: Iterable[tuple[str, Path]],
        *,
        lanes: Mapping[str, Executor],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._lanes, self._metrics = lanes, metrics
        self.waiting = {lane: WaitingTexts(limits.queue) for lane in (QUICK, LONG)}
        self._served: dict[str, Served] = {}
        for name, path in places:
            if name in self._served:
                raise UsageError(
                    expected="a different name for each model",
                    found=f"'{name}' twice",
                    where=str(path),
                    fix="give one as NAME=DIRECTORY",
                )
            self._served[name] = Served(name, path, LoadedModel(path, name))
            metrics.loads.labels(name).inc()

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    @property
    def n_waiting(self) -> int:
        """Texts that wait for an answer, or are being answered."""
        return sum(texts.count for texts in self.waiting.values())

    def find(self, name: str | None, job: Job | None = None) -> Served:
        """Return a model.

        Args:
            name: its name; None: the only model of this job.
            job: its job; None: any.

        Raises:
            ApiError: 404, no model has this name, or no name was given and there is not exactly one model;
                400, the model has the other job.
        """
        candidates = [served for served in self if job in (None, served.loaded.card.job)]
        if name is None:
            if len(candidates) != 1:
                raise _not_found(candidates)
            return candidates[0]
        served = self._served.get(name)
        if served is None:
            raise _not_found(self)
        if served not in candidates:
            raise ApiError(
                400,
                f"expected a model for {job} ({_names(candidates) or 'none is served'}), found {name}, "
                f"which is for {served.loaded.card.job}",
                param="model",
                code="wrong_job",
            )
        return served

    def batcher(
        self, loaded: LoadedModel, verb: str, lane: str, work: Callable[[list[Item]], list[bytes]]
    ) -> Batcher[Item, bytes]:
        """Return the batcher of one verb of a model in one lane.

        Args:
            loaded: the model.
            verb: the name of the verb, for the metrics.
            lane: `QUICK` or `LONG`.
            work: items to answers in JSON, by this model.
        """

        key, shares = f"{verb} {lane}", verb == "classify"
        if key not in loaded.batchers:
            loaded.batchers[key] = Batcher(
                work,
                pool=self._lanes[lane],
                waiting=self.waiting[lane],
                max_batch=MAX_BATCH if shares else 1,
                # One after another: each of these may need some memory.
                concurrency=CONCURRENCY if shares or lane == QUICK else 1,
                on_batch=self._metrics.batches.labels(loaded.card.id, verb).observe,
            )
        return loaded.batchers[key]

    async def keep_fresh(self) -> None:
        """Check the directories until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Open every model again whose files have changed."""
        loop = asyncio.get_running_loop()
        for served in self:
            # Not in the pool that predicts: opening a large model takes a while.
            await loop.run_in_executor(None, self._refresh, served)

    def _refresh(self, served: Served) -> None:
        current = fingerprint(served.path)
        if current == served.loaded.fingerprint:
            self._set_state(served, "fresh")
        elif current is None:
            self._set_state(served, "stale", "the files are missing")
        elif current != served.tried:
            served.tried = current
            self._reopen(served)
        elif served.state == "stale" and time.monotonic() >= served.retry_at:
            self._reopen(served)

    def _reopen(self, served: Served) -> None:
        began = time.monotonic()
        try:
            served.loaded = LoadedModel(served.path, served.name)
        except Exception as error:
            # Also an exception that no one expects of damaged files: the other models must be checked on.
            expected = isinstance(error, ForetellError | OSError)
            self._set_state(served, "stale", str(error) if expected else type(error).__name__)
            served.retry_at = time.monotonic() + RETRY_SECONDS
            return
        self._metrics.loads.labels(served.name).inc()
        self._set_state(served, "fresh")
        seconds = round(time.monotonic() - began, 3)
        _log.info("model_changed", extra={"fields": {"model": served.name, "seconds": seconds}})

    def _set_state(self, served: Served, state: Literal["fresh", "stale"], reason: str = "") -> None:
        if served.state != state:
            fields = {"model": served.name, **({"reason": reason} if reason else {})}
            _log.warning(f"model_{state}", extra={"fields": fields})
        served.state = state
        self._metrics.stale.labels(served.name).set(state == "stale")


def named_places(arguments: Iterable[str]) -> list[tuple[str, Path]]:
    """Return name and directory of each argument: DIRECTORY, named as the directory is, or NAME=DIRECTORY.

    Raises:
        UsageError: no argument, or a name that is empty, too long or not printable.
    """
    places = []
    for argument in arguments:
        name, equals, path = argument.partition("=")
        # The name of a directory may contain "=".
        if not equals or Path(argument).is_dir():
            path, name = argument, Path(argument).resolve().name
        if not name or not name.isprintable() or "/" in name or len(name) > _MAX_NAME:
            raise UsageError(
                expected=f"a name of at most {_MAX_NAME} printable characters without /",
                found=repr(name)[:60],
                where=argument[:_MAX_NAME],
                fix="give the model as NAME=DIRECTORY",
            )
        places.append((name, Path(path)))
    if not places:
        raise UsageError(expected="a model directory", found="none", where="MODEL")
    return places


def _card(model: Model, name: str, written: Fingerprint | None) -> ModelCard:
    return ModelCard(
        id=name,
        # None: the directory was being replaced at that moment.
        created=int(time.time()) if written is None else written[1] // 10**9,
        owned_by="foretell",
        job=model.job,
        preset=model.preset,
        tokens=model.tokenizer.style,
        words=model.tokenizer.size - model.tokenizer.specials,
        labels=model.labels,
        multi_label=bool(getattr(model.settings, "multi_label", "")),
        layers=[Layer(name=layer, units=units) for layer, units in layer_units(model.settings).items()],
        state="fresh",
    )


def _names(models: Iterable[Served]) -> str:
    return ", ".join(served.name for served in models)


def _not_found(models: Iterable[Served]) -> ApiError:
    return ApiError(
        404,
        f"expected the name of a model ({_names(models) or 'none is served'}), found another or none",
        param="model",
        code="model_not_found",
    )
