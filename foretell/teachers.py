"""Teachers from outside: what Python code gives to `fit(teacher=)` becomes what a training asks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Sized
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.arrays import Float64s
from foretell.artifacts.manifest import CONFIG
from foretell.data.decode import existing
from foretell.data.estimator_inputs import EstimatorData
from foretell.data.examples import iter_records, unlabelled_texts
from foretell.data.frames import has_columns
from foretell.data.label_types import dtype_type, label_name
from foretell.errors import RunError, SettingsError
from foretell.hub.client import is_address
from foretell.hub.models import local_encoder
from foretell.readable import listed
from foretell.runtime.encoder import SentenceEncoder
from foretell.summary import Trained
from foretell.training.events import Listener, Note
from foretell.training.labels.answers import KEPT
from foretell.training.labels.soft import Answering, answered, read_soft
from foretell.training.labels.teacher import Encoder, OutsideEncoder

AnyTeacher = Answering | Encoder


def teacher_of(
    given: Any, texts: Sequence[str], labels: Sequence[str], text: str | Sequence[str] | None
) -> AnyTeacher | None:
    """Return what Python code gave as a teacher.

    Args:
        given: an encoder; an array [text, label]; a file or a table that `read_soft` reads; what
            has `predict_proba` and its labels as `classes_` or `labels`, such as a scikit-learn
            estimator or a SetFit model; or what has `encode` or `embed`, such as a model of
            sentence-transformers, model2vec or fastembed.
        texts: the unlabelled texts, which the rows of an array belong to.
        labels: of the training texts, sorted, which the columns of an array belong to.
        text: the name of a table's text column, or of several.

    Raises:
        SettingsError: something else, or a classifier that does not name its labels.
        DataError: as `read_soft` and `answered`.
    """
    name = type(given).__name__
    if given is None or isinstance(given, Answering | SentenceEncoder):
        return given
    if isinstance(given, str | Path) or has_columns(given):
        return read_soft(given, labels, text=text)
    if _is_array(given):
        return answered(texts, given, _checked_names(labels, name), "teacher")
    if hasattr(given, "predict_proba"):
        return _classifier(given, name)
    encode = getattr(given, "encode", None) or getattr(given, "embed", None)
    if encode is None:
        raise SettingsError(
            "a teacher: a folder, an array [text, label], or what has predict_proba or encode",
            f"{name}, which has neither",
            where="teacher",
        )

    def encoded(texts: list[str]) -> list[object]:
        try:
            return list(encode(texts))
        except Exception as error:
            raise RunError(
                f"embeddings [text, number] of {len(texts)} texts",
                f"{type(error).__name__}: {error}",
                where=f"teacher ({name})",
                fix=KEPT,
            ) from error

    return OutsideEncoder(name, encoded)


def _classifier(given: Any, name: str) -> Answering:
    """Return the teacher of what has `predict_proba`; an estimator can be fitted again."""
    classes = getattr(given, "classes_", None)
    if classes is None:
        classes = getattr(given, "labels", None)
    if classes is None:
        classes = ()
    classes = np.asarray(classes)
    names = _checked_names([label_name(each) for each in classes.tolist()], name)
    is_estimator = hasattr(given, "get_params") and hasattr(given, "fit")

    def refitted(texts: list[str], labels: list[str], others: list[str]) -> Float64s:
        from sklearn.base import clone

        copy = clone(given).fit(texts, classes[[names.index(label) for label in labels]])
        answers = np.zeros((len(others), len(names)))
        known = [names.index(label_name(each)) for each in copy.classes_.tolist()]
        answers[:, known] = copy.predict_proba(others)
        return answers

    return Answering(
        name,
        names,
        given.predict_proba,
        hashlib.sha256("\n".join([name, *names]).encode()).hexdigest(),
        dtype_type(classes),
        is_estimator=is_estimator,
        # A classifier of foretell's takes minutes to train.
        refitted=refitted if is_estimator and not isinstance(given, Trained) else None,
    )


def _checked_names(labels: Sequence[str], teacher: str) -> list[str]:
    if len(set(labels)) < max(2, len(labels)):
        raise SettingsError(
            "a teacher that names its labels, each once",
            listed(labels) or "none",
            where=f"teacher ({teacher})",
            fix="set its attribute labels, in the order of its columns, or give a table with a "
            "column for each",
        )
    return list(labels)


def _is_array(given: object) -> bool:
    return isinstance(given, list) or (hasattr(given, "__array__") and not has_columns(given))


def opened_teacher(given: object, listener: Listener) -> object:
    """Return the encoder of a folder or an address on the Hub, whose commit is noted; else what was
    given.

    Raises:
        ArtifactError: no sentence encoder that foretell can use.
    """
    if not isinstance(given, str | Path) or Path(given).is_file():
        return given
    if not is_address(given) and (existing(given) / CONFIG).exists():
        raise SettingsError(
            "a teacher",
            "a model directory",
            where="teacher",
            fix=f"give foretell.load({str(given)!r})",
        )
    encoder = SentenceEncoder.open(local_encoder(given))
    if is_address(given):
        listener(Note(f"teacher: {encoder.name}"))
    return encoder


def with_teacher(
    given: Any, data: EstimatorData, unlabelled: Any, text: str | Sequence[str] | None
) -> tuple[EstimatorData, list[str], AnyTeacher | None]:
    """Return the arguments of `fit`, with the teacher's type of labels where no text has one;
    texts; teacher.

    `given` is as for `teacher_of`; the others are arguments of `fit`.
    """
    texts = list(data.unlabelled)
    is_empty = isinstance(unlabelled, Sized) and not len(unlabelled)
    if unlabelled is not None and not is_empty:
        texts += unlabelled_texts(unlabelled, text=text)
    if _is_array(given) and isinstance(unlabelled, Sized) and not isinstance(unlabelled, str):
        # Empty texts are left out, and so are their rows.
        records = () if is_empty else iter_records(unlabelled, text=text, multi_label=";")
        is_text = [True] * len(data.unlabelled) + [bool(each.text.strip()) for each in records]
        if len(is_text) == len(given):
            given = np.asarray(given)[is_text]
    teacher = teacher_of(given, texts, data.examples.label_names, text)
    if not isinstance(teacher, Answering):
        return data, texts, teacher
    if not len(data.examples):
        data = replace(data, examples=replace(data.examples, label_type=teacher.label_type))
    known = set(texts)
    return data, [*texts, *(each for each in teacher.texts if each not in known)], teacher
