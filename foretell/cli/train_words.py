"""The command `train words`, and what it shares with `train labels`: options, the survey, the end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import AS_TEXT, DATA, Output, Switch, Whole, rare
from foretell.cli.output import Writer, listed, note
from foretell.cli.setting_flags import WordsOptions, given
from foretell.config import WordsSettings, with_changes
from foretell.metrics.shown import number, remarks_on
from foretell.presets import DEFAULT_PRESET, preset, words_preset_for
from foretell.progress import view
from foretell.readable import percent

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.corpus import Corpus
    from foretell.surveying.counts import Survey
    from foretell.training.events import Listener
    from foretell.training.options import TrainOptions
    from foretell.training.words.continued import ContinuedWords

RUN = Group("Run", sort_key=1)

Started = Annotated[float, Parameter(parse=False)]
"""`time.monotonic()` when the command began: `--minutes` counts from then. `entry.main` gives it."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class Training:
    """How a training is run.

    Attributes:
        out: Write the model directory DIR.
        preset: Start from the values of this preset; foretell info --presets lists them. Without it: base, or
            with --minutes a preset that fits the time.
        resume: Resume the unfinished training of --out from its last checkpoint.
        restart: Delete the unfinished training of --out and start again.
        overwrite: Replace the finished model in --out.
        config: Read options from this TOML file.
        checkpoint_seconds: Save a checkpoint every N seconds.
        tensorboard: Write TensorBoard event files to this folder.
    """

    out: Annotated[Path, Parameter(metavar="DIR")]
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None
    resume: Switch = False
    restart: Switch = False
    overwrite: Switch = False
    config: Annotated[Path | None, Parameter(metavar="FILE")] = None
    checkpoint_seconds: Annotated[float, Parameter(group=rare(RUN))] = 60.0
    tensorboard: Annotated[Path | None, Parameter(group=rare(RUN), metavar="DIR")] = None

    def options(self, **how: Any) -> TrainOptions:
        """Return the options for the trainer, with `how`, the other fields of `TrainOptions`.

        Raises:
            SettingsError: an option is out of range, or two exclude each other.
        """
        from foretell.training.options import TrainOptions

        names = ("out", "resume", "restart", "overwrite", "checkpoint_seconds", "tensorboard")
        return TrainOptions(**{name: getattr(self, name) for name in names}, **how)


def check_possible(training: Training) -> None:
    """Raise now what would otherwise only fail after the training.

    Raises:
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
        ArtifactError: `training.out` cannot be written.
        RunError: a finished model or an unfinished training is there, or none to resume.
        SettingsError: an option is out of range, or two exclude each other.
    """
    from foretell.machine import require_training
    from foretell.training.run import check_can_begin

    require_training()
    check_can_begin(training.options())


def show_survey(survey: Survey) -> None:
    """Write a survey of the data to stderr."""
    notes = "".join(f"  · {each}\n" for each in survey.notes)
    note(f"{survey.name}\n{listed(survey.rows, indent=2)}\n{notes}")


def without_notes(listener: Listener, shown: Iterable[str]) -> Listener:
    """Return a listener that leaves out the notes which were already shown."""
    from foretell.training.events import Event, Note

    known = set(shown)

    def listen(event: Event) -> None:
        if not (isinstance(event, Note) and event.text in known):
            listener(event)

    return listen


def finish(model: Model, training: Training, output: Output) -> None:
    """Say where the model is and what to do with it; write the metrics for programs to stdout.

    The training itself has shown the result.
    """
    for remark in filter(None, [*remarks_on(model.metrics), advice(model)]):
        note(remark)
    out, name = training.out, shlex.quote(str(training.out))
    commands = {
        "words": (f'complete {name} "the beginning of a text" --words 20', f"serve {name}"),
        "labels": (f'classify {name} "a text of your own"', f"evaluate {name} TEST.csv"),
    }
    note(f"\nThe model is in {out}, its report in {out / 'run' / 'report.html'}. Try it:\n")
    for command in commands[model.job]:
        note(f"   foretell {command}")
    format = output.chosen()
    if format != "text":
        record = {"job": model.job, "preset": model.preset, "out": str(out), **model.metrics}
        columns = [name for name, value in record.items() if isinstance(value, int | float | str)]
        Writer(format, columns).write(record, "")


def advice(model: Model) -> str:
    """Return what to try where the baseline is better on the validation data, else ""."""
    metrics, settings = model.metrics, model.settings
    ours, baseline = number(metrics.get("accuracy")), number(metrics.get("baseline_accuracy"))
    if ours is not None and baseline is not None and ours < baseline:
        add = "" if getattr(settings, "linear", False) else "add it to the ensemble with --linear, "
        return (
            f"The n-gram linear model alone is more accurate here ({percent(baseline)} against "
            f"{percent(ours)}): {add}add texts with --unlabelled, or label more texts."
        )
    ours, baseline = number(metrics.get("valid_perplexity")), number(metrics.get("baseline_perplexity"))
    if ours is not None and baseline is not None and ours > baseline:
        add = "" if getattr(settings, "kneser_ney", False) else "interpolate it with --kneser-ney, "
        return (
            f"The Kneser-Ney model alone has a lower perplexity here ({baseline:,.1f} against {ours:,.1f}): "
            f"{add}allow more --epochs or --minutes, or add text."
        )
    return ""


_SURVEY_SHARE = 1 / 16
"""The part of the time left that counting the text may take, which only the reader needs."""


@Parameter(name="*", group=Group("Cluster (several workers, on this machine or on many)", sort_key=6))
@dataclass(frozen=True, kw_only=True)
class TrainCluster:
    """Where a training runs.

    Attributes:
        cluster: Train on several workers, each on a share of the text, and average their weights: local
            starts a Ray cluster on this machine, auto uses the one that Ray finds, ADDRESS is the HOST:PORT
            of a head.
        workers: Number of workers. Without it, one for each processor of the cluster.
        average_every: Average the weights every N steps. Default: 32.
    """

    cluster: Annotated[str | None, Parameter(metavar="local|auto|ADDRESS")] = None
    workers: Annotated[Whole | None, Parameter(metavar="N")] = None
    average_every: Annotated[Whole | None, Parameter(metavar="N")] = None


ALONE = TrainCluster()


def train_words(
    sources: Annotated[tuple[str, ...], Parameter(name="TEXT", negative=())],
    /,
    *,
    training: Training,
    valid: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    continue_: Annotated[str | None, Parameter(name="--continue", group=DATA, metavar="MODEL")] = None,
    old: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    old_valid: Annotated[tuple[str, ...], Parameter(group=DATA, negative=(), show_default=False)] = (),
    baseline: Annotated[bool, Parameter(group=RUN)] = True,
    cluster: TrainCluster = ALONE,
    output: Output = AS_TEXT,
    options: WordsOptions | None = None,
    started: Started,
) -> None:
    """Train a language model.

    Args:
        sources: Files (also .gz), folders (every .txt and .gz in them), - for standard input, or a named
            corpus: meditations, imdb.
        valid: Validate on this text instead of on a part of TEXT. May be given several times.
        continue_: Continue this model directory for words with TEXT, whose new words are added. Its settings
            stay, unless they are given; the learning rate is a quarter. See docs/continue.md.
        old: Old text of the model to continue, learned from again. May be given several times.
        old_valid: Old text to measure on only. Without it: the end of --old. May be given several times.
        baseline: Also measure a Kneser–Ney model, to compare with.
    """
    changes = given(options)
    continued = _continued(continue_, old, old_valid)
    if continued is None:
        name = training.preset or DEFAULT_PRESET
        settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
    else:
        from foretell.training.words.continued import continued_words_settings

        model = continued.ancestor.model
        name = training.preset or model.preset
        settings = continued_words_settings(model, training.preset, changes)
    check_possible(training)
    from foretell.cluster.averaging import training_workers
    from foretell.data.corpus import open_corpus
    from foretell.training.words.train import check_valid
    from foretell.training.words.train import train_words as train

    check_valid(settings, valid or None, cluster.cluster)
    corpus, valid_corpus = open_corpus(sources), open_corpus(valid, part="test") if valid else None
    surveys = [_survey(each, settings, started) for each in (corpus, valid_corpus) if each is not None]
    for survey in surveys:
        show_survey(survey)
    if training.preset is None and changes.get("minutes") and continued is None:
        words = surveys[0].tokens
        name = words_preset_for(settings.minutes, words)
        settings = with_changes(cast(WordsSettings, preset("words", name)), changes)
        note(f"--preset {name}, for {settings.minutes:g} minutes for {words:,} words\n")
    with training_workers(**asdict(cluster)) as workers, view() as shown:
        listener = without_notes(shown, [each for survey in surveys for each in survey.notes])
        how = training.options(
            preset=name, baseline=baseline, listener=listener, started=started, given=frozenset(changes)
        )
        model = train(corpus, settings, how, valid=valid_corpus, workers=workers, continued=continued)
    finish(model, training, output)


def _continued(model: str | None, old: tuple[str, ...], old_valid: tuple[str, ...]) -> ContinuedWords | None:
    """Return what --continue names, or None.

    Raises:
        SettingsError: --old or --old-valid without it.
    """
    from foretell.data.corpus import open_corpus
    from foretell.training.words.continued import opened

    return opened(
        None if model is None else local_model(model),
        open_corpus(old) if old else None,
        open_corpus(old_valid, part="test") if old_valid else None,
    )


def _survey(corpus: Corpus, settings: WordsSettings, started: float) -> Survey:
    """Count a text; with a time limit, the lines that can be counted in a sixteenth of the time left."""
    from foretell.surveying.counts import survey_corpus
    from foretell.text.splitting import splitter
    from foretell.training.budget import Budget, InTime

    budget = Budget(settings.minutes, started)
    lines = InTime(corpus, budget, budget.share(_SURVEY_SHARE))
    tokens = splitter(settings.tokens, lowercase=settings.lowercase)
    survey = survey_corpus(corpus, tokens=tokens, lines=lines)
    if lines.is_cut:
        survey.notes.append(f"the time limit is short: only the first {lines.count:,} lines are counted here")
    return survey
