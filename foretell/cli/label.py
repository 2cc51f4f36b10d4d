"""The command `label`: a person gives labels to texts, in the terminal or on the page."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.annotation.keys import COMMANDS, keys_of
from foretell.cli.inputs import STDIN, local_model, show_notes
from foretell.cli.keyboard import Lines, keyboard
from foretell.cli.options import ANY_TEXTS, OUTPUT, TextInput, Whole
from foretell.cli.output import excerpt, listed, note, show
from foretell.errors import DataError, UsageError
from foretell.readable import percent, visible

if TYPE_CHECKING:
    from foretell.annotation.annotation import Annotation, Item
    from foretell.metrics.bootstrap import Estimate

PAGE = Group("Page", sort_key=5)

_OTHERS = ("skip", "none", "unclear")
"""The answers that are no labels."""

_HELP = "  ".join(f"{key} {what}" for key, what in COMMANDS.items())
_FOUND = 50
_LISTED = 70
_SHORT = 12
"""Labels up to which all of them are listed below each text."""


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
    page: Annotated[bool, Parameter(negative=(), group=PAGE)] = False,
    port: Annotated[Whole, Parameter(group=PAGE)] = 8000,
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
        page: Serve a page for the answers on this machine, until Ctrl-C.
        port: Serve the page on this port (0: a free one, which is printed).
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
            if page:
                from foretell.cli.serve import serve_annotation

                serve_annotation(annotation, port)
            else:
                with keyboard() as keys:
                    LabelSession(annotation, keys).run()
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
    if by is None:
        # The system may have no name of the user.
        with suppress(ImportError, KeyError, OSError):
            by = getpass.getuser()
    model = None if suggest is None else local_model(suggest)
    annotation = annotate(read, labels, out=out, by=by or "", seed=seed, suggest=model)
    annotation.notes[:0] = notes
    return annotation


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


def estimate_text(found: Estimate | None) -> str:
    """Return an estimate as "83.33 % (68.64 % to 93.03 %)"."""
    if found is None:
        return "no random texts yet"
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def status_text(annotation: Annotation) -> str:
    """Return one line on how far the annotation is."""
    counts, metrics = annotation.counts(), annotation.metrics()
    parts = [f"{counts.answers:,} answered", f"{counts.left:,} left"]
    if metrics.accuracy is not None:
        texts = metrics.accuracy.texts
        what = "random text" if texts == 1 else "random texts"
        parts.append(f"accuracy {estimate_text(metrics.accuracy)} on {texts:,} {what}")
    if metrics.changes_little:
        parts.append("50 more labels would change little")
    return " · ".join(parts)


def metrics_text(annotation: Annotation) -> str:
    """Return the counts and all metrics."""
    counts, metrics = annotation.counts(), annotation.metrics(fresh=True)
    answers: list[tuple[str, object]] = [
        ("answers", counts.answers), ("to learn from", counts.train), ("random texts", counts.test),
        ("none", counts.none), ("unclear", counts.unclear), ("skipped", counts.skip), ("left", counts.left),
        *((f"label {label}", count) for label, count in counts.labels.items()),
    ]  # fmt: skip
    measured = [("accuracy of the suggestions", estimate_text(metrics.accuracy))]
    if (f1 := metrics.macro_f1) is not None:
        measured.append(("macro F1 of the suggestions", f"{f1.value:.4f} ({f1.low:.4f} to {f1.high:.4f})"))
    measured.append(("texts without any of the labels", estimate_text(metrics.none)))
    measured += [(f"share of {label}", estimate_text(share)) for label, share in metrics.shares.items()]
    remark = "Metrics are measured on the texts that were drawn at random, with 95 % confidence intervals."
    if metrics.changed is not None:
        measured.append(("predictions that the last 50 changed", estimate_text(metrics.changed)))
        if metrics.changes_little:
            most = f"at most {percent(metrics.changed.high)} of the predictions"
            remark += f"\n\n50 more labels would change little: the last 50 changed {most}."
    return "\n\n".join([listed(answers), listed(measured), remark])


class LabelSession:
    """Shows texts and takes answers until the input ends, `quit` is asked for, or no text is left.

    Args:
        annotation: the texts and answers.
        keyboard: where the answers come from.
    """

    def __init__(self, annotation: Annotation, keyboard: Lines) -> None:
        self._annotation, self._keyboard = annotation, keyboard
        self._keys = keys_of(annotation.labels)
        self._shown: int | None = None

    def run(self) -> None:
        """Take answers."""
        self._show_help()
        while True:
            # Who answers by hand does not wait for a fit; a program gets the same texts each time.
            item = self._annotation.next(fresh=not self._keyboard.is_terminal)
            if item is None:
                note("no text is left")
                return
            if item.id != self._shown:
                self._show(item)
            command = self._keyboard.key()
            if command is None or self._is_quit(command):
                return
            self._do(command.strip(), item)

    def _is_quit(self, command: str) -> bool:
        return command.strip() in ("q", "quit") and command.strip() not in self._annotation.labels

    def _do(self, command: str, item: Item) -> None:
        """Do what one command asks for."""
        if self._answer(command, [item], suggested=item.suggested):
            return
        verb, _, rest = command.partition(" ")
        if command.startswith("/"):
            verb, rest = "search", command[1:]
        verb = COMMANDS.get(verb, verb)
        if verb == "undo":
            undone = self._annotation.undo()
            note(f"undone: {len(undone)}" if undone else "nothing to undo")
            self._shown = None
        elif verb == "search":
            self._search(rest.strip())
        elif verb == "similar":
            self._label_many(self._annotation.similar(item))
        elif verb == "metrics":
            show(metrics_text(self._annotation))
        elif verb == "help":
            self._show_help()
        else:
            note(f"expected a key or a label, found {excerpt(visible(command), 30)!r}; ? lists the keys")

    def _answer(self, command: str, items: Sequence[Item], *, suggested: str | None = None) -> bool:
        """Record an answer about texts; return whether the command was one."""
        label = self._label(command, suggested)
        if label is not None:
            self._annotation.answer(items, label)
            self._told(label, len(items))
            return True
        verb = COMMANDS.get(command, command)
        if verb not in _OTHERS:
            return False
        getattr(self._annotation, verb)(items)
        self._told(verb, len(items))
        return True

    def _label(self, command: str, suggested: str | None) -> str | None:
        """Return the label that a command means: its name, its key, or Enter for the suggested one."""
        if command in self._annotation.labels:
            return command
        if not command:
            return suggested
        if command.startswith(":") and self._keyboard.is_terminal:
            return self._typed_label()
        return self._keys.get(command)

    def _typed_label(self) -> str | None:
        """Ask for a label by the beginning of its name."""
        typed = (self._keyboard.line("label: ") or "").strip()
        found = [label for label in self._annotation.labels if label.startswith(typed)] if typed else []
        if typed in found or len(found) == 1:
            return typed if typed in found else found[0]
        if typed:
            note("no label begins so" if not found else f"several: {', '.join(found)[:300]}")
        return None

    def _told(self, what: str, count: int) -> None:
        if count > 1 or self._keyboard.is_terminal:
            note(f"{what}{f' ({count} texts)' if count > 1 else ''}")

    def _search(self, query: str) -> None:
        words = query or (self._keyboard.line("search: ") or "").strip()
        if words:
            self._label_many(self._annotation.search(words, k=_FOUND))

    def _label_many(self, items: list[Item]) -> None:
        """List texts, and label all of them at once if asked to."""
        while items:
            for number, item in enumerate(items, start=1):
                show(f"{number:>4}  {excerpt(item.text, _LISTED)}")
            prompt = f"label all {len(items)} (key or name; -2 5 leaves out 2 and 5; Enter: go back): "
            command = (self._keyboard.line(prompt) or "").strip()
            if not command or self._answer(command, items):
                break
            numbers = {int(word) for word in command.lstrip("-").split() if word.isdecimal()}
            if not command.startswith("-") or not numbers:
                note("expected a key, a label, or -NUMBERS")
                break
            items = [item for number, item in enumerate(items, start=1) if number not in numbers]
        else:
            note("no text without an answer found")
        self._shown = None

    # ---- what is shown

    def _show(self, item: Item) -> None:
        self._shown = item.id
        if self._keyboard.is_terminal:
            note(f"\n{status_text(self._annotation)}")
        show(f"\n{item.text}\n")
        if item.suggested is not None and item.probability is not None:
            show(f"suggested: {item.suggested} ({item.probability:.2f}), Enter accepts")
        if len(self._annotation.labels) <= _SHORT and self._keyboard.is_terminal:
            show("  ".join(f"{key} {label}" for key, label in self._keys.items()))

    def _show_help(self) -> None:
        keyed = [f"{key} {label}" for key, label in self._keys.items()]
        rest = [f": {label}" for label in self._annotation.labels[len(keyed) :]]
        note("labels: " + "  ".join([*keyed, *rest]))
        note(f"others: {_HELP}  : label by name" if self._keyboard.is_terminal else f"others: {_HELP}")
