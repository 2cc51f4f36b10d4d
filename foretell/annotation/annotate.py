"""`annotate`: label texts that have no labels, the most informative first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foretell.annotation.annotation import Annotation
from foretell.annotation.journal import Journal
from foretell.annotation.training import TrainingOptions
from foretell.config import with_changes
from foretell.data.unlabelled import unlabelled_texts
from foretell.presets import DEFAULT_PRESET, preset


def annotate(
    texts: Any,
    labels: Sequence[str] | None = None,
    *,
    out: str | Path,
    by: str = "",
    seed: int | None = None,
    text: str | None = None,
    model: str | Path | None = None,
    preset: str = DEFAULT_PRESET,
    settings: Mapping[str, Any] | None = None,
    suggest: str | Path | None = None,
) -> Annotation:
    """Open texts for annotation: an `Annotation`, whose `next` is the text that teaches most.

    >>> with foretell.annotate("texts.csv", labels=["good", "bad"], out="answers.jsonl") as annotation:
    ...     item = annotation.next()
    ...     annotation.answer(item, "good")

    A quick linear model is fitted again after each answer. It chooses uncertain texts that are like many
    others and unlike each other. At least one text in five is drawn at random, and never trained on; all
    figures are measured on these.

    Args:
        texts: texts without labels: a list, a table, or files in any format of examples.
        labels: the names of the labels; None: those of the journal. Labels that the journal lacks are added.
        out: the journal of the answers, a file of JSON Lines; where there is one, it is continued.
        by: who answers.
        seed: of the random draws; None: that of the journal, or 0.
        text: the name of the text column; None: chosen where it is clear.
        model: a model directory to which whole models are trained in the background while texts are answered;
            an existing one is replaced. None: no whole model is trained.
        preset: of these trainings.
        settings: changes to the preset.
        suggest: a model directory whose predictions help from the first text on.

    Raises:
        DataError: no texts; a journal that is damaged or about other texts.
        UsageError: fewer than two labels, or others than those of the journal; a model without these labels.
        SettingsError: no such preset or setting, or a value out of range.
        MissingExtraError: `model` without TensorFlow.
        ForetellError: another process has the journal open, or it cannot be written.
    """
    notes: list[str] = []
    training = None if model is None else training_options(model, preset, settings or {})
    read = unlabelled_texts(texts, text=text, notes=notes)
    return opened(read, labels, out, by=by, seed=seed, training=training, suggest=suggest, notes=notes)


def opened(
    texts: Sequence[str],
    labels: Sequence[str] | None,
    out: str | Path,
    *,
    by: str = "",
    seed: int | None = None,
    training: TrainingOptions | None = None,
    suggest: str | Path | None = None,
    notes: Sequence[str] = (),
) -> Annotation:
    """Return the annotation of texts that were read; the arguments are those of `annotate`.

    Args:
        training: how whole models are trained.
        notes: on the reading of the texts.
    """
    journal = Journal(out, labels, seed)
    try:
        annotation = Annotation(texts, journal, by=by, training=training, model=suggest)
    except BaseException:
        journal.close()
        raise
    annotation.notes[:0] = notes
    return annotation


def training_options(model: str | Path, name: str, settings: Mapping[str, Any]) -> TrainingOptions:
    """Return how whole models are trained, checked.

    Raises:
        SettingsError: no such preset or setting, or a value out of range.
        MissingExtraError: TensorFlow is not installed.
        ArtifactError: `model` is a directory that is no model directory.
    """
    from foretell.artifacts.directory import check_writable
    from foretell.machine import require_training

    require_training()
    with_changes(preset("labels", name), dict(settings))
    check_writable(model)
    return TrainingOptions(out=Path(model), preset=name, settings=settings)
