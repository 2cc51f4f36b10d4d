"""The command `train words`, and what it shares with `train labels`: how a training is run, and its
end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from foretell.cli.inputs import local_model, open_model
from foretell.cli.options import AS_TEXT, DATA, Name, OutputOptions, Several, rare
from foretell.cli.output import Writer, note
from foretell.cli.setting_flags import WordsOptions, given
from foretell.installation import command
from foretell.training.report import remarks_on

RUN = Group("Run", sort_key=1)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a training is run.

    Attributes:
        out: Write the model directory DIR.
        preset: Start from the values of this preset; foretell info --presets lists them. Without
            it: base, with --minutes a preset that fits the time, or with --continue the settings of
            that model.
        resume: Resume the unfinished training of --out from its last checkpoint.
        restart: Delete the unfinished training of --out and start again.
        overwrite: Replace the finished model in --out.
        config: Read options from this TOML file.
        checkpoint_seconds: Save a checkpoint every N seconds.
        tensorboard: Write TensorBoard event files to this folder.
    """

    out: Annotated[Path, Parameter(metavar="DIR")]
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None
    resume: bool = False
    restart: bool = False
    overwrite: bool = False
    config: Path | None = None
    checkpoint_seconds: Annotated[float, Parameter(group=rare(RUN))] = 60.0
    tensorboard: Annotated[Path | None, Parameter(group=rare(RUN), metavar="DIR")] = None

    def how(self) -> dict[str, Any]:
        """Return what the training itself is given, by the names that it has in Python."""
        read_here = ("preset", "config")
        return {name: value for name, value in vars(self).items() if name not in read_here}


def finish(training: RunOptions, output: OutputOptions) -> None:
    """Say where the model is and what to do with it; write the metrics for programs to stdout.

    The training itself has shown the result.
    """
    out = training.out
    model = open_model(str(out))
    for remark in remarks_on(model.metrics):
        note(remark)
    name = str(out)
    commands = {
        "words": (("complete", name, "the beginning of a text", "--words", "20"), ("serve", name)),
        "labels": (("classify", name, "a text of your own"), ("evaluate", name, "TEST.csv")),
    }
    note(f"\nThe model is in {out}, its report in {out / 'run' / 'report.html'}. Try it:\n")
    for words in commands[model.job]:
        note(f"   {command(*words)}")
    format = output.chosen()
    if format != "text":
        record = {"job": model.job, "preset": model.preset, "out": str(out), **model.metrics}
        columns = [name for name, value in record.items() if isinstance(value, int | float | str)]
        Writer(format, columns).write(record)


def train_words(
    sources: Annotated[tuple[Name, ...], Parameter(name="TEXT...")],
    /,
    *,
    training: RunOptions,
    valid: Annotated[Several, Parameter(group=DATA, metavar="TEXT")] = (),
    continue_: Annotated[
        Name | None, Parameter(name="--continue", group=DATA, metavar="MODEL")
    ] = None,
    old: Annotated[Several, Parameter(group=DATA, metavar="TEXT")] = (),
    baseline: Annotated[bool, Parameter(group=RUN, negative="--no-baseline")] = True,
    output: OutputOptions = AS_TEXT,
    options: WordsOptions | None = None,
) -> None:
    """Train a language model.

    Args:
        sources: Files (also .gz), folders (every .txt and .gz in them), - for standard input, or a
            named corpus: meditations, imdb.
        valid: Validate on this text instead of on a part of TEXT. May be given several times.
        continue_: Continue this model directory for words with TEXT, whose new words are added. Its
            settings stay, unless they are given; without --old the learning rate is a quarter. See
            docs/continue.md.
        old: Old text of the model to continue, learned from again. May be given several times.
        baseline: Also fit a Kneser–Ney model to compare with.
    """
    from foretell.data.corpus import open_corpus
    from foretell.language_model import LanguageModel

    LanguageModel.train(
        open_corpus(sources),
        preset=training.preset,
        verbose=1,
        valid=open_corpus(valid, part="test") if valid else None,
        continue_from=None if continue_ is None else local_model(continue_),
        old=open_corpus(old) if old else None,
        baseline=baseline,
        **training.how(),
        **given(options),
    )
    finish(training, output)
