"""Teachers from outside: what Python code gives to `fit(teacher=)` becomes what a training asks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foretell.arrays import Float32s
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.data.estimator_inputs import EstimatorData
from foretell.data.examples import unlabelled_texts
from foretell.data.frames import has_columns
from foretell.data.label_types import classes_of_names, dtype_type, ordered
from foretell.data.soft import Answering, Ask, answered, read_soft
from foretell.errors import DataError, SettingsError
from foretell.hub.models import local_encoder
from foretell.runtime.encoder import SentenceEncoder
from foretell.training.labels.teacher import Encoded, Encoder

AnyTeacher = Answering | Encoder


def teacher_of(
    given: Any, texts: Sequence[str], labels: Sequence[str], text: str | None
) -> AnyTeacher | None:
    """Return what Python code gave as a teacher.

    Args:
        given: an encoder; an array [text, label]; a table that `read_soft` reads; what has `predict_proba`
            and its labels as `classes_` or `labels`, such as a scikit-learn estimator or a SetFit model; or
            what has `encode` or `embed`, such as a model of sentence-transformers, model2vec or fastembed.
        texts: the unlabelled texts, which the rows of an array belong to.
        labels: of the training texts, sorted, which the columns of an array belong to.
        text: the name of a table's text column.

    Raises:
        SettingsError: something else, or a classifier that does not name its labels.
        DataError: as `read_soft` and `answered`.
    """
    name, names = type(given).__name__, list(labels)
    if given is None or isinstance(given, Answering | Encoder):
        return given
    if has_columns(given):
        return read_soft(given, labels, text=text)
    is_array = isinstance(given, list) or hasattr(given, "__array__")
    answers = not is_array and hasattr(given, "predict_proba")
    if answers:
        found = (getattr(given, at, None) for at in ("classes_", "labels"))
        classes = np.asarray(next((each for each in found if each is not None), ()))
        names = [str(label) for label in classes.tolist()]
    if (is_array or answers) and len(names) < 2:
        expected, found_labels = "a teacher that names its labels", f"{len(names)} labels"
        fix = "set its attribute labels, in the order of its columns, or give a table with a column for each"
        raise SettingsError(expected=expected, found=found_labels, where=f"teacher ({name})", fix=fix)
    if is_array:
        return answered(texts, given, names, "teacher")
    if answers:
        digest = hashlib.sha256("\n".join([name, *names]).encode()).hexdigest()
        is_estimator = hasattr(given, "get_params") and hasattr(given, "fit")
        refit = partial(_fitted_copy, given, dict(zip(names, classes.tolist(), strict=True)))
        return Answering(
            name,
            names,
            given.predict_proba,
            digest,
            dtype_type(classes),
            refit=refit if is_estimator else None,
        )
    encode = getattr(given, "encode", None) or getattr(given, "embed", None)
    if encode is None:
        expected = "a teacher: a folder, an array [text, label], or what has predict_proba or encode"
        raise SettingsError(expected=expected, found=name, where="teacher")
    return OutsideEncoder(name, encode)


def _fitted_copy(
    estimator: Any, values: Mapping[str, object], texts: Sequence[str], labels: Sequence[str]
) -> Ask:
    """Return `predict_proba` of a fitted copy of an estimator, with columns in the order of `values`.

    These are the classes of the estimator, by their names.
    """
    from sklearn.base import clone

    copy = clone(estimator).fit(list(texts), np.array([values[label] for label in labels]))
    columns = [list(values).index(str(each)) for each in np.asarray(copy.classes_).tolist()]

    def ask(texts: Sequence[str]) -> Float32s:
        found = np.zeros((len(texts), len(values)), np.float32)
        found[:, columns] = copy.predict_proba(list(texts))
        return found

    return ask


def with_teacher(
    given: Any, data: EstimatorData, unlabelled: Any, text: str | None
) -> tuple[EstimatorData, list[str], AnyTeacher | None]:
    """Return the arguments of `fit` with a teacher's labels, where no text has one; all texts; the teacher.

    `given` is as for `teacher_of`, or the folder or address of an encoder; the others are arguments of `fit`.
    """
    is_none = unlabelled is None or (isinstance(unlabelled, Sized) and not len(unlabelled))
    texts = [*data.unlabelled, *(() if is_none else unlabelled_texts(unlabelled, text=text))]
    is_array = hasattr(given, "__array__") and not has_columns(given)
    if is_array and isinstance(unlabelled, Sequence | np.ndarray):
        # Empty texts are left out, and so are their rows.
        is_text = [*(True for _ in data.unlabelled), *(bool(str(each).strip()) for each in unlabelled)]
        given = np.asarray(given)[is_text] if len(is_text) == len(given) else given
    if isinstance(given, str | Path):
        return data, texts, SentenceEncoder.open(local_encoder(given))
    teacher = teacher_of(given, texts, data.examples.label_names, text)
    if not isinstance(teacher, Answering):
        return data, texts, teacher
    if not len(data.examples):
        names = ordered(teacher.labels, teacher.label_type)
        examples = replace(data.examples, label_type=teacher.label_type)
        data = replace(data, examples=examples, classes=classes_of_names(names, teacher.label_type))
    known = set(texts)
    return data, [*texts, *(each for each in teacher.texts if each not in known)], teacher


class OutsideEncoder:
    """An encoder that Python code gave; its embeddings are scaled to the length 1."""

    def __init__(self, name: str, encode: Callable[[list[str]], Any]) -> None:
        """Encode one text, which shows the dimension; `encode` returns [text, number] for texts."""
        self.name, self._encode = name, encode
        probe = self._vectors(["text"])
        self.dimension = self.n_features = probe.shape[1]
        self.sha256 = hashlib.sha256(probe.round(3).tobytes()).hexdigest()

    def encode_counted(self, texts: Sequence[str], *, check: Callable[[], object]) -> Encoded:
        """Return the embeddings of texts."""
        check()
        return _Vectors(self._vectors(texts))

    def files(self) -> EncoderFiles:
        """Raise SettingsError: such an encoder cannot be kept."""
        expected = "a folder with model.onnx and tokenizer.json, which can be kept"
        raise SettingsError(expected=expected, found=self.name, where="teacher")

    def _vectors(self, texts: Sequence[str]) -> Float32s:
        found = self._encode(list(texts))
        vectors = np.asarray(found if hasattr(found, "shape") else list(found), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            expected, shape = f"finite embeddings [text, number] of {len(texts)} texts", vectors.shape
            raise DataError(expected=expected, found=f"the shape {shape}", where=f"teacher ({self.name})")
        scaled: Float32s = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return scaled


class _Vectors(NamedTuple):
    vectors: Float32s
    split_texts: int = 0

    def features(self) -> Float32s:
        return self.vectors
