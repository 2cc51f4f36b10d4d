"""The command `label`: a person gives labels to texts, in the terminal or on the page."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from foretell.cli.inputs import STDIN, show_notes
from foretell.cli.models import local_model
from foretell.cli.options import ANY_TEXTS, OUTPUT, Switch, TextInput, Whole
from foretell.cli.output import note
from foretell.errors import DataError, UsageError
from foretell.presets import DEFAULT_PRESET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foretell.annotation.annotation import Annotation

TRAINING = Group("Training in the background", sort_key=2)
PAGE = Group("Page", sort_key=5)


@Parameter(name="*", group=TRAINING)
@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What learns from the answers beside the quick model.

    Attributes:
        model: Train a model in the background and write it to DIR, again and again as answers come in. A
            model that is there is replaced.
        preset: Start from the values of this preset.
        minutes: Time limit of each training in minutes (0: none).
        suggest: Let this model directory for labels help to suggest labels from the first text on.
    """

    model: Annotated[Path | None, Parameter(metavar="DIR")] = None
    preset: Annotated[str, Parameter(metavar="NAME")] = DEFAULT_PRESET
    minutes: float = 0.0
    suggest: Annotated[str | None, Parameter(metavar="MODEL")] = None


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


NO_MODEL = TrainingOptions()
NO_PAGE = PageOptions()


def label(
    texts: Annotated[str, Parameter(name="TEXTS")],
    /,
    *,
    labels: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    out: Annotated[Path, Parameter(metavar="FILE")],
    by: Annotated[str | None, Parameter(metavar="NAME")] = None,
    seed: Whole | None = None,
    export: Annotated[Path | None, Parameter(metavar="FILE", group=OUTPUT)] = None,
    training: TrainingOptions = NO_MODEL,
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
    with opened(texts, reading, names, out, by=by, seed=seed, training=training) as annotation:
        show_notes(annotation.notes)
        try:
            _take_answers(annotation, serving, training.model)
        except KeyboardInterrupt:
            note("")
        finally:
            _end(annotation, out, export)


def opened(
    texts: str,
    reading: TextInput,
    labels: Sequence[str] | None,
    out: Path,
    *,
    by: str | None = None,
    seed: int | None = None,
    training: TrainingOptions = NO_MODEL,
) -> Annotation:
    """Read the texts and open the journal of answers; errors are those of `foretell.annotate`."""
    from foretell.annotation.annotate import opened as annotation_of
    from foretell.annotation.annotate import training_options
    from foretell.data.examples import iter_records

    notes: list[str] = []
    records = iter_records(
        texts,
        text=reading.text,
        format=reading.input_format,
        notes=notes,
        arguments=reading.arguments(),
    )
    read = [record.text for record in records if record.text.strip()]
    if not read:
        raise DataError(expected="texts to label", found="none that is not empty", where=texts)
    changes: dict[str, Any] = {"minutes": training.minutes} if training.minutes else {}
    trains = None if training.model is None else training_options(training.model, training.preset, changes)
    return annotation_of(
        read,
        labels,
        out,
        by=user() if by is None else by,
        seed=seed,
        training=trains,
        suggest=None if training.suggest is None else local_model(training.suggest),
        notes=notes,
    )


def user() -> str:
    """Return the name of the user, "" where the system has none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def _take_answers(annotation: Annotation, serving: PageOptions, model: Path | None) -> None:
    if serving.page:
        from foretell.cli.serve import serve_annotation

        serve_annotation(annotation, serving.port, model)
        return
    from foretell.cli.keyboard import keyboard
    from foretell.cli.label_session import LabelSession

    with keyboard() as keys:
        LabelSession(annotation, keys).run()


def _end(annotation: Annotation, out: Path, export: Path | None) -> None:
    """Show where the answers are, and write them as CSV if asked to."""
    sys.stdout.flush()
    count = annotation.counts().answers
    note(f"{count:,} {'answer' if count == 1 else 'answers'} in {out}; the same command continues")
    if export is not None:
        annotation.export(export)
        note(f"wrote {export}")
