"""The verb `serve`: models over HTTP."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.options import Whole
from foretell.machine import TO_SERVE, require

if TYPE_CHECKING:
    from foretell.service.guard import Access

PACKAGES = ("fastapi", "uvicorn", "httptools", "prometheus_client")


@Parameter(name="*", group=Group("Access", sort_key=1))
@dataclass(kw_only=True)
class AccessOptions:
    """Who may ask.

    Attributes:
        token_file: a file with the token that requests must carry as Authorization: Bearer TOKEN.
        allow_host: another name that the service is called by; may be given several times.
        allow_origin: an origin whose pages may read answers (CORS), such as https://example.org.
    """

    token_file: Path | None = None
    allow_host: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    allow_origin: Annotated[tuple[str, ...], Parameter(negative=())] = ()


@Parameter(name="*", group=Group("Limits", sort_key=2))
@dataclass(kw_only=True)
class LimitOptions:
    """What may be asked.

    Attributes:
        limit_body: most bytes of a request.
        limit_texts: most texts of a request.
        limit_words: most words of a text or a continuation.
        limit_queue: most texts that wait for an answer, of all requests together.
        limit_seconds: most seconds for an answer.
        limit_wait: most milliseconds that a text waits for others to share a batch with; 0: none.
    """

    limit_body: Whole = 4 << 20
    limit_texts: Whole = 1000
    limit_words: Whole = 20_000
    limit_queue: Whole = 2048
    limit_seconds: float = 30.0
    limit_wait: float = 2.0


def serve(
    models: Annotated[tuple[str, ...], Parameter(name="MODEL", negative=())] = (),
    /,
    *,
    host: str = "127.0.0.1",
    port: Whole = 8000,
    quiet: Annotated[bool, Parameter(negative=())] = False,
    who: AccessOptions | None = None,
    how_much: LimitOptions | None = None,
) -> None:
    """Serve models over HTTP until Ctrl-C.

    Args:
        models: model directories, each named as the directory is, or NAME=DIRECTORY.
        host: the address to listen on; any but this machine's own needs --token-file.
        port: the port; 0 takes one that is free, and says which.
        quiet: log only what went wrong.
    """
    require(PACKAGES, "serving", TO_SERVE)
    from foretell.service.app import create_app, create_service
    from foretell.service.limits import Limits
    from foretell.service.logs import log_to_stderr
    from foretell.service.models import named_places
    from foretell.service.server import Server, bind, url

    given = asdict(how_much or LimitOptions())
    limits = Limits(**{name.removeprefix("limit_"): value for name, value in given.items()})
    places = named_places(models)
    allowed = _access(host, who or AccessOptions())
    with bind(host, port) as listening:
        service = create_service(places, limits)
        log_to_stderr()
        names = ", ".join(f"{served.name} ({served.loaded.card.job})" for served in service.models)

        def ready() -> None:
            print(f"serving {names} at {url(listening)}; Ctrl-C stops", file=sys.stderr, flush=True)

        Server(create_app(service, allowed, quiet=quiet), ready=ready).listen(listening)


def _access(host: str, who: AccessOptions) -> Access:
    from foretell.service.guard import access, read_token

    token = None if who.token_file is None else read_token(who.token_file)
    return access(host, hosts=who.allow_host, origins=who.allow_origin, token=token)
