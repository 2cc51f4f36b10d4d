"""The teacher's embeddings and penalty, chosen by out-of-fold predictions, and what it says of the texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.arrays import Float32s
from foretell.metrics import log_loss, mean_accuracy
from foretell.training.events import Note
from foretell.training.labels.dense_fit import DenseFit
from foretell.training.labels.folds import Folds
from foretell.training.labels.members import Candidate, Chosen, choose
from foretell.training.labels.rows import Rows
from foretell.training.labels.teacher import MAX_TAUGHT, Answers, Embedded, Encoder, Teacher, embed
from foretell.training.run import Run

_ANSWERS, _FIGURES = "teacher/answers", "teacher/figures"
_EMBEDDINGS, _LOGS = "teacher/embeddings", "teacher/logs"

_OTHER_KIND = 0.1
"""With so much less certainty of the unlabelled texts than of the labelled ones a note is given."""


def choose_teacher(
    encoder: Encoder, labelled: Rows, unlabelled: Sequence[str], folds: Folds, run: Run
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
        return _restored(checkpoint.arrays, labelled, unlabelled)
    n_taught = min(len(unlabelled), MAX_TAUGHT)
    text = f"the teacher ({encoder.name}) reads {len(labelled.texts):,} labelled and {n_taught:,} other texts"
    run.options.listener(Note(text=text))
    embedded = embed(encoder, labelled.texts, unlabelled, run)
    if embedded is None:
        return None
    # Means over all tokens alone, and with those of the beginning and of the end of each text.
    widths = sorted({encoder.dimension, embedded.labelled.shape[1]})
    parts = [embedded.first(width) for width in widths]
    choices = [
        choose(_candidate(part.labelled, labelled), labelled, folds, run.interrupt.check) for part in parts
    ]
    best = int(np.argmin([_loss(each, labelled, folds) for each in choices]))
    chosen, embedded = choices[best], parts[best]
    answers = Answers(embedded, labelled.soft, labelled.weights, chosen.path())
    figures = _figures(encoder, embedded, labelled, folds, chosen, answers)
    _report(figures, run)
    n_taught = len(embedded.taught)
    return Teacher(
        texts=unlabelled[:n_taught],
        tokenized=labelled.unlabelled.part(0, n_taught),
        n_labelled=len(labelled.texts),
        answers=answers,
        labelled=embedded.labelled,
        logs=chosen.logs,
        figures=figures,
    )


def kept_member(teacher: Teacher, labelled: Rows) -> Chosen:
    """Return the teacher as a member of the ensemble, with the penalty that it has as a teacher."""
    candidate = _candidate(teacher.labelled, labelled)
    return Chosen(candidate=candidate, strength=teacher.figures["strength"], logs=teacher.logs)


def saved(teacher: Teacher) -> dict[str, npt.NDArray[Any]]:
    """Return arrays for a checkpoint, with which `choose_teacher` encodes nothing again.

    Students of folds are not fitted again, so the answers of the teacher of all labels are enough.
    """
    figures = np.frombuffer(json.dumps(teacher.figures).encode(), np.uint8)
    return {
        _ANSWERS: teacher.answers(_every(teacher.n_labelled)),
        _FIGURES: figures,
        _EMBEDDINGS: teacher.labelled,
        _LOGS: teacher.logs,
    }


def _restored(arrays: Mapping[str, npt.NDArray[Any]], labelled: Rows, unlabelled: Sequence[str]) -> Teacher:
    answers = arrays[_ANSWERS].astype(np.float32, copy=False)
    return Teacher(
        texts=unlabelled[: len(answers)],
        tokenized=labelled.unlabelled.part(0, len(answers)),
        n_labelled=len(labelled.texts),
        answers=lambda _: answers,
        labelled=arrays[_EMBEDDINGS].astype(np.float32, copy=False),
        logs=arrays[_LOGS],
        figures=json.loads(arrays[_FIGURES].tobytes()),
    )


def _loss(chosen: Chosen, labelled: Rows, folds: Folds) -> float:
    held = folds.held
    return labelled.outputs.loss(labelled.targets[held], chosen.logs[held]) if held.any() else 0.0


def _candidate(embeddings: Float32s, labelled: Rows) -> Candidate:
    return Candidate(
        name="teacher",
        on=lambda rows: DenseFit(embeddings, rows, labelled.soft, labelled.weights),
        finished=lambda _, model: model,
    )


def _figures(
    encoder: Encoder,
    embedded: Embedded,
    labelled: Rows,
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
        "reads_ends": embedded.labelled.shape[1] > encoder.dimension,
        "accuracy": mean_accuracy(targets, probabilities) if len(targets) else None,
        "log_loss": log_loss(targets, probabilities) if len(targets) else None,
        "certainty": float(probabilities.max(axis=1).mean()) if len(targets) else None,
        "unlabelled_certainty": float(taught.max(axis=1).mean()) if len(taught) else None,
    }


def _report(figures: dict[str, Any], run: Run) -> None:
    listener = run.options.listener
    accuracy, certainty, unlabelled = (
        figures[name] for name in ("accuracy", "certainty", "unlabelled_certainty")
    )
    known = [] if accuracy is None else [f"out-of-fold accuracy {accuracy:.2%}"]
    if figures["reads_ends"]:
        known.append("it uses where texts begin and end")
    if unlabelled is not None:
        known.append(f"it labels {figures['texts']:,} texts with {unlabelled:.0%} certainty")
    listener(Note(text=f"teacher ({figures['name']}): {', '.join(known)}"))
    if figures["split_texts"]:
        text = f"{figures['split_texts']:,} texts are longer than the teacher reads at once"
        listener(Note(text=f"{text}: they were split, and the embeddings averaged"))
    if certainty is not None and unlabelled is not None and unlabelled < certainty - _OTHER_KIND:
        text = f"the teacher is less certain of the unlabelled texts than of labelled ones ({certainty:.0%})"
        listener(Note(text=f"{text}: are they of the same kind?"))


def _every(n: int) -> npt.NDArray[np.bool_]:
    return np.ones(n, bool)
