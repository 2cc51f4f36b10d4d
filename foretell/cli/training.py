"""What `train words` and `train labels` share: their options, the survey, and the end of a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from foretell.cli.options import Output, Switch, rare
from foretell.cli.output import Writer, figures, listed, note
from foretell.readable import percent

if TYPE_CHECKING:
    from foretell.artifacts.model import Model
    from foretell.data.survey import Survey
    from foretell.training.events import Listener
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
        preset: Start from the values of this preset; foretell info --presets lists them. Without it: base, or
            with --minutes a preset that fits the time.
        resume: Resume the unfinished training of --out from its last checkpoint.
        restart: Delete the unfinished training of --out and start again.
        config: Read options from this TOML file.
        checkpoint_seconds: Save a checkpoint every N seconds.
        tensorboard: Write TensorBoard event files to this folder.
    """

    out: Annotated[Path, Parameter(metavar="DIR")]
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None
    resume: Switch = False
    restart: Switch = False
    config: Annotated[Path | None, Parameter(metavar="FILE")] = None
    checkpoint_seconds: Annotated[float, Parameter(group=rare(RUN))] = 60.0
    tensorboard: Annotated[Path | None, Parameter(group=rare(RUN), metavar="DIR")] = None

    def options(
        self,
        *,
        preset: str,
        baseline: bool,
        listener: Listener,
        started: float,
        given: Iterable[str] = (),
    ) -> TrainOptions:
        """Return the options for the trainer.

        Args:
            preset: the name of the preset that was chosen.
            baseline: whether a model to compare with is fitted too.
            listener: is called with each event of the training.
            started: when the command began, by `time.monotonic`.
            given: the names of the settings that were given by flag, environment or file.

        Raises:
            SettingsError: an option is out of range, or two exclude each other.
        """
        from foretell.training.options import TrainOptions

        return TrainOptions(
            out=self.out,
            preset=preset,
            resume=self.resume,
            restart=self.restart,
            checkpoint_seconds=self.checkpoint_seconds,
            tensorboard=self.tensorboard,
            baseline=baseline,
            listener=listener,
            started=started,
            given=frozenset(given),
        )


def check_possible(training: Training) -> None:
    """Raise now what would otherwise only fail after the training.

    Raises:
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
        ArtifactError: `training.out` cannot be written.
        SettingsError: an option is out of range, or two exclude each other.
    """
    from foretell.artifacts.directory import check_writable
    from foretell.machine import require_training
    from foretell.training.events import silent

    require_training()
    check_writable(training.out)
    training.options(preset="", baseline=False, listener=silent, started=0.0)


def show_survey(survey: Survey) -> None:
    """Write a survey of the data to stderr."""
    note("\n".join(survey.lines()) + "\n")


def show_preset(name: str, reason: str) -> None:
    """Write to stderr which preset was chosen, and for which time and data."""
    note(f"--preset {name}, for {reason}\n")


def without_notes(listener: Listener, shown: Iterable[str]) -> Listener:
    """Return a listener that leaves out the notes which were already shown."""
    from foretell.training.events import Event, Note

    known = set(shown)

    def listen(event: Event) -> None:
        if not (isinstance(event, Note) and event.text in known):
            listener(event)

    return listen


def finish(model: Model, training: Training, output: Output) -> None:
    """Write the figures of a training: for people to stderr, for programs to stdout."""
    format = output.chosen()
    if format != "text":
        record = {"job": model.job, "preset": model.preset, "out": str(training.out), **model.metrics}
        columns = [name for name, value in record.items() if isinstance(value, int | float | str)]
        Writer(format, columns).write(record, "")
    note(listed(figures(model.metrics), indent=2))
    note(f"model:  {training.out}\nreport: {training.out / 'run' / 'report.html'}")
    if advice := comparison(model.metrics):
        note(advice)


def comparison(metrics: Mapping[str, object]) -> str:
    """Return what to try where the baseline is better on the validation data, else ""."""
    ours, baseline = _number(metrics, "accuracy"), _number(metrics, "baseline_accuracy")
    if ours is not None and baseline is not None and ours < baseline:
        return (
            f"the n-gram linear model alone is more accurate here ({percent(baseline)} against "
            f"{percent(ours)}): add it to the ensemble with --linear, add texts with --unlabelled, or "
            "allow more --minutes"
        )
    ours, baseline = _number(metrics, "valid_perplexity"), _number(metrics, "baseline_perplexity")
    if ours is not None and baseline is not None and ours > baseline:
        return (
            f"the Kneser-Ney model alone has a lower perplexity here ({baseline:,.1f} against {ours:,.1f}): "
            "interpolate it with --kneser-ney, allow more --epochs or --minutes, or add text"
        )
    return ""


def _number(metrics: Mapping[str, object], name: str) -> float | None:
    value = metrics.get(name)
    return value if isinstance(value, int | float) else None
