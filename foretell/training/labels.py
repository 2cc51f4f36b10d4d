"""Train a classifier: examples in, a model directory out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.artifacts.model_directory import Model
from foretell.config import LabelsSettings, to_dict
from foretell.data.examples import Examples
from foretell.data.split import split
from foretell.data.survey import check_learnable
from foretell.errors import DataError
from foretell.networks import weights_of
from foretell.tokenizer import Tokenizer
from foretell.training.events import Listener, Said, silent
from foretell.training.interrupt import Interrupt
from foretell.training.run import Run

if TYPE_CHECKING:
    from foretell.training.labels_fit import Fitting, Plan


def train_labels(
    examples: Examples,
    settings: LabelsSettings,
    *,
    out: Path | str,
    preset: str = "base",
    valid: Examples | None = None,
    resume: bool = False,
    restart: bool = False,
    checkpoint_seconds: float = 60.0,
    tensorboard: Path | None = None,
    listener: Listener = silent,
    stop_after_steps: int | None = None,
) -> Model:
    """Train a classifier on `examples` and write its model directory.

    Args:
        examples: texts with their labels, two labels or more.
        settings: the configuration, a preset or one made from it.
        out: the model directory to be; the run lies beside it while it goes on.
        preset: the name that the model directory tells.
        valid: examples to watch training by; without them the part `settings.held_out` of `examples` is held
            out, stratified by label.
        resume: go on with the unfinished run of `out`, bit for bit as if it had never stopped.
        restart: throw an unfinished run of `out` away.
        checkpoint_seconds: seconds between two checkpoints; there is also one after each epoch.
        tensorboard: a directory for event files.
        listener: is told what happens.
        stop_after_steps: interrupt after so many steps, as Ctrl-C does.

    Returns:
        The model as it was written. Its metrics hold accuracy, macro_f1, valid_loss, confusion and mistakes
        of the held-out examples; without any, accuracy and loss of the last epoch's training, as
        `measured_on` says.

    Raises:
        DataError: the examples cannot be learned from, or `valid` has a label that they lack.
        RunError: there is an unfinished run, or none to resume, or it was another training.
        ArtifactError: `out` cannot be written.
        Interrupted: training was stopped after a checkpoint.
    """
    check_learnable(examples)
    labels = sorted(set(examples.labels))
    train, held_out = _parts(examples, settings, valid, labels, listener)
    request = {
        "job": "labels",
        "preset": preset,
        "settings": to_dict(settings),
        "data": _digest(examples, valid),
        "sources": [examples.name] if valid is None else [examples.name, valid.name],
    }
    options: dict[str, Any] = {"checkpoint_seconds": checkpoint_seconds, "tensorboard": tensorboard}
    with (
        Interrupt(stop_after_steps) as interrupt,
        Run.open(out, request, resume=resume, restart=restart, **options) as run,
    ):
        tokenizer = Tokenizer.train(
            train.texts,
            settings.tokens,
            lowercase=settings.lowercase,
            vocabulary=settings.vocabulary,
            min_count=settings.min_count,
        )
        fitting = _prepare(train, held_out, labels, tokenizer, settings, run, interrupt, listener)
        fitting.fit()
        model = Model(
            job="labels",
            preset=preset,
            settings=settings,
            tokenizer=tokenizer,
            weights=weights_of(fitting.model),
            labels=labels,
            metrics=_metrics(fitting, held_out, labels),
        )
        run.finish(model)
    return model


def _parts(
    examples: Examples,
    settings: LabelsSettings,
    valid: Examples | None,
    labels: list[str],
    listener: Listener,
) -> tuple[Examples, Examples | None]:
    """Return the examples to learn from and those to watch by (None: there are none)."""
    if valid is not None:
        unknown = sorted(set(valid.labels) - set(labels))
        if unknown:
            raise DataError(
                expected=f"the labels {', '.join(labels)}", found=", ".join(unknown), where=valid.name
            )
        return examples, valid if valid.texts else None
    if settings.held_out == 0:
        return examples, None
    parts = split(examples, settings.held_out, settings.seed)
    for note in parts.notes:
        listener(Said(text=note))
    if not parts.held_out.texts:
        listener(Said(text="too few examples to hold any out: the last epoch is kept"))
        return examples, None
    return parts.train, parts.held_out


def _prepare(
    train: Examples,
    held_out: Examples | None,
    labels: list[str],
    tokenizer: Tokenizer,
    settings: LabelsSettings,
    run: Run,
    interrupt: Interrupt,
    listener: Listener,
) -> Fitting:
    """Build, encode and compile; go back to the latest checkpoint where the run has one."""
    from foretell.artifacts.weights import check_size
    from foretell.networks.labels import labels_network
    from foretell.training.labels_batches import encode_texts
    from foretell.training.labels_fit import Fitting, compile_network, make_plan

    check_size(settings, tokenizer.size, len(labels))

    def encoded(part: Examples) -> Any:
        return encode_texts(part.texts, _targets(part, labels), len(labels), tokenizer, settings)

    plan = make_plan(settings, len(train.texts))
    _tell_plan(plan, settings, len(train.texts), listener)
    network = labels_network(settings, tokenizer.size, len(labels))
    compile_network(network, settings, plan, len(labels))
    fitting = Fitting(
        model=network,
        settings=settings,
        plan=plan,
        train=encoded(train),
        valid=None if held_out is None else encoded(held_out),
        run=run,
        interrupt=interrupt,
        listener=listener,
    )
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None:
        fitting.restore(checkpoint)
        run.rewind(checkpoint.step)
        listener(Said(text=f"resumed after step {checkpoint.step:,} of {plan.steps:,}"))
    return fitting


def _tell_plan(plan: Plan, settings: LabelsSettings, n_texts: int, listener: Listener) -> None:
    if plan.epochs > settings.epochs:
        listener(
            Said(
                text=f"{n_texts:,} texts make {plan.epoch_steps} steps an epoch: "
                f"{plan.epochs} epochs instead of {settings.epochs}, for {settings.min_steps} steps at least"
            )
        )


def _targets(examples: Examples, labels: list[str]) -> npt.NDArray[np.int32]:
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[label] for label in examples.labels], np.int32)


def _metrics(fitting: Fitting, held_out: Examples | None, labels: list[str]) -> dict[str, Any]:
    from foretell.training.labels_metrics import figures

    here = fitting.standing
    shared = {
        "loss": here.loss,
        "texts": len(fitting.train),
        "held_out_texts": 0 if held_out is None else len(held_out.texts),
        "epochs": here.epoch,
        "steps": here.step,
        "seconds": here.seconds,
        "texts_per_second": here.epoch * len(fitting.train) / max(here.seconds, 1e-9),
    }
    if held_out is None or fitting.valid is None:
        return {"accuracy": here.accuracy, **shared, "measured_on": "training texts, while training"}
    probabilities = fitting.predict(fitting.valid)
    found = figures(held_out.texts, fitting.valid.targets, probabilities, labels)
    kept = here.best_epoch if fitting.settings.keep == "best" else here.epoch
    return {**found, **shared, "kept_epoch": kept, "measured_on": f"held-out texts ({held_out.name})"}


def _digest(*parts: Examples | None) -> str:
    """Return the SHA-256 of all texts and labels, each with its length so that none can run into the next."""
    digest = hashlib.sha256()
    for text in _strings(*parts):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _strings(*parts: Examples | None) -> Iterator[str]:
    for part in parts:
        if part is not None:
            yield f"{len(part.texts)} examples"
            yield from part.texts
            yield from part.labels
