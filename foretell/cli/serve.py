"""The command `serve`: models over HTTP."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model, name_of
from foretell.cli.log_thread import log_to_stderr
from foretell.cli.options import Name, Several
from foretell.cli.output import note
from foretell.hub.client import is_address
from foretell.machine import require
from foretell.service.limits import Limits
from foretell.service.listening import bind, check_host, url

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation

PACKAGES = ("fastapi", "uvicorn", "httptools", "prometheus_client")
_HERE = "127.0.0.1"


@Parameter(name="*", group=Group("Access", sort_key=5))
@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Who may send requests.

    Attributes:
        host: Listen on this address. Any but 127.0.0.1 needs --token-file.
        port: Listen on this port (0: a free one, which is printed).
        token_file: Require the token in this file, as Authorization: Bearer TOKEN.
        allow_host: Also accept requests to this host name. May be given several times.
        allow_origin: Let pages of this origin read answers (CORS), such as https://example.org. May
            be given several times.
    """

    host: Annotated[str, Parameter(metavar="ADDRESS")] = _HERE
    port: int = 8000
    token_file: Path | None = None
    allow_host: Annotated[Several, Parameter(metavar="NAME")] = ()
    allow_origin: Annotated[Several, Parameter(metavar="URL")] = ()


_AS_FLAGS = Parameter(
    name="*",
    group=Group("Limits", sort_key=6),
    name_transform=lambda name: f"limit-{name}",
)
OPEN = AccessOptions()
_USUAL = Limits()


def serve(
    models: Annotated[tuple[Name, ...], Parameter(name="MODEL...")] = (),
    /,
    *,
    who: AccessOptions = OPEN,
    limits: Annotated[Limits, _AS_FLAGS] = _USUAL,
    quiet: bool = False,
) -> None:
    """Serve models over HTTP until Ctrl-C.

    Args:
        models: Model directories or hf://owner/name. A model has the name of its directory or
            repository, or the one given as NAME=DIRECTORY.
        quiet: Log failures only.
    """
    require(PACKAGES, "serving", "serve")
    from foretell.service.models import named_places

    places = named_places(map(_local, models))
    _serve_until_stopped(places, who, limits, None, quiet=quiet)


def serve_annotation(annotation: Annotation, who: AccessOptions) -> None:
    """Serve the page with texts to label until Ctrl-C; as `foretell label --page`.

    Args:
        annotation: the texts; it stays open.
        who: who may label; where they need a token, each of them needs a name too.
    """
    require(PACKAGES, "the page", "serve")
    _serve_until_stopped((), who, _USUAL, annotation, quiet=True)


def _serve_until_stopped(
    places: Sequence[tuple[str, Path]],
    who: AccessOptions,
    limits: Limits,
    annotation: Annotation | None,
    *,
    quiet: bool,
) -> None:
    """Serve models, and texts to label, until Ctrl-C, SIGTERM or SIGHUP."""
    from foretell.service.app import create_app
    from foretell.service.auth import Access, read_token
    from foretell.service.models import Service
    from foretell.service.server import THREAD_SECONDS, Server

    check_host(who.host)
    token = None if who.token_file is None else read_token(who.token_file)
    allowed = Access(who.host, hosts=who.allow_host, origins=who.allow_origin, token=token)
    with bind(who.host, who.port) as listening:
        service = Service(places, limits, annotation)
        log_to_stderr(service.metrics, quiet=quiet)
        names = [f"{each.name} ({each.card.job})" for each in service.models]
        where = url(listening)
        if annotation is not None:
            names = [f"{annotation.counts().left:,} texts to label"]
            where = f"{where}/#annotate"
        ready = f"serving {', '.join(names)} at {where}; Ctrl-C stops"
        app = create_app(service, allowed)
        server = Server(app, service, on_ready=lambda: note(ready))
        with _hangup_calls(server.handle_exit):
            server.listen(listening)
        if not service.end_threads(THREAD_SECONDS):
            if annotation is not None:
                annotation.close()
            # Python would wait for them. All that was accepted has been answered.
            logging.shutdown()
            os._exit(0)


@contextmanager
def _hangup_calls(stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `stop` when the terminal is closed (SIGHUP), unless this signal is ignored (nohup)."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(hangup, stop)
    try:
        yield
    finally:
        signal.signal(hangup, before)


def _local(argument: str) -> str:
    """Return the argument with the model's directory in place of an address on the Hub."""
    name, equals, model = argument.rpartition("=")
    if not is_address(model):
        return f"{name}{equals}{Path(model).expanduser()}"
    return f"{name if equals else name_of(model)}={local_model(model)}"
