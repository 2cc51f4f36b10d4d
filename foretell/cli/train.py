"""The verbs `train words` and `train labels`: what was found, the training, what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Group, Parameter

from foretell.cli.options import LabelsOptions, WordsOptions, given, labelled_arguments
from foretell.cli.output import aligned, as_json, duration
from foretell.cli.progress import view
from foretell.cli.tensorflow import load_tensorflow
from foretell.config import (
    DEFAULT_PRESET,
    LabelsSettings,
    WordsSettings,
    labels_preset_for,
    preset,
    with_changes,
    words_preset_for,
)
from foretell.errors import SettingsError

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.survey import Survey
    from foretell.training.events import Listener

DATA = Group("Data", sort_key=2)

STARTED = time.monotonic()
"""When the command began, to a tenth of a second: --minutes counts from here."""


@Parameter(name="*", group=Group("Training", sort_key=1))
@dataclass(kw_only=True)
class Training:
    """Options of every training.

    Attributes:
        out: the model directory to write.
        preset: article, base or another (foretell info --presets); without it base, or what --minutes name.
        resume: go on with the unfinished training of --out.
        restart: throw the unfinished training of --out away and begin again.
        checkpoint_seconds: seconds between checkpoints.
        tensorboard: a folder for TensorBoard's event files.
        json: print the final figures as one JSON object on stdout.
        config: a TOML file with options.
    """

    out: Path
    preset: str | None = None
    resume: Annotated[bool, Parameter(negative=())] = False
    restart: Annotated[bool, Parameter(negative=())] = False
    checkpoint_seconds: float = 60.0
    tensorboard: Path | None = None
    json: Annotated[bool, Parameter(negative=())] = False
    config: Path | None = None

    def for_trainer(self) -> dict[str, Any]:
        """Return the options that the trainers take under the same names."""
        if not self.checkpoint_seconds > 0:
            raise SettingsError(
                expected="more than 0", found=str(self.checkpoint_seconds), where="checkpoint-seconds"
            )
        names = ("out", "resume", "restart", "checkpoint_seconds", "tensorboard")
        return {name: getattr(self, name) for name in names}


def train_words(
    sources: Annotated[tuple[str, ...], Parameter(name="TEXT", negative=())],
    /,
    *,
    training: Training,
    valid: Annotated[tuple[str, ...], Parameter(group=DATA, negative=())] = (),
    baseline: Annotated[bool, Parameter(group=DATA)] = True,
    options: WordsOptions = None,
) -> None:
    """Train a language model.

    Args:
        sources: files, folders, .gz, - for standard input, or a named corpus: meditations, imdb.
        valid: held-out text of your own, instead of a part of TEXT; may be given several times.
        baseline: measure an n-gram model to compare with; --no-baseline leaves it out.
    """
    changes = given(options)
    name = training.preset or DEFAULT_PRESET
    settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
    _prepare(training)
    from foretell.data.corpus import open_corpus
    from foretell.data.survey import survey_corpus
    from foretell.training.options import TrainOptions
    from foretell.training.words.train import check_valid
    from foretell.training.words.train import train_words as train

    check_valid(settings, valid or None)
    corpus = open_corpus(sources)
    held_out = open_corpus(valid, part="test") if valid else None
    texts = [corpus] if held_out is None else [corpus, held_out]
    found = [survey_corpus(text) for text in texts]
    for survey in found:
        _show(survey)
    if training.preset is None and changes.get("minutes"):
        name = words_preset_for(settings.minutes, found[0].words)
        settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
        _say_preset(name, f"{settings.minutes:g} minutes for {found[0].words:,} words")
    load_tensorflow()
    with view() as shown:
        listener = _once(shown, [note for survey in found for note in survey.notes])
        model = train(
            corpus,
            settings,
            TrainOptions(
                preset=name, baseline=baseline, listener=listener, started=STARTED, **training.for_trainer()
            ),
            valid=held_out,
        )
    _finish(model, training)


def train_labels(
    data: Annotated[str, Parameter(name="DATA")],
    /,
    *,
    training: Training,
    valid: Annotated[str | None, Parameter(group=DATA)] = None,
    text: Annotated[str | None, Parameter(group=DATA)] = None,
    label: Annotated[str | None, Parameter(group=DATA)] = None,
    unlabelled: Annotated[tuple[str, ...], Parameter(group=DATA, negative=())] = (),
    from_: Annotated[Path | None, Parameter(name="--from", group=DATA)] = None,
    baseline: Annotated[bool, Parameter(group=DATA)] = True,
    options: LabelsOptions = None,
) -> None:
    """Train a text classifier.

    Args:
        data: a file or folder of texts with labels, - for standard input, or a named set: imdb.
        valid: held-out data of your own, instead of a part of DATA.
        text: the column that holds the texts, where that is not clear.
        label: the column that holds the labels, where that is not clear.
        unlabelled: more texts of the same kind, without labels: files, folders, or imdb; several times.
        from_: a language model that foretell train words made, to start from.
        baseline: fit a linear model to compare with; --no-baseline leaves it out.
    """
    changes = given(options)
    name = training.preset or (
        labels_preset_for(changes["minutes"]) if changes.get("minutes") else DEFAULT_PRESET
    )
    settings = with_changes(cast(LabelsSettings, preset("labels", name)), changes)
    _prepare(training)
    from foretell.data.checks import check_learnable
    from foretell.data.examples import read_examples
    from foretell.data.split import make_split
    from foretell.data.survey import survey_examples
    from foretell.data.unlabelled import read_unlabelled

    how: dict[str, Any] = {"text": text, "label": label, "arguments": labelled_arguments()}
    examples = read_examples(data, **how)
    held_out = None if valid is None else read_examples(valid, part="test", **how)
    check_learnable(examples, how["arguments"])
    more = read_unlabelled(unlabelled, text=text, arguments=how["arguments"]) if unlabelled else ()
    split = make_split(
        examples,
        valid=held_out,
        fraction=settings.valid_fraction,
        seed=settings.seed,
        unlabelled=more,
    )
    _show(survey_examples(examples, split))
    if training.preset is None and changes.get("minutes"):
        _say_preset(name, f"{settings.minutes:g} minutes")
    load_tensorflow()
    from foretell.training.labels.train import train_labels as train
    from foretell.training.labels.transfer import read_language_model
    from foretell.training.options import TrainOptions

    start = None if from_ is None else read_language_model(from_)

    with view() as shown:
        options = TrainOptions(
            preset=name,
            baseline=baseline,
            listener=shown,
            started=STARTED,
            **training.for_trainer(),
        )
        model = train(split, settings, options, start=start)
    _finish(model, training)


def _prepare(training: Training) -> None:
    """Refuse at once what would only fail after the training."""
    from foretell.artifacts.directory import check_writable
    from foretell.machine import require_training

    require_training()
    check_writable(training.out)
    training.for_trainer()


def _show(found: Survey) -> None:
    print("\n".join(found.lines()), end="\n\n", file=sys.stderr, flush=True)


def _say_preset(name: str, why: str) -> None:
    print(f"--preset {name}, for {why}\n", file=sys.stderr, flush=True)


def _once(listener: Listener, said: Iterable[str]) -> Listener:
    """Return a listener that does not repeat the notes that the survey showed."""
    from foretell.training.events import Event, Note

    known = set(said)

    def listen(event: Event) -> None:
        if not (isinstance(event, Note) and event.text in known):
            listener(event)

    return listen


def _finish(model: Model, training: Training) -> None:
    report = training.out / "run" / "report.html"
    if training.json:
        print(as_json({"job": model.job, "preset": model.preset, "out": str(training.out), **model.metrics}))
    print(aligned(figures(model.metrics), indent=2), file=sys.stderr)
    print(f"model:  {training.out}\nreport: {report}", file=sys.stderr)
    if verdict := comparison(model.metrics):
        print(verdict, file=sys.stderr)


def comparison(metrics: dict[str, Any]) -> str:
    """Return what to try where the simple model did better on the held-out part; else nothing."""
    ours, simple = metrics.get("accuracy"), metrics.get("baseline_accuracy")
    if ours is not None and simple is not None and ours < simple:
        return (
            f"a linear model of 1-3 grams is better here ({simple:.2%} against {ours:.2%}): "
            "mix it in (--preset base), or try --unlabelled texts of the same kind, or more --minutes"
        )
    ours, simple = metrics.get("valid_perplexity"), metrics.get("baseline_perplexity")
    if ours is not None and simple is not None and ours > simple:
        return (
            f"an n-gram model is better here (perplexity {simple:,.1f} against {ours:,.1f}): "
            "mix it in (--preset base), or try more --epochs or --minutes, or give more text"
        )
    return ""


def figures(metrics: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the figures of a training that are single values, as rows to show."""
    rows = []
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        shown = duration(value) if name == "seconds" and not isinstance(value, str) else value
        rows.append((name.replace("_", " "), shown))
    return rows
