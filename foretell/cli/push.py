"""The command `push`: a model to the Hugging Face Hub."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, open_model
from foretell.cli.options import AS_TEXT, Name, OutputOptions, expect
from foretell.cli.output import Writer, note


def push(
    model: Name,
    repository: Annotated[str, Parameter(name="OWNER/NAME")],
    /,
    *,
    public: bool = False,
    yes: Annotated[bool, Parameter(name=["-y", "--yes"])] = False,
    output: OutputOptions = AS_TEXT,
) -> int:
    """Push a model to the Hugging Face Hub.

    Args:
        model: Model directory.
        repository: Repository on the Hub; it is made where there is none.
        public: Make a new repository public, and push to a public one. Without it the repository is
            private.
        yes: Agree to what the model discloses, without a question.
    """
    from foretell.hub.client import is_repository, require_hub
    from foretell.hub.models import DISCLOSES
    from foretell.hub.models import push as push_model

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
    address = push_model(directory, repository, private=not public, yes=True)
    Writer(format, ["address"]).write({"address": address}, address)
    return 0
