"""The command `label`: a person gives labels to texts, in the terminal or on the page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.annotation import COMMANDS, keys_of
from foretell.cli.inputs import STDIN, local_model, open_model
from foretell.cli.options import ANY_TEXTS, OUTPUT, Name, TextInput, expect
from foretell.cli.output import listed, note, show, show_notes
from foretell.cli.serve import OPEN, AccessOptions, serve_annotation
from foretell.errors import DataError
from foretell.installation import command
from foretell.readable import did_you_mean, excerpt, number_of, percent, visible

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation, Item
    from foretell.metrics.bootstrap import Estimate

PAGE = Group("Page", sort_key=5)

_OTHERS = ("skip", "none", "unclear")
"""The answers that are no labels."""

_COMMANDS = {key: what for key, what in COMMANDS.items() if what not in ("search", "similar")}
"""The page has the others."""

_SHORT = 12
"""Labels up to which all of them are listed below each text."""


def label(
    texts: Name,
    /,
    *,
    labels: Annotated[str | None, Parameter(metavar="NAMES")] = None,
    out: Annotated[Path, Parameter(metavar="FILE")],
    by: Annotated[str, Parameter(metavar="NAME")] = "",
    seed: int | None = None,
    suggest: Annotated[Name | None, Parameter(metavar="MODEL")] = None,
    export: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    page: Annotated[bool, Parameter(group=PAGE)] = False,
    who: AccessOptions = OPEN,
    reading: TextInput = ANY_TEXTS,
) -> None:
    """Label texts, the most informative first.

    Args:
        texts: Texts without labels: a file, a folder or a named set, in any format of examples.
        labels: Names of the labels, with commas between them. Needed for a new file of answers
            without --suggest.
        out: File of the answers (JSON Lines). If it exists, it is continued.
        by: Record this name with each answer.
        seed: Seed of the random texts. Default: 0.
        suggest: Suggest labels by this model directory for labels from the first text on. The
            answers correct it.
        export: Write the answers so far as CSV, for train labels, and end.
        page: Serve a page for the answers, until Ctrl-C. With --host other people can label too.
    """
    expect(page or who == OPEN, "--page with the options of access", "them alone", "add --page")
    what = "a file of texts, since the answers are read from standard input"
    expect(texts != STDIN, what, "-", "save the texts as a file first", where="TEXTS")
    from foretell.annotation.annotation import annotate
    from foretell.data.examples import iter_records

    notes: list[str] = []
    how = reading.how()
    model = None
    if suggest is not None:
        model = local_model(suggest)
        how["text_columns"] = open_model(model).text_columns
    read = [each.text for each in iter_records(texts, notes=notes, **how) if each.text.strip()]
    if not read:
        raise DataError("texts to label", "none that is not empty", where=texts)
    names = None if labels is None else labels.split(",")
    with annotate(read, names, out=out, by=by, seed=seed, suggest=model) as annotation:
        show_notes([*notes, *annotation.notes])
        if export is not None:
            # The file of answers has one column of texts, by another name.
            _export(annotation, () if reading.text else (texts,), out, export)
            return
        try:
            if page:
                serve_annotation(annotation, who)
            else:
                LabelSession(annotation).run()
        except KeyboardInterrupt:
            note("")
        finally:
            sys.stdout.flush()
            note(f"{_answers(annotation)} in {out}; the same command continues")


def _answers(annotation: Annotation) -> str:
    return number_of(annotation.counts().answers, "answer")


def _export(annotation: Annotation, unlabelled: Sequence[str], out: Path, export: Path) -> None:
    """Write the answers as CSV, and show the command that trains."""
    if not annotation.counts().answers:
        raise DataError(
            "answers to write",
            "none",
            where=out,
            fix="label texts first, with the same command without --export",
        )
    annotation.export(export)
    more = chain.from_iterable(("--unlabelled", each) for each in unlabelled)
    train = ("train", "labels", str(export), *more, "--out", "model")
    note(f"wrote {export}: {_answers(annotation)}; to train a model: {command(*train)}")


def _estimate(found: Estimate) -> str:
    """Return an estimate as "83.33 % (68.64 % to 93.03 %)"."""
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def _status(annotation: Annotation) -> str:
    counts = annotation.counts()
    metrics = annotation.metrics()
    parts = [f"{counts.answers:,} answered", f"{counts.left:,} left"]
    if metrics.accuracy is not None:
        texts = f"{metrics.accuracy.texts:,} random texts"
        parts.append(f"accuracy {_estimate(metrics.accuracy)} on {texts}")
    if metrics.changes_little:
        parts.append("50 more labels would change little")
    return " · ".join(parts)


def _metrics(annotation: Annotation) -> str:
    counts = annotation.counts()
    metrics = annotation.metrics(fresh=True)
    answers: list[tuple[str, object]] = [
        ("answers", counts.answers),
        ("to learn from", counts.train),
        ("random texts", counts.test),
        ("none", counts.none),
        ("unclear", counts.unclear),
        ("skipped", counts.skip),
        ("left", counts.left),
        *((f"label {label}", count) for label, count in counts.labels.items()),
    ]
    measured = {
        "accuracy of the suggestions": metrics.accuracy,
        "macro F1 of the suggestions": metrics.macro_f1,
        "texts without any of the labels": metrics.none,
        **{f"share of {label}": share for label, share in metrics.shares.items()},
        "predictions that the last 50 changed": metrics.changed,
    }
    estimates = [(name, _estimate(found)) for name, found in measured.items() if found is not None]
    remark = """\
Metrics are measured on the texts that were drawn at random, with 95 % confidence intervals."""
    if metrics.changes_little:
        remark += "\n50 more labels would change little."
    return "\n\n".join(filter(None, [listed(answers), listed(estimates), remark]))


class LabelSession:
    """Shows texts and takes answers, lines, until they end, `quit` is asked for, or no text is
    left.
    """

    def __init__(self, annotation: Annotation) -> None:
        self._annotation = annotation
        self._keys = keys_of(annotation.labels)
        self._is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._shown: int | None = None

    def run(self) -> None:
        self._show_help()
        # Who answers by hand does not wait for a fit; a program gets the same texts each time.
        while (item := self._annotation.next(fresh=not self._is_terminal)) is not None:
            if item.id != self._shown:
                self._show(item)
            line = sys.stdin.readline()
            command = line.strip()
            if not line or (command in ("q", "quit") and command not in self._annotation.labels):
                return
            self._do(command, item)
        note("no text is left")

    def _do(self, command: str, item: Item) -> None:
        label = self._label(command, item.suggested)
        verb = _COMMANDS.get(command, command)
        if label is not None:
            self._annotation.answer([item], label)
        elif verb in _OTHERS:
            getattr(self._annotation, verb)([item])
        elif verb == "undo":
            note("undone" if self._annotation.undo() else "nothing to undo")
            self._shown = None
        elif verb == "metrics":
            show(_metrics(self._annotation))
        elif verb == "help":
            self._show_help()
        else:
            near = did_you_mean(command, self._annotation.labels) or "? lists the keys"
            note(f"expected a key or a label, found {excerpt(visible(command), 30)!r}; {near}")
        if self._is_terminal and (label is not None or verb in _OTHERS):
            note(label or verb)

    def _label(self, command: str, suggested: str | None) -> str | None:
        """Return the label that a command means: its name, its key, or Enter for the suggested
        one.
        """
        if command in self._annotation.labels:
            return command
        if not command:
            return suggested
        return self._keys.get(command)

    def _show(self, item: Item) -> None:
        self._shown = item.id
        if self._is_terminal:
            note(f"\n{_status(self._annotation)}")
        show(f"\n{item.text}\n")
        if item.suggested is not None and item.probability is not None:
            show(f"suggested: {item.suggested} ({item.probability:.2f}), Enter accepts")
        if len(self._annotation.labels) <= _SHORT and self._is_terminal:
            show("  ".join(f"{key} {label}" for key, label in self._keys.items()))

    def _show_help(self) -> None:
        keyed = [f"{key} {label}" for key, label in self._keys.items()]
        labels = self._annotation.labels
        without_key = [label for label in labels if label not in self._keys.values()]
        note("labels: " + "  ".join([*keyed, *without_key]))
        # A label that is called like a command's key takes this key: the command has its name only.
        commands = (what if key in labels else f"{key} {what}" for key, what in _COMMANDS.items())
        note("others: " + "  ".join(commands))
