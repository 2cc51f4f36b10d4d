"""The command `serve`: models over HTTP."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model, name_of, show_notes
from foretell.cli.options import ANY_TEXTS, Switch, TextInput, Whole
from foretell.cli.output import note
from foretell.errors import UsageError
from foretell.hub.client import is_address
from foretell.machine import TO_SERVE, require

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation
    from foretell.service.auth import Access
    from foretell.service.limits import Limits

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
        limit_characters: Refuse requests whose texts have more than N characters together.
        limit_tokens: Refuse requests that read and write more than N tokens (words, subwords or characters).
        limit_queue: Refuse requests while N texts wait for an answer.
        limit_seconds: Give up on an answer after N seconds.
    """

    limit_body: Whole = 1 << 20
    limit_texts: Whole = 1000
    limit_characters: Whole = 200_000
    limit_tokens: Whole = 20_000
    limit_queue: Whole = 2048
    limit_seconds: float = 30.0


@Parameter(name="*", group=Group("Texts to label", sort_key=4))
@dataclass(frozen=True, kw_only=True)
class AnnotateOptions:
    """Texts that are labelled on the page.

    Attributes:
        annotate: Add the view Annotate to the page, to label these texts: a file or a folder. The first model
            for labels helps to suggest labels. See foretell label.
        answers: File of the answers (JSON Lines). If it exists, it is continued. Needed with --annotate.
        labels: Names of the labels, with commas between them. Default: those of the model.
    """

    annotate: Annotated[str | None, Parameter(metavar="TEXTS")] = None
    answers: Annotated[Path | None, Parameter(metavar="FILE")] = None
    labels: Annotated[str | None, Parameter(metavar="NAMES")] = None

    def check(self) -> None:
        """Check that the options go together.

        Raises:
            UsageError: they do not.
        """
        if (self.annotate is None) != (self.answers is None) or (self.labels and self.annotate is None):
            raise UsageError(
                expected="--annotate TEXTS together with --answers FILE",
                found="one of them alone" if self.labels is None else "--labels without them",
            )


_NO_TEXTS = AnnotateOptions()
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
    texts: AnnotateOptions = _NO_TEXTS,
    reading: TextInput = ANY_TEXTS,
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
    from foretell.service.limits import Limits
    from foretell.service.models import named_places
    from foretell.service.server import bind

    texts.check()
    limits = Limits(**{name.removeprefix("limit_"): value for name, value in asdict(how_much).items()})
    places = named_places(map(_local, models))
    allowed = _access(host, who)
    with (
        bind(host, port) as listening,
        nullcontext() if texts.annotate is None else _opened(texts, reading, places) as annotation,
    ):
        _serve_until_stopped(listening, places, limits, allowed, annotation, quiet=quiet)


def serve_annotation(annotation: Annotation, port: int) -> None:
    """Serve the page with texts to label on this machine until Ctrl-C; as `foretell label --page`.

    Args:
        annotation: the texts; it stays open.
        port: 0: a free one.
    """
    require(PACKAGES, "the page", TO_SERVE)
    from foretell.service.limits import Limits
    from foretell.service.server import bind

    with bind("127.0.0.1", port) as listening:
        allowed = _access("127.0.0.1", AccessOptions())
        _serve_until_stopped(listening, (), Limits(), allowed, annotation, quiet=True)


def _serve_until_stopped(
    listening: socket.socket, places: Sequence[tuple[str, Path]], limits: Limits, allowed: Access,
    annotation: Annotation | None, *, quiet: bool,
) -> None:  # fmt: skip
    """Serve models, and texts to label, until Ctrl-C or SIGTERM."""
    from foretell.service.app import create_app
    from foretell.service.logs import log_to_stderr
    from foretell.service.server import THREAD_SECONDS, Server, url
    from foretell.service.state import create_service

    service = create_service(places, limits, annotation)
    log_to_stderr()
    names = [f"{model.name} ({model.card.job})" for model in service.models]
    names += [] if annotation is None else [f"{annotation.counts().left:,} texts to label"]
    where = f"{url(listening)}{'' if annotation is None else '/#annotate'}"
    app = create_app(service, allowed, quiet=quiet)
    ready = f"serving {', '.join(names)} at {where}; Ctrl-C stops"
    Server(app, service, on_ready=lambda: note(ready)).listen(listening)
    if not service.end_threads(THREAD_SECONDS):
        if annotation is not None:
            annotation.close()
        # Python would wait for them. All that was accepted has been answered.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _opened(texts: AnnotateOptions, reading: TextInput, places: Sequence[tuple[str, Path]]) -> Annotation:
    """Open the texts to label, with the labels of the first model for labels where none are given."""
    from foretell.cli.label import opened
    from foretell.runtime.open import open_model

    assert texts.annotate is not None
    assert texts.answers is not None
    models = [(str(path), open_model(path).model) for _, path in places]
    suggest, model = next(((path, each) for path, each in models if each.job == "labels"), (None, None))
    names = None if texts.labels is None else texts.labels.split(",")
    if names is None and not texts.answers.exists():
        names = None if model is None else model.labels
    annotation = opened(texts.annotate, reading, names, texts.answers, suggest=suggest)
    show_notes(annotation.notes)
    return annotation


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
