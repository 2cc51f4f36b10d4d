"""The command `label`: a person gives labels to texts, in the terminal or on the page."""

from __future__ import annotations

import getpass
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.inputs import STDIN, show_notes
from foretell.cli.models import local_model
from foretell.cli.options import ANY_TEXTS, OUTPUT, Switch, TextInput, Whole
from foretell.cli.output import note
from foretell.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foretell.annotation.annotation import Annotation

PAGE = Group("Page", sort_key=5)


@Parameter(name="*", group=PAGE)
@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Answering on a page instead of in the terminal.

    Attributes:
        page: Serve a page for the answers on this machine, until Ctrl-C.
        port: Serve the page on this port (0: a free one, which is printed).
    """

    page: Switch = False
    port: Whole = 8000


NO_PAGE = PageOptions()


def label(
    texts: Annotated[str, Parameter(name="TEXTS")],
    /,
    *,
    labels: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    out: Annotated[Path, Parameter(metavar="FILE")],
    by: Annotated[str | None, Parameter(metavar="NAME")] = None,
    seed: Whole | None = None,
    suggest: Annotated[str | None, Parameter(metavar="MODEL")] = None,
    export: Annotated[Path | None, Parameter(metavar="FILE", group=OUTPUT)] = None,
    serving: PageOptions = NO_PAGE,
    reading: TextInput = ANY_TEXTS,
) -> None:
    """Label texts, the most informative first.

    Args:
        texts: Texts without labels: a file, a folder or a named set, in any format of examples.
        labels: Names of the labels, with commas between them. Needed for new answers only.
        out: File of the answers (JSON Lines). If it exists, it is continued.
        by: Record this name with each answer. Default: the name of the user.
        seed: Seed of the random texts. Default: 0.
        suggest: Use this model for labels too, so that there are suggestions from the first text on.
        export: Write the answers as CSV at the end, for train labels.
    """
    if texts == STDIN:
        raise UsageError(
            expected="a file of texts, since the answers are read from standard input",
            found="-",
            where="TEXTS",
            fix="save the texts as a file first",
        )
    names = None if labels is None else labels.split(",")
    with opened(texts, reading, names, out, by=by, seed=seed, suggest=suggest) as annotation:
        show_notes(annotation.notes)
        try:
            _take_answers(annotation, serving)
        except KeyboardInterrupt:
            note("")
        finally:
            _end(annotation, texts, out, export)


def opened(
    texts: str,
    reading: TextInput,
    labels: Sequence[str] | None,
    out: Path,
    *,
    by: str | None = None,
    seed: int | None = None,
    suggest: str | None = None,
) -> Annotation:
    """Read the texts and open the journal of answers; errors are those of `foretell.annotate`."""
    from foretell.annotation.annotation import annotate
    from foretell.data.examples import iter_records

    notes: list[str] = []
    records = iter_records(texts, notes=notes, **reading.how())
    read = [record.text for record in records if record.text.strip()]
    if not read:
        raise DataError(expected="texts to label", found="none that is not empty", where=texts)
    model = None if suggest is None else local_model(suggest)
    annotation = annotate(read, labels, out=out, by=user() if by is None else by, seed=seed, suggest=model)
    annotation.notes[:0] = notes
    return annotation


def user() -> str:
    """Return the name of the user, "" where the system has none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def _take_answers(annotation: Annotation, serving: PageOptions) -> None:
    if serving.page:
        from foretell.cli.serve import serve_annotation

        serve_annotation(annotation, serving.port)
        return
    from foretell.cli.keyboard import keyboard
    from foretell.cli.label_session import LabelSession

    with keyboard() as keys:
        LabelSession(annotation, keys).run()


def _end(annotation: Annotation, texts: str, out: Path, export: Path | None) -> None:
    """Show where the answers are, write them as CSV if asked to, and show the command that trains."""
    sys.stdout.flush()
    count = annotation.counts().answers
    note(f"{count:,} {'answer' if count == 1 else 'answers'} in {out}; the same command continues")
    if export is None:
        return
    annotation.export(export)
    train = shlex.join(["foretell", "train", "labels", str(export), "--unlabelled", texts, "--out", "model"])
    note(f"wrote {export}; to train a model: {train}")
