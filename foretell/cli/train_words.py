"""The command `train words`, and what it shares with `train labels`: how a training is run, and its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model
from foretell.cli.options import AS_TEXT, DATA, Output, Several, Whole, rare
from foretell.cli.output import Writer, listed, note
from foretell.cli.setting_flags import WordsOptions, given
from foretell.config import WordsSettings
from foretell.metrics.shown import remarks_on
from foretell.presets import words_preset_for
from foretell.progress import view

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.corpus import Corpus
    from foretell.surveying.counts import Survey
    from foretell.training.options import TrainOptions

RUN = Group("Run", sort_key=1)

Started = Annotated[float, Parameter(parse=False)]
"""`time.monotonic()` when the command began: `--minutes` counts from then. `entry.main` gives it."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class Training:
    """How a training is run.

    Attributes:
        out: Write the model directory DIR.
        preset: Start from the values of this preset; foretell info --presets lists them. Without it: base,
            with --minutes a preset that fits the time, or with --continue the settings of that model.
        resume: Resume the unfinished training of --out from its last checkpoint.
        restart: Delete the unfinished training of --out and start again.
        overwrite: Replace the finished model in --out.
        config: Read options from this TOML file.
        baseline: Also fit a simple model to compare with: an n-gram linear model, or a Kneser–Ney model.
        checkpoint_seconds: Save a checkpoint every N seconds.
        tensorboard: Write TensorBoard event files to this folder.
    """

    out: Annotated[Path, Parameter(metavar="DIR")]
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None
    resume: bool = False
    restart: bool = False
    overwrite: bool = False
    config: Annotated[Path | None, Parameter(metavar="FILE")] = None
    baseline: Annotated[bool, Parameter(negative="--no-baseline")] = True
    checkpoint_seconds: Annotated[float, Parameter(group=rare(RUN), metavar="N")] = 60.0
    tensorboard: Annotated[Path | None, Parameter(group=rare(RUN), metavar="DIR")] = None

    def options(self) -> TrainOptions:
        """Return the options for the trainer, as far as they are given here."""
        from foretell.training.options import TrainOptions

        return TrainOptions(
            out=self.out, resume=self.resume, restart=self.restart, overwrite=self.overwrite,
            checkpoint_seconds=self.checkpoint_seconds, tensorboard=self.tensorboard, baseline=self.baseline,
        )  # fmt: skip

    def check(self) -> None:
        """Raise now what would otherwise only fail after the training."""
        from foretell.machine import require_training
        from foretell.training.run import check_can_begin

        require_training()
        check_can_begin(self.options())


def show_survey(survey: Survey, notes: Iterable[str]) -> None:
    """Write a survey of the data to stderr."""
    lines = "".join(f"  · {each}\n" for each in notes)
    note(f"{survey.name}\n{listed(survey.rows, indent=2)}\n{lines}")


def finish(model: Model, training: Training, output: Output) -> None:
    """Say where the model is and what to do with it; write the metrics for programs to stdout.

    The training itself has shown the result.
    """
    for remark in remarks_on(model.metrics):
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
        Writer(format, columns).write(record)


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
    workers: Whole | None = None
    average_every: Whole | None = None


_ALONE = TrainCluster()


def train_words(
    sources: Annotated[tuple[str, ...], Parameter(name="TEXT")],
    /,
    *,
    training: Training,
    valid: Annotated[Several, Parameter(group=DATA, metavar="TEXT")] = (),
    continue_: Annotated[str | None, Parameter(name="--continue", group=DATA, metavar="MODEL")] = None,
    old: Annotated[Several, Parameter(group=DATA, metavar="TEXT")] = (),
    old_valid: Annotated[Several, Parameter(group=DATA, metavar="TEXT")] = (),
    cluster: TrainCluster = _ALONE,
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
    """
    from foretell.cluster.averaging import training_workers
    from foretell.data.corpus import open_corpus
    from foretell.training.words.continued import opened, settings_for

    changes = given(options)
    continued = opened(
        None if continue_ is None else local_model(continue_),
        open_corpus(old) if old else None,
        open_corpus(old_valid, part="test") if old_valid else None,
    )
    settings, name = settings_for(training.preset, changes, continued)
    training.check()
    from foretell.training.words.train import check_valid
    from foretell.training.words.train import train_words as train

    check_valid(settings, valid or None, cluster.cluster)
    corpus, valid_corpus = open_corpus(sources), open_corpus(valid, part="test") if valid else None
    words = _survey(corpus, settings, started)
    if valid_corpus is not None:
        _survey(valid_corpus, settings, started)
    if training.preset is None and changes.get("minutes") and continued is None:
        name = words_preset_for(settings.minutes, words)
        settings, _ = settings_for(name, changes, None)
        note(f"--preset {name}, for {settings.minutes:g} minutes for {words:,} words\n")
    with training_workers(**asdict(cluster)) as workers, view() as listener:
        how = replace(
            training.options(), preset=name, listener=listener, started=started, given=frozenset(changes)
        )
        model = train(corpus, settings, how, valid=valid_corpus, workers=workers, continued=continued)
    finish(model, training, output)


def _survey(corpus: Corpus, settings: WordsSettings, started: float) -> int:
    """Show the counts of a text, and return its tokens; the training itself shows the notes on it.

    With a time limit, only the lines are counted that can be in a sixteenth of the time left.
    """
    from foretell.surveying.counts import survey_corpus
    from foretell.text.tokenizer import Tokenizer
    from foretell.training.budget import Budget, InTime

    budget = Budget(settings.minutes, started)
    lines = InTime(corpus, budget, budget.share(_SURVEY_SHARE))
    tokens = Tokenizer.without_words(settings.tokens, lowercase=settings.lowercase).runs
    survey = survey_corpus(corpus, tokens=tokens, lines=lines)
    cut = f"the time limit is short: only the first {lines.count:,} lines are counted here"
    show_survey(survey, [cut] if lines.is_cut else [])
    return survey.tokens
