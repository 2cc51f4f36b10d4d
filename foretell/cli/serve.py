"""The command `serve`: models over HTTP."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.models import local_model, name_of
from foretell.cli.options import Switch, Whole
from foretell.cli.output import note
from foretell.hf.address import is_address
from foretell.machine import TO_SERVE, require

if TYPE_CHECKING:
    from foretell.service.auth import Access

PACKAGES = ("fastapi", "uvicorn", "httptools", "prometheus_client")


@Parameter(name="*", group=Group("Access", sort_key=5))
@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Who may send requests.

    Attributes:
        token_file: Require the token in this file, as Authorization: Bearer TOKEN.
        allow_host: Also accept requests to this host name. May be given several times.
        allow_origin: Let pages of this origin read answers (CORS), such as https://example.org. May be given
            several times.
    """

    token_file: Annotated[Path | None, Parameter(metavar="FILE")] = None
    allow_host: Annotated[tuple[str, ...], Parameter(negative=(), metavar="NAME", show_default=False)] = ()
    allow_origin: Annotated[tuple[str, ...], Parameter(negative=(), metavar="URL", show_default=False)] = ()


@Parameter(name="*", group=Group("Limits", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """What a request may ask for.

    Attributes:
        limit_body: Refuse requests of more than N bytes.
        limit_texts: Refuse requests of more than N texts.
        limit_words: Refuse texts and continuations of more than N words.
        limit_queue: Refuse requests while N texts wait for an answer.
        limit_seconds: Give up on an answer after N seconds.
        limit_wait: Let a text wait at most N milliseconds for others to share its batch (0: not at all).
    """

    limit_body: Whole = 4 << 20
    limit_texts: Whole = 1000
    limit_words: Whole = 20_000
    limit_queue: Whole = 2048
    limit_seconds: float = 30.0
    limit_wait: float = 2.0


_OPEN = AccessOptions()
_USUAL = LimitOptions()


def serve(
    models: Annotated[tuple[str, ...], Parameter(name="MODEL", negative=(), show_default=False)] = (),
    /,
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: Whole = 8000,
    quiet: Switch = False,
    who: AccessOptions = _OPEN,
    how_much: LimitOptions = _USUAL,
) -> None:
    """Serve models over HTTP until Ctrl-C.

    Args:
        models: Model directories or hf://owner/name. A model has the name of its directory or repository, or
            the one given as NAME=DIRECTORY.
        host: Listen on this address. Any but 127.0.0.1 needs --token-file.
        port: Listen on this port (0: a free one, which is printed).
        quiet: Log failures only.
    """
    require(PACKAGES, "serving", TO_SERVE)
    from foretell.service.app import create_app, create_service
    from foretell.service.limits import Limits
    from foretell.service.logs import log_to_stderr
    from foretell.service.models import named_places
    from foretell.service.server import THREAD_SECONDS, Server, bind, url

    limits = Limits(**{name.removeprefix("limit_"): value for name, value in asdict(how_much).items()})
    places = named_places(map(_local, models))
    allowed = _access(host, who)
    with bind(host, port) as listening:
        service = create_service(places, limits)
        log_to_stderr()
        names = ", ".join(f"{served.name} ({served.loaded.card.job})" for served in service.models)

        def ready() -> None:
            note(f"serving {names} at {url(listening)}; Ctrl-C stops")

        Server(create_app(service, allowed, quiet=quiet), on_ready=ready).listen(listening)
    if not service.end_threads(THREAD_SECONDS):
        # Python would wait for them. All that was accepted has been answered.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _local(argument: str) -> str:
    """Return the argument with the model's directory in place of an address on the Hub."""
    name, equals, model = argument.rpartition("=")
    if not is_address(model):
        return argument
    return f"{name if equals else name_of(model)}={local_model(model)}"


def _access(host: str, who: AccessOptions) -> Access:
    from foretell.service.auth import access, read_token

    token = None if who.token_file is None else read_token(who.token_file)
    return access(host, hosts=who.allow_host, origins=who.allow_origin, token=token)
