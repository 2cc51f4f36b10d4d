"""Train a classifier: examples in, a model directory out."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.artifacts.model import Model
from foretell.artifacts.weights import check_size, network_size
from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.data.split import split, text_key
from foretell.data.survey import check_learnable
from foretell.errors import DataError, SettingsError
from foretell.networks import weights_of
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, Probabilities
from foretell.training.budget import Budget
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Listener, Said, silent
from foretell.training.interrupt import Interrupt
from foretell.training.labels.stages import Stages
from foretell.training.labels.transfer import LanguageModelWeights, fitting_settings, take_over
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run

if TYPE_CHECKING:
    from foretell.training.labels.network_fit import Fitting
    from foretell.training.labels.plan import Plan


# Of the time, for the network: with less it is better told.
_LEAST_SHARE = 0.15


def train_labels(
    examples: Examples,
    settings: LabelsSettings,
    *,
    out: Path | str,
    preset: str = "base",
    valid: Examples | None = None,
    unlabelled: Sequence[str] = (),
    start: LanguageModelWeights | None = None,
    baseline: bool = True,
    resume: bool = False,
    restart: bool = False,
    checkpoint_seconds: float = 60.0,
    tensorboard: Path | None = None,
    listener: Listener = silent,
    stop_after_steps: int | None = None,
    began: float | None = None,
) -> Model:
    """Train a classifier on `examples` and write its model directory.

    In stages: the vocabulary; the linear model; labels for the unlabelled texts, by it and by vectors of
    texts, from which it and the network learn like from labels (Lee 2013's pseudo-labels, soft); the network;
    and, on the held-out part, what each of the two weighs in the answer.

    Args:
        examples: texts with their labels, two labels or more.
        settings: the configuration, a preset or one made from it.
        out: the model directory to be; the run lies beside it while it goes on.
        preset: the name that the model directory tells.
        valid: validation examples; without them, the fraction `settings.valid_fraction` of `examples` is
            used for validation, stratified by label.
        unlabelled: more texts of the same kind; those that are held out are left out.
        start: a language model to start from; the network then has its sizes.
        baseline: fit the linear model to compare with, even where it is no part of the classifier.
        resume: go on with the unfinished run of `out`, bit for bit as if it had never stopped.
        restart: throw an unfinished run of `out` away.
        checkpoint_seconds: seconds between two checkpoints; there is also one after each epoch.
        tensorboard: a directory for event files.
        listener: is told what happens.
        stop_after_steps: interrupt after so many steps, as Ctrl-C does.
        began: when the command began (`time.monotonic`), which `settings.minutes` counts from; None: now.

    Returns:
        The model as it was written. Its metrics hold accuracy, macro_f1, valid_loss, confusion and mistakes
        of the held-out examples, and baseline_accuracy, the linear model's; without held-out examples,
        accuracy and loss of the last epoch's training, as `measured_on` says.

    Raises:
        DataError: the examples cannot be learned from, or `valid` has a label that they lack.
        SettingsError: unlabelled texts for a network that cannot use them.
        RunError: there is an unfinished run, or none to resume, or it was another training.
        ArtifactError: `out` cannot be written.
        Interrupted: training was stopped after a checkpoint.
    """
    if start is not None:
        settings = fitting_settings(settings, start)
    check_learnable(examples)
    labels = sorted(set(examples.labels))
    train, held_out = _parts(examples, settings, valid, labels, listener)
    unlabelled = _usable(unlabelled, train, held_out, settings, listener)
    request = Request(
        job="labels",
        settings=settings,
        data=_digest(examples, valid, [*unlabelled, *([] if start is None else [start.digest()])]),
        sources=[examples.name] if valid is None else [examples.name, valid.name],
    )
    options = TrainOptions(
        out=Path(out),
        preset=preset,
        resume=resume,
        restart=restart,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard=tensorboard,
        listener=listener,
        started=time.monotonic() if began is None else began,
        stop_after_steps=stop_after_steps,
    )
    with Run.open(request, options) as run:
        interrupt, budget = run.interrupt, run.budget
        stages = Stages(train, held_out, unlabelled, labels, settings, listener)
        checkpoint = run.checkpoints.latest()
        stages.fit_linear(baseline)
        if unlabelled:
            stages.label(budget, None if checkpoint is None else dict(checkpoint.arrays))
        fitting = _prepare(stages, run, checkpoint, interrupt, budget, start)
        with interrupt.deferred():
            fitting.fit()
        of_network = None if fitting.valid is None else fitting.predict(fitting.valid)
        ensemble = stages.mix(fitting, of_network)
        if settings.refit:
            stages.refit()
        model = Model(
            job="labels",
            preset=preset,
            settings=settings,
            tokenizer=stages.tokenizer,
            weights=weights_of(fitting.model),
            labels=labels,
            linear=stages.linear if settings.linear else None,
            ensemble=ensemble,
            metrics=_metrics(stages, fitting, of_network, ensemble, budget),
        )
        run.finish(model)
    return model


def _usable(
    unlabelled: Sequence[str],
    train: Examples,
    held_out: Examples | None,
    settings: LabelsSettings,
    listener: Listener,
) -> list[str]:
    """Return the unlabelled texts without those that have a label, or are held out, which would be a leak."""
    if not unlabelled:
        return []
    if not settings.linear:
        raise SettingsError(
            expected="a preset that learns from unlabelled texts: quick, base or best",
            found=f"the network '{settings.network}' without the linear model that would label them",
            where="unlabelled",
            fix="choose --preset base, or set --linear",
        )
    held = {text_key(text) for text in held_out.texts} if held_out is not None else set()
    labelled = {text_key(text) for text in train.texts}
    keys = [text_key(text) for text in unlabelled]
    if leaks := sum(key in held for key in keys):
        listener(Said(text=f"left out {leaks:,} unlabelled texts that are held out: they would leak"))
    known = held | labelled
    kept = [text for text, key in zip(unlabelled, keys, strict=True) if key not in known]
    listener(Said(text=f"{len(kept):,} unlabelled texts to learn from"))
    return kept


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
    if settings.valid_fraction == 0:
        return examples, None
    parts = split(examples, settings.valid_fraction, settings.seed)
    for note in parts.notes:
        listener(Said(text=note))
    if not parts.held_out.texts:
        listener(Said(text="too few examples to hold any out: the last epoch is kept"))
        return examples, None
    return parts.train, parts.held_out


def _prepare(
    stages: Stages,
    run: Run,
    checkpoint: Checkpoint | None,
    interrupt: Interrupt,
    budget: Budget,
    start: LanguageModelWeights | None,
) -> Fitting:
    """Build, encode and compile the network; go back to the latest checkpoint where the run has one."""
    from foretell.networks.labels import labels_network
    from foretell.training.labels.network_fit import Fitting, compile_network
    from foretell.training.labels.plan import make_plan

    settings, n_labels = stages.settings, len(stages.labels)
    size = network_size(settings, stages.tokenizer)
    check_size(settings, size, n_labels)
    train = stages.for_network()
    plan = make_plan(settings, len(train))
    _tell_plan(plan, settings, len(train), stages.listener)
    network = labels_network(settings, size, n_labels)
    if start is None and settings.cooccurrence_embeddings and checkpoint is None:
        stages.give_vectors(network)
    elif start is not None:
        shared = take_over(network, stages.tokenizer, settings, start)
        words = size - stages.tokenizer.specials
        text = f"{shared:,} of {words:,} words have their vectors from {start.name}; the others are new"
        stages.listener(Said(text=text))
    compile_network(network, settings, n_labels, soft=train.soft is not None)
    fitting = Fitting(
        model=network,
        settings=settings,
        plan=plan,
        train=train,
        valid=stages.held_out_for_network(),
        run=run,
        interrupt=interrupt,
        listener=stages.listener,
        budget=budget,
        taught=stages.to_keep(),
    )
    if checkpoint is not None:
        fitting.restore(checkpoint)
        run.rewind(checkpoint.step)
        stages.listener(Said(text=f"resumed after step {checkpoint.step:,} of {plan.steps:,}"))
    budget.keep(fitting.seconds_to_end() + stages.seconds_to_end())
    if budget.left() < _LEAST_SHARE * 60 * settings.minutes:
        spent, least = budget.seconds(), math.ceil(budget.seconds() / 30)
        text = f"{spent:.0f} of {60 * settings.minutes:.0f} seconds are over before the network can learn"
        stages.listener(Said(text=f"{text}: --minutes {least:g} or more would serve it better"))
    return fitting


def _tell_plan(plan: Plan, settings: LabelsSettings, n_texts: int, listener: Listener) -> None:
    if plan.epochs > settings.epochs:
        listener(
            Said(
                text=f"{n_texts:,} texts make {plan.steps_an_epoch} steps an epoch: "
                f"{plan.epochs} epochs instead of {settings.epochs}, for {settings.min_steps} steps at least"
            )
        )


def _metrics(
    stages: Stages, fitting: Fitting, of_network: Probabilities | None, ensemble: Ensemble, budget: Budget
) -> dict[str, Any]:
    from foretell.training.labels.metrics import figures

    here, held_out = fitting.standing, stages.held_out
    shared = {
        "loss": here.loss,
        "texts": len(stages.train.texts),
        "unlabelled_texts": len(stages.unlabelled),
        "valid_texts": 0 if held_out is None else len(held_out.texts),
        "epochs": here.epoch,
        "steps": here.step,
        "seconds": budget.seconds(),
        "texts_per_second": here.step * fitting.settings.batch_size / max(here.seconds, 1e-9),
    }
    if held_out is None or fitting.valid is None or of_network is None:
        return {"accuracy": here.accuracy, **shared, "measured_on": "training texts, while training"}
    answers = ensemble(of_network, stages.held_out_logs) if ensemble != NETWORK_ALONE else of_network
    found = figures(held_out.texts, fitting.valid.targets, answers, stages.labels)
    kept = here.best_epoch if fitting.settings.keep == "best" else here.epoch
    return {
        **found,
        **stages.figures(fitting.valid.targets, of_network, answers),
        **shared,
        "best_epoch": kept,
        "measured_on": f"held-out texts ({held_out.name})",
    }


def _digest(examples: Examples, valid: Examples | None, more: Sequence[str]) -> str:
    """Return the SHA-256 of all texts and labels, each with its length so that none can run into the next."""
    digest = hashlib.sha256()
    for text in (*_strings(examples, valid), *more):
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
