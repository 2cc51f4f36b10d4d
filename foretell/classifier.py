"""`Classifier`: learns labels from texts. Without scikit-learn, whose import takes most of a
second.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

import numpy as np

from foretell.arrays import Array, Probabilities
from foretell.artifacts.directory import Home
from foretell.config import LabelsSettings, with_changes
from foretell.data.checks import check_any, check_learnable
from foretell.data.estimator_inputs import (
    SEPARATOR,
    estimator_data,
    evaluation_data,
    texts_in_columns,
    texts_of,
    training_data,
    validation_data,
)
from foretell.data.label_types import classes_of_names, label_name
from foretell.data.records import Reading, columns_of
from foretell.data.word_vectors import vector_files
from foretell.errors import TooFewTextsWarning
from foretell.machine import require_training
from foretell.metrics.costs import costs_of
from foretell.names import named
from foretell.presets import LABELS_PRESETS, changed, labels_preset_for
from foretell.progress import shown, watched
from foretell.runtime.labels.classifier import LabelsRuntime, Verdict
from foretell.runtime.labels.evaluation import (
    MAX_MISTAKES,
    check_any_known,
    check_no_costs,
    decisions,
    evaluation_report,
    multi_label_report,
)
from foretell.runtime.labels.explanation import Explanation, Word
from foretell.runtime.seen import seen_by, warn_of_seen
from foretell.summary import Trained, directory_of
from foretell.surveying.shown import show_examples
from foretell.training.events import Listener, Note, silent
from foretell.training.interrupt import nothing_to_resume
from foretell.training.options import TrainOptions
from foretell.training.run import check_can_begin

if TYPE_CHECKING:
    from foretell.training.labels.ancestor import Ancestor

__all__ = ["Classifier", "Explanation", "Verdict", "Word"]

SETTINGS = tuple(f.name for f in dataclasses.fields(LabelsSettings))


_TEXTS_AT_ONCE = 256
"""Maximum number of texts of an iterator that are read before their answers are given."""


class Classifier(Trained[LabelsRuntime]):
    """`TextClassifier` without what scikit-learn adds: the command line trains with it."""

    _kind = LabelsRuntime
    preset: str | None
    minutes: float | None
    multi_label: str | None
    verbose: int | None

    @named
    def __init__(
        self,
        preset: str | None = None,
        *,
        seed: int | None = None,
        lowercase: bool | None = None,
        vocabulary: int | None = None,
        embedding_size: int | None = None,
        units: int | None = None,
        dropout: float | None = None,
        learning_rate: float | None = None,
        epochs: int | None = None,
        minutes: float | None = None,
        valid_fraction: float | None = None,
        patience: int | None = None,
        network: Literal["article", "bilstm", "cnn-lstm"] | None = None,
        tokens: Literal["keras", "words", "subword", "char"] | None = None,
        length: int | None = None,
        batch_size: int | None = None,
        linear: bool | None = None,
        folds: int | None = None,
        min_steps: int | None = None,
        max_steps: int | None = None,
        balance: bool | None = None,
        multi_label: str | None = None,
        verbose: int | None = None,
    ) -> None:
        given = dict(locals())
        # scikit-learn reads and sets each parameter as an attribute of its name.
        self.__dict__.update((name, given[name]) for name in ("preset", *SETTINGS, "verbose"))

    def fit(
        self,
        X: object,  # noqa: N803
        y: object = None,
        *,
        unlabelled: object = None,
        valid: object = None,
        vectors: str | Path | None = None,
        teacher: object = None,
        keep_teacher: bool = False,
        label_hints: str | Path | Mapping[object, str | Sequence[str]] | None = None,
        continue_from: str | Path | Classifier | None = None,
        old: object = None,
        sample_weight: object = None,
        text: str | Sequence[str] | None = None,
        label: str | None = None,
        format: str | None = None,
        header_row: int | None = None,
        sheet: str | None = None,
        split: str | None = None,
        weight: str | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        restart: bool = False,
        overwrite: bool = False,
        checkpoint_seconds: float = 60.0,
        tensorboard: str | Path | None = None,
        listener: Listener | None = None,
    ) -> Self:
        """Learn from texts and their labels.

        Args:
            X: texts, [text]: a list, an array, a column of a table, an iterator; or, without `y`, a
                file, a list of paths, a folder, a named set or a table (pandas, polars, Arrow,
                Hugging Face) that has the labels too.
            y: the label of each text, [text]: strings, numbers or booleans. A row with None, NaN or
                the number -1 counts as unlabelled, as in scikit-learn's semi-supervised estimators.
                Beside 0 and 1, -1 may be a label: there is a warning. Beside one other label, -1 is
                a label. Texts may have several labels, or none: give a matrix [text, label] of 0
                and 1, where NaN means unknown, or a list of labels for each text.
            unlabelled: more texts of the same kind without labels: a list, a table, or files.
            valid: a validation set, `(texts, labels)` or what `X` may be without `y`; None: the
                records of `X` that its column of parts names, or else the fraction
                `valid_fraction` of the training texts.
            vectors: word vectors from other texts, which help with few labels: a file (GloVe,
                word2vec, fastText), or "glove" for those of the extra `glove`.
            teacher: what helps to label the unlabelled texts, in training only: a sentence encoder
                (a folder with model.onnx and tokenizer.json, or hf://owner/name, or what has
                `encode`), a classifier with `predict_proba`, or its answers: to the unlabelled
                texts [text, label], or a table or a file with texts and answers.
            keep_teacher: also keep the teacher in the model and use it in each prediction, if that
                is better out of fold. The model is larger and takes milliseconds for a text. Needs
                no unlabelled texts.
            label_hints: words that say what each label means, `{label: words}` or a file with
                labels and words. Where no text has a label, the model learns from them alone.
            continue_from: a classifier (or its model directory) to continue with `X`, which may
                have new words and new labels. Its settings stay, unless a preset or a parameter is
                given.
            old: old examples of that classifier, of the kinds of `valid`, learned from again. None:
                they are gone, and the old model labels unlabelled and made-up texts instead.
            sample_weight: how much each text counts in training, [text]. Validation metrics are not
                weighted. Data that has the labels too may have a column of weights instead.
            text: the name of the text column of `X`, or a list of several, whose texts are joined;
                None: chosen where it is clear. The model remembers several columns: `predict`,
                `classify`, `score` and `evaluate` join those of a table in the same way.
            label: the name of the label column of `X`; None: chosen where it is clear.
            format: the format of a file, such as "csv" or "fasttext"; None: by its name or content.
            header_row: the row of a table in a file that has the names of the columns, from 1;
                None: found.
            sheet: the sheet of a spreadsheet; None: the first with records.
            split: the column of `X` that divides it into training and validation data; None: one
                called split, whose cells are train, valid and the like; "": none.
            weight: the column of `X` with sample weights; None: one called weight, whose cells are
                numbers; "": none.
            out: the model directory to write; None: a temporary one, deleted with this object.
            resume: continue the unfinished training of `out`.
            restart: delete the unfinished training of `out` and begin again.
            overwrite: replace a finished model at `out`.
            checkpoint_seconds: seconds between two checkpoints.
            tensorboard: a directory for TensorBoard event files.
            listener: is called with each event of the training (`foretell.training.events`).

        Raises:
            MissingExtraError: TensorFlow is not installed.
            SettingsError: no such preset, a parameter out of range, or another network, other
                tokens or other sizes than the classifier to continue has.
            DataError: texts or labels that cannot be learned from.
            ArtifactError: the teacher is no sentence encoder that foretell can use.
            RunError: `out` has an unfinished training and neither `resume` nor `restart` is set.
            Interrupted: training was stopped; `resume=True` continues it. Without `out`:
                KeyboardInterrupt.

        Warns:
            TooFewTextsWarning: no accuracy can be measured on so few different texts.
        """
        started = time.monotonic()
        require_training()
        from foretell.teachers import opened_teacher, with_teacher
        from foretell.training.labels.continued import split_of
        from foretell.training.labels.train import train_labels

        with shown(self.verbose, listener) as show, nothing_to_resume(is_temporary=out is None):
            settings, name, ancestor = self._settings_for(continue_from, show)
            home = Home(out)
            given = frozenset(self._changes())
            columns = columns_of(text)
            if not columns and ancestor is not None:
                columns = ancestor.model.text_columns
            options = TrainOptions(
                out=home.path,
                preset=name,
                resume=resume,
                restart=restart,
                overwrite=overwrite,
                checkpoint_seconds=checkpoint_seconds,
                listener=show,
                started=started,
                text_columns=columns if len(columns) > 1 else (),
                given=given,
                tensorboard=None if tensorboard is None else Path(tensorboard),
            )
            check_can_begin(options)
            teacher = opened_teacher(teacher, show)
            vector_files(vectors)
            how = Reading(
                text=columns,
                label=label,
                format=format,
                header_row=header_row,
                sheet=sheet,
                split=split,
                weight=weight,
                multi_label=settings.multi_label,
            )
            data = training_data(X, y, sample_weight, label_hints, teacher, **how)
            data, texts, teacher = with_teacher(teacher, data, unlabelled, columns)
            if ancestor is None and len(data.examples) and data.hints is not data.examples:
                check_learnable(data.examples)
            known = [*data.examples.label_names, *([] if ancestor is None else ancestor.labels)]
            if data.examples.sets is not None and not settings.multi_label:
                settings = with_changes(settings, {"multi_label": SEPARATOR})
                how["multi_label"] = SEPARATOR
            # Other sources need not have the columns that `X` has beside texts and labels.
            how |= {"split": split and None, "weight": weight and None}
            how_old: Reading = {**how, "part": "train"}
            parts, continued = split_of(
                data.examples,
                settings,
                ancestor,
                unlabelled=texts,
                hints=data.hints,
                valid=validation_data(valid, known, data.valid, **how),
                old=validation_data(old, known, None, **how_old),
            )
            show_examples(data.examples, data.notes, parts, settings, show)
            train_labels(
                parts,
                settings,
                options,
                continued=continued,
                vectors=vectors,
                teacher=teacher,
                keep_teacher=keep_teacher,
            )
        self._open(home, data.classes if continued is None and len(data.classes) else None)
        if reason := self.metrics_.get("not_measured"):
            warnings.warn(str(reason), TooFewTextsWarning, stacklevel=2)
        return self

    def predict(self, X: object) -> Any:  # noqa: N803
        """Return the likeliest label of each text, [text]: a list for a list, an iterator for an
        iterator.

        Where texts may have several labels: a matrix int64 [text, label] of 0 and 1, columns as in
        `classes_`, as scikit-learn's multilabel estimators return it; for an iterator, its rows.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
        """
        runtime = self._opened()

        def answer(texts: list[str]) -> Iterable[object]:
            rows = runtime.predict_proba(texts)
            if runtime.separator:
                return runtime.decide(rows).astype(np.int64)
            labels: Array = self.classes_[rows.argmax(axis=1)]
            return labels.tolist() if isinstance(X, Iterator | list | tuple) else labels

        return _answers_to(self._texts(X), answer)

    def predict_proba(self, X: object) -> Any:  # noqa: N803
        """Return the probability of each label, [text, label] as in `classes_`; for an iterator,
        its rows.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
        """
        return _answers_to(self._texts(X), self._opened().predict_proba)

    def classify(self, X: object, *, abstain_below: float | None = None) -> Any:  # noqa: N803
        """Return a verdict for each text, [text]: a list, or an iterator for an iterator.

        A `Verdict` has the label (as in `classes_`), its probability, the probability of every
        label, and `flags`: what is unusual about the text, such as mostly unknown words.

        >>> for verdict in clf.classify(texts, abstain_below=0.8):
        ...     print(verdict.reason or verdict.label, verdict.probability, *verdict.flags)

        Args:
            X: texts, [text], as for `predict`.
            abstain_below: where the likeliest label has a lower probability than this, 0 to 1, the
                label is "" and `reason` says why ("below 0.8"); None: every text gets a label, as
                from `predict`. `foretell evaluate`, and the report of the training, show what a
                threshold gains and costs.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
            SettingsError: `abstain_below` not from 0 to 1.
        """
        runtime = self._opened()
        if isinstance(X, Iterator):
            texts = (text for chunk in _text_chunks(X) for text in chunk)
            return runtime.classify(texts, abstain_below=abstain_below)
        return list(runtime.classify(texts_of(self._texts(X)), abstain_below=abstain_below))

    @overload
    def explain(self, X: str, *, label: object = None) -> Explanation: ...  # noqa: N803
    @overload
    def explain(self, X: object, *, label: object = None) -> Any: ...  # noqa: N803
    def explain(self, X: object, *, label: object = None) -> Any:  # noqa: N803
        """Return the effect of each word of a text on its label (leave-one-out): an `Explanation`.

        It has the label, its probability, the effect of each word (how the label's log-odds change
        when that word alone is taken out), and the probability along the text. What exactly is
        claimed: `foretell.runtime.labels.explanation`, and docs/explain.md.

        >>> why = clf.explain("Cold soup, rude waiter.")
        >>> max(why.words, key=lambda word: word.effect).text
        'rude'

        Args:
            X: a text; or texts, [text]: a list for a list, an iterator for an iterator.
            label: the label to explain, one of `classes_`; None: the most probable one of each
                text.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: something in `X` is not a text.
            UsageError: the model has no such label.
        """
        runtime = self._opened()
        if isinstance(X, str):
            return runtime.explain(X, label)
        texts = self._texts(X)
        return _answers_to(texts, lambda some: [runtime.explain(text, label) for text in some])

    def evaluate(
        self,
        X: object,  # noqa: N803
        y: object = None,
        *,
        text: str | Sequence[str] | None = None,
        label: str | None = None,
        format: str | None = None,
        header_row: int | None = None,
        sheet: str | None = None,
        split: str | None = None,
        weight: str | None = None,
        folds: int | None = None,
        by: object = None,
        cost: Mapping[str, float] | None = None,
        positive: object = None,
        mistakes: int = MAX_MISTAKES,
    ) -> dict[str, Any]:
        """Return metrics on texts that were not used in training.

        Args:
            X, y, text, label, format, header_row, sheet, split, weight: as for `fit`; of a named
                set, and of what has a column of parts, the test part.
            folds: measure by cross-validation, for small data: train so many classifiers with
                this one's parameters, each without a part of the texts, and measure each on its
                part. This one need not be fitted, and stays as it is.
            by: the metrics for each value of a column too: the name of a column of `X` without `y`,
                or a value for each text, [text].
            cost: what the two mistakes of a classifier with two labels cost, `{"fp": 5, "fn": 1}`:
                adds the threshold with the lowest cost on these texts.
            positive: the positive label of `cost`; None: the second of `classes_`.
            mistakes: how many wrong answers to return, the most probable ones first.

        Returns:
            `texts`, `accuracy`, `balanced_accuracy`, `macro_f1`, `labels` (precision, recall, f1
            and support of each), `confusion`, `calibration_error`, `log_loss` (nats), `coverage`,
            `mistakes` (`text`, `label`, `predicted` and `probability` of each), `confused` (the
            pairs of labels that are confused most often), and `intervals` of accuracy, precision,
            recall and F1 (95 %, by the bootstrap): what `foretell evaluate --json` prints. With
            `by`, `slices`; with `cost`, `threshold`; with `folds`, `folds` and `measured_on`. Where
            texts may have several labels, `accuracy` is the subset accuracy, there are `micro_f1`
            and `hamming_loss` besides, and no balanced accuracy, confusion matrix, confused pairs,
            mistakes, coverage, cost and folds.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: no labels, texts that cannot be read, or no such column.
            UsageError: `cost` with other than two labels, or a positive label that the model lacks.
            SettingsError: a cost that is not above 0.
        """
        if folds is None:
            self._opened()
        costs = None if cost is None else costs_of(cost)
        how: dict[str, object] = {}
        known = []
        columns = tuple[str, ...]()
        separator = self.multi_label or ""
        if hasattr(self, "classes_"):
            known = self._runtime.labels
            separator = self._runtime.separator
            columns = self.text_columns_
        if separator:
            check_no_costs(costs, folds)
        examples, column = evaluation_data(
            X,
            y,
            by,
            known,
            text=text,
            text_columns=columns,
            label=label,
            format=format,
            header_row=header_row,
            sheet=sheet,
            split=split,
            weight=weight,
            multi_label=separator,
        )
        side = None if positive is None else label_name(positive, known)
        with shown(self.verbose) as show:
            for note in examples.notes:
                show(Note(note))
            check_any(examples)
            if folds is not None:
                from foretell.cross_validation import cross_validate

                settings, *_ = self._settings_for(None, silent)
                known = examples.label_names
                rows, how = cross_validate(self._untrained, examples, settings, folds, show)
            else:
                rows = self._answers_for_metrics(examples.texts, show)
        if separator:
            return multi_label_report(self._runtime, examples, rows, by=column)
        check_any_known(examples.labels, known, examples.name)
        report = evaluation_report(
            examples.labels,
            rows,
            known,
            by=column,
            costs=costs,
            positive=side,
            texts=examples.texts,
            max_mistakes=mistakes,
        )
        return {**how, **report}

    def _answers_for_metrics(self, texts: Sequence[str], show: Listener) -> Probabilities:
        """Return the probability of each label, [text, label]; a warning where the model has seen
        the texts.
        """
        warn_of_seen(seen_by(self._runtime.model.path, texts)[1], stacklevel=3)
        parts = watched(texts, "evaluating", show)
        return np.concatenate([*map(self._runtime.predict_proba, parts)])

    def score(self, X: object, y: object, sample_weight: object = None) -> float:  # noqa: N803
        """Return the accuracy on the texts with a label; where texts may have several, the subset
        accuracy.

        Args:
            X: the texts, [text].
            y: the label of each, [text]; those without one, as in `fit`, are left out.
            sample_weight: how much each text counts, [text]; None: all the same.

        Raises:
            NotFittedError: `fit` was not called.
            DataError: no labels, or something that is not a text or a label.
        """
        runtime = self._opened()
        texts = self._texts(X)
        data = estimator_data(texts, y, sample_weight, runtime.separator, runtime.labels)
        examples = data.examples
        check_any(examples)
        if not runtime.separator:
            check_any_known(examples.labels, runtime.labels, "y")
        rows = runtime.predict_proba(examples.texts)
        right = np.array(runtime.labels)[rows.argmax(axis=1)] == np.array(examples.labels)
        if (sets := examples.sets) is not None:
            _, targets, decided = decisions(runtime, sets, rows)
            right = ((targets == decided) | np.isnan(targets)).all(axis=1)
        return float(np.average(right, weights=examples.weights))

    @classmethod
    def from_runtime(cls, runtime: LabelsRuntime) -> Self:
        """Return the classifier of an open runtime."""
        # Parameters that are those of the preset stay None: they were not given, and may adapt to
        # new data.
        model = runtime.model
        settings = cast(LabelsSettings, runtime.model.settings)
        names = (
            changed("labels", settings, model.preset)
            if model.preset in LABELS_PRESETS
            else SETTINGS
        )
        made = cls(preset=model.preset, **{name: getattr(settings, name) for name in names})
        made._open(Home(runtime.path), None, runtime)
        return made

    def _opened(self) -> LabelsRuntime:
        if not hasattr(self, "classes_"):
            from sklearn.utils.validation import check_is_fitted

            check_is_fitted(self, "classes_")
        return self._runtime

    def _texts(self, X: object) -> object:  # noqa: N803
        """Return the texts of a table whose columns were joined in training; else `X`."""
        return texts_in_columns(X, self._opened().model.text_columns)

    def _untrained(self) -> Self:
        """Return a classifier with the same parameters that has learned nothing, and shows no
        progress.
        """
        same = {name: getattr(self, name) for name in ("preset", *SETTINGS)}
        return type(self)(**same, verbose=0)

    def _settings_for(
        self, continue_from: str | Path | Classifier | None, show: Listener
    ) -> tuple[LabelsSettings, str, Ancestor | None]:
        """Return the settings of a training, the name of their preset (`minutes` alone chooses
        one), and what is continued."""
        from foretell.training.labels.ancestor import read_ancestor, settings_for

        ancestor = None if continue_from is None else read_ancestor(directory_of(continue_from))
        changes = self._changes()
        settings, name = settings_for(self.preset, changes, ancestor)
        if self.preset is None and ancestor is None and self.minutes:
            settings, name = settings_for(labels_preset_for(settings.minutes), changes, None)
            show(Note(f"--preset {name}, for {settings.minutes:g} minutes"))
        return settings, name, ancestor

    def _changes(self) -> dict[str, object]:
        return {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}

    def _open(
        self, home: Home, classes: Array | None, runtime: LabelsRuntime | None = None
    ) -> None:
        # None: of a classifier that is continued, or a teacher's, which has labels that the
        # examples lack.
        self._home = home
        self._runtime = opened = LabelsRuntime(home.path) if runtime is None else runtime
        home.sha256 = opened.model.sha256
        stored = classes_of_names(opened.labels, opened.model.label_type)
        self.classes_ = stored if classes is None else classes
        self.metrics_ = self._runtime.metrics
        self.text_columns_ = opened.model.text_columns


def _text_chunks(texts: Iterator[object]) -> Iterator[list[str]]:
    """Read an iterator in chunks: small ones first, so that the first answers come at once."""
    size = 1
    first = 0
    while chunk := texts_of(itertools.islice(texts, size), first=first):
        yield chunk
        first += size
        size = min(2 * size, _TEXTS_AT_ONCE)


def _answers_to(X: object, answer: Callable[[list[str]], Iterable[object]]) -> Any:  # noqa: N803
    """Return the answers to texts, [text]; for an iterator one after the other, while it is
    read.
    """
    if isinstance(X, Iterator):
        return (each for texts in _text_chunks(X) for each in answer(texts))
    return answer(texts_of(X))
