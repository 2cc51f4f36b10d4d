"""The teacher's penalty, chosen by out-of-fold predictions, and what it says of the unlabelled texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.metrics import log_loss, mean_accuracy
from foretell.training.events import Note
from foretell.training.labels.candidates import Candidate, LabelledTexts
from foretell.training.labels.dense_fit import DenseFit
from foretell.training.labels.folds import Folds
from foretell.training.labels.member_choice import choose
from foretell.training.labels.members import Chosen
from foretell.training.labels.teacher import MAX_TAUGHT, Answers, Embedded, Encoder, Teacher, embed
from foretell.training.labels.tokens import Soft
from foretell.training.run import Run

_ANSWERS, _FIGURES = "teacher/answers", "teacher/figures"

_OTHER_KIND = 0.1
"""With so much less certainty of the unlabelled texts than of the labelled ones a note is given."""


def choose_teacher(
    encoder: Encoder, labelled: LabelledTexts, unlabelled: Sequence[str], folds: Folds, run: Run
) -> Teacher | None:
    """Return the teacher that an encoder becomes; None where the time limit leaves no time for it.

    Args:
        encoder: the encoder.
        labelled: the labelled texts.
        unlabelled: the texts of `labelled.unlabelled` as they are written.
        folds: of the labelled texts.
        run: its latest checkpoint may have the teacher's answers.

    Raises:
        ArtifactError: the encoder fails.
        Interrupted: training was stopped.
    """
    checkpoint = run.checkpoints.latest()
    if checkpoint is not None and _ANSWERS in checkpoint.arrays:
        saved_answers = checkpoint.arrays[_ANSWERS].astype(np.float32, copy=False)
        figures = json.loads(checkpoint.arrays[_FIGURES].tobytes())
        return _teacher(labelled, unlabelled[: len(saved_answers)], lambda _: saved_answers, figures)
    n_taught = min(len(unlabelled), MAX_TAUGHT)
    text = f"the teacher ({encoder.name}) reads {len(labelled.texts):,} labelled and {n_taught:,} other texts"
    run.options.listener(Note(text=text))
    embedded = embed(encoder, labelled.texts, unlabelled, run)
    if embedded is None:
        return None
    candidate = Candidate(
        name="teacher",
        on=lambda rows: DenseFit(embedded.labelled, rows, labelled.soft, labelled.weights),
        finished=lambda _, model: model,
    )
    chosen = choose(candidate, labelled, folds, run.interrupt.check)
    answers = Answers(embedded, labelled.soft, labelled.weights, chosen.path())
    figures = _figures(encoder, embedded, labelled, folds, chosen, answers)
    _report(figures, run)
    return _teacher(labelled, unlabelled[: len(embedded.taught)], answers, figures)


def saved(teacher: Teacher) -> dict[str, npt.NDArray[Any]]:
    """Return arrays for a checkpoint, with which `choose_teacher` encodes nothing again.

    Students of folds are not fitted again, so the answers of the teacher of all labels are enough.
    """
    figures = np.frombuffer(json.dumps(teacher.figures).encode(), np.uint8)
    return {_ANSWERS: teacher.answers(_every(teacher.n_labelled)), _FIGURES: figures}


def _teacher(
    labelled: LabelledTexts,
    texts: Sequence[str],
    answers: Callable[[npt.NDArray[np.bool_]], Soft],
    figures: dict[str, Any],
) -> Teacher:
    return Teacher(
        texts=texts,
        tokenized=labelled.unlabelled.part(0, len(texts)),
        n_labelled=len(labelled.texts),
        answers=answers,
        figures=figures,
    )


def _figures(
    encoder: Encoder,
    embedded: Embedded,
    labelled: LabelledTexts,
    folds: Folds,
    chosen: Chosen,
    answers: Answers,
) -> dict[str, Any]:
    held = folds.held
    probabilities = np.exp(chosen.logs[held])
    taught = answers(_every(len(labelled.texts)))
    targets = labelled.targets[held]
    return {
        "name": encoder.name,
        "sha256": encoder.sha256,
        "strength": chosen.strength,
        "texts": len(embedded.taught),
        "split_texts": embedded.split_texts,
        "accuracy": mean_accuracy(targets, probabilities) if len(targets) else None,
        "log_loss": log_loss(targets, probabilities) if len(targets) else None,
        "certainty": float(probabilities.max(axis=1).mean()) if len(targets) else None,
        "unlabelled_certainty": float(taught.max(axis=1).mean()),
    }


def _report(figures: dict[str, Any], run: Run) -> None:
    listener = run.options.listener
    accuracy, certainty = figures["accuracy"], figures["certainty"]
    known = "" if accuracy is None else f"out-of-fold accuracy {accuracy:.2%}, "
    of_texts = f"it labels {figures['texts']:,} texts with {figures['unlabelled_certainty']:.0%} certainty"
    listener(Note(text=f"teacher ({figures['name']}): {known}{of_texts}"))
    if figures["split_texts"]:
        text = f"{figures['split_texts']:,} texts are longer than the teacher reads at once"
        listener(Note(text=f"{text}: they were split, and the embeddings averaged"))
    if certainty is not None and figures["unlabelled_certainty"] < certainty - _OTHER_KIND:
        text = f"the teacher is less certain of the unlabelled texts than of labelled ones ({certainty:.0%})"
        listener(Note(text=f"{text}: are they of the same kind?"))


def _every(n: int) -> npt.NDArray[np.bool_]:
    return np.ones(n, bool)
