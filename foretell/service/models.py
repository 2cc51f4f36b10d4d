"""The models that are served, each by its name; one that changes on disk is opened anew between two requests.

A model is in memory whole: one whose files vanish goes on answering as it was, and is called stale.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from foretell.artifacts import manifest
from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import Job
from foretell.errors import ForetellError, MissingFileError, UsageError
from foretell.runtime.gates import layer_units
from foretell.runtime.open import open_model
from foretell.service.batching import Batcher, Line
from foretell.service.failures import Refusal
from foretell.service.limits import Limits
from foretell.service.metrics import Metrics
from foretell.service.schemas import Layer, ModelCard

_log = logging.getLogger("foretell.service")

LARGEST_BATCH = 128
CHECK_SECONDS = 1.0

Fingerprint = tuple[int, int, int]


class Loaded:
    """One model in memory, as it was on disk at one moment.

    Attributes:
        runtime: what predicts.
        card: what GET /v1/models says of it.
        fingerprint: of the manifest that it was opened with.
    """

    def __init__(self, path: Path, name: str) -> None:
        # The fingerprint first: a change in between is then seen as one.
        self.fingerprint = fingerprint(path)
        self.runtime = open_model(path)
        self.card = _card(self.runtime.model, name)
        self._batchers: dict[str, Batcher[Any, Any]] = {}
        self._weights: Model | None = None

    def batcher(self, verb: str, make: Callable[[], Batcher[Any, Any]]) -> Batcher[Any, Any]:
        """Return the batcher of one verb; `make` makes it where it is not there yet."""
        if verb not in self._batchers:
            self._batchers[verb] = make()
        return self._batchers[verb]

    def weights(self) -> Model:
        """Return the model with its weights, read when first asked for.

        Raises:
            ArtifactError: the files are not there, or no longer those of this model.
        """
        if self._weights is None:
            path = self.runtime.path
            read = read_model(path)
            if fingerprint(path) != self.fingerprint:
                raise MissingFileError(
                    expected="the files that the model was opened from",
                    found="others",
                    where=str(path),
                    fix="try again in a moment",
                )
            self._weights = read
        return self._weights


@dataclass
class Served:
    """One name and the model behind it.

    Attributes:
        name: what clients call it.
        path: the model directory.
        loaded: the model that answers now.
        state: stale where the files have gone or cannot be trusted.
    """

    name: str
    path: Path
    loaded: Loaded
    state: Literal["fresh", "stale"] = "fresh"
    tried: Fingerprint | None = None

    def card(self) -> ModelCard:
        """Return what GET /v1/models says."""
        return self.loaded.card.model_copy(update={"state": self.state})


class Models:
    """Every model that is served.

    Args:
        places: name and directory of each.
        pool: the threads that predict.
        limits: the bounds of the service.
        metrics: is told of batches and loads.

    Raises:
        ArtifactError: a directory that cannot be trusted.
        UsageError: two models of one name.
    """

    def __init__(
        self, places: Iterable[tuple[str, Path]], *, pool: Executor, limits: Limits, metrics: Metrics
    ) -> None:
        self.pool, self._limits, self._metrics = pool, limits, metrics
        self.line = Line(limits.queue)
        self._served: dict[str, Served] = {}
        for name, path in places:
            if name in self._served:
                raise UsageError(
                    expected="a name of its own for each model",
                    found=f"'{name}' twice",
                    where=str(path),
                    fix="give one as NAME=DIRECTORY",
                )
            self._served[name] = Served(name, path, Loaded(path, name))
            metrics.loads.labels(name).inc()

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def find(self, name: str | None, job: Job) -> Served:
        """Return the model to ask.

        Args:
            name: its name; None: the only one for this job.
            job: what it must be for.

        Raises:
            Refusal: 404, no such model, or no name and not exactly one; 400, it is for the other job.
        """
        if name is None:
            return self._only(job)
        served = self.find_any(name)
        if served.loaded.card.job != job:
            raise Refusal(
                400,
                f"expected a model for {job} ({self._names(job) or 'none is served'}), found {name}, "
                f"which is for {served.loaded.card.job}",
                param="model",
                code="wrong_job",
            )
        return served

    def find_any(self, name: str | None) -> Served:
        """Return the model of this name, whatever it is for; None: the only one that is served.

        Raises:
            Refusal: 404, no such model, or no name and not exactly one.
        """
        found = self._served.get(name) if name is not None else None
        if name is None and len(self._served) == 1:
            found = next(iter(self._served.values()))
        if found is None:
            raise _not_found(self._names(None))
        return found

    def batcher(
        self, served: Served, verb: str, work: Callable[[Any, list[Any]], list[Any]]
    ) -> Batcher[Any, Any]:
        """Return the batcher of one verb of a model.

        Args:
            served: the model.
            verb: the verb's name, for the metrics.
            work: runtime and items to results.
        """
        loaded = served.loaded

        def make() -> Batcher[Any, Any]:
            together = verb == "classify"
            return Batcher(
                partial(work, loaded.runtime),
                pool=self.pool,
                line=self.line,
                largest=LARGEST_BATCH if together else 1,
                at_once=2,
                wait=self._limits.wait / 1e3 if together else 0.0,
                seen=self._metrics.batches.labels(served.name, verb).observe,
            )

        return loaded.batcher(verb, make)

    async def keep_fresh(self) -> None:
        """Look after the directories until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Open every model anew whose files have changed."""
        loop = asyncio.get_running_loop()
        for served in self._served.values():
            # Not in the pool that predicts: opening a large model takes a while.
            await loop.run_in_executor(None, self._refresh, served)

    def _refresh(self, served: Served) -> None:
        found = fingerprint(served.path)
        if found == served.loaded.fingerprint:
            self._set_state(served, "fresh")
        elif found is None:
            self._set_state(served, "stale", "its files have vanished")
        elif found != served.tried or served.state == "stale":
            served.tried = found
            self._reopen(served)

    def _reopen(self, served: Served) -> None:
        began = time.monotonic()
        try:
            served.loaded = Loaded(served.path, served.name)
        except (ForetellError, OSError) as error:
            self._set_state(served, "stale", str(error))
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

    def _only(self, job: Job) -> Served:
        found = [served for served in self._served.values() if served.loaded.card.job == job]
        if len(found) == 1:
            return found[0]
        raise _not_found(self._names(job))

    def _names(self, job: Job | None) -> str:
        return ", ".join(s.name for s in self._served.values() if job in (None, s.loaded.card.job))


def named_places(arguments: Iterable[str]) -> list[tuple[str, Path]]:
    """Return name and directory of each argument: DIRECTORY, called as the directory is, or NAME=DIRECTORY.

    Raises:
        UsageError: no argument, or a name that is empty or not printable.
    """
    places = []
    for argument in arguments:
        name, equals, path = argument.partition("=")
        # A directory with = in its name is still one.
        if not equals or Path(argument).is_dir():
            path, name = argument, Path(argument).resolve().name
        if not name or not name.isprintable() or "/" in name or len(name) > 200:
            raise UsageError(
                expected="a name of at most 200 printable letters without /",
                found=repr(name)[:60],
                where=argument[:200],
                fix="give the model as NAME=DIRECTORY",
            )
        places.append((name, Path(path)))
    if not places:
        raise UsageError(expected="a model directory", found="none", where="MODEL")
    return places


def fingerprint(path: Path) -> Fingerprint | None:
    """Return what changes when a model directory is written anew; None: there is none."""
    try:
        found = (path / manifest.MANIFEST).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _not_found(names: str) -> Refusal:
    return Refusal(
        404,
        f"expected the name of a model ({names or 'none is served for this'}), found another or none",
        param="model",
        code="model_not_found",
    )


def _card(model: Model, name: str) -> ModelCard:
    return ModelCard(
        id=name,
        created=int((model.directory / manifest.MANIFEST).stat().st_mtime),
        owned_by="foretell",
        job=model.job,
        preset=model.preset,
        words=model.tokenizer.size - model.tokenizer.specials,
        labels=model.labels,
        layers=[Layer(name=layer, units=units) for layer, units in layer_units(model.settings).items()],
        state="fresh",
    )
