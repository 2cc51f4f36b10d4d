"""The command `push`: a model to the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, open_model
from foretell.cli.options import AS_TEXT, Output, expect
from foretell.cli.output import Writer, megabytes, note


def push(
    model: str,
    repository: Annotated[str, Parameter(name="OWNER/NAME")],
    /,
    *,
    public: bool = False,
    yes: Annotated[bool, Parameter(name=["-y", "--yes"])] = False,
    language: Annotated[str | None, Parameter(metavar="CODE")] = None,
    output: Output = AS_TEXT,
) -> int:
    """Push a model to the Hugging Face Hub.

    Args:
        model: Model directory.
        repository: Repository on the Hub; it is made where there is none.
        public: Make a new repository public, and push to a public one. Without it the repository is private.
        yes: Agree to what the model discloses, without a question.
        language: Language of the texts for the model card, an ISO 639 code such as en.
    """
    from foretell.hub.client import is_repository, require_hub
    from foretell.hub.push import DISCLOSES
    from foretell.hub.push import push as push_model

    format = output.chosen()
    is_name = is_repository(repository)
    expect(is_name, "a repository like owner/name", f"'{repository}'", where="OWNER/NAME")
    require_hub()
    directory = local_model(model)
    open_model(directory)
    note(f"note: {DISCLOSES}")
    if not yes:
        what = "agreement to what the model discloses"
        expect(sys.stdin.isatty(), what, "no terminal to ask at", "add --yes to agree")
        note(f"Push to {repository}, {'public' if public else 'private'}? [y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            note("nothing was pushed")
            return 1
    pushed = push_model(directory, repository, private=not public, yes=True, language=language)
    record = dataclasses.asdict(pushed)
    who = "private" if pushed.private else "public"
    line = f"{pushed.address}: {who}, {len(pushed.files)} files, {megabytes(pushed.bytes)}"
    Writer(format, list(record)).write(record, line)
    return 0
