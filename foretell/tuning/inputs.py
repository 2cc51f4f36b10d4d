"""What a caller gave as data, read for the job of the metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.data.corpus import Corpus, open_corpus
from foretell.data.estimator_inputs import more_texts, training_data, validation_data
from foretell.data.examples import Examples, read_examples
from foretell.data.named import NAMED
from foretell.data.options import PYTHON, Arguments
from foretell.data.unlabelled import read_unlabelled
from foretell.errors import DataError, UsageError
from foretell.tuning.data import LabelsData, WordsData
from foretell.tuning.objective import Objective

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xls")
_TEXTS = (".txt", ".text")


def data_in_memory(
    objective: Objective, data: Any, y: Any, valid: Any, unlabelled: Any, text: str | None, label: str | None
) -> LabelsData | WordsData:
    """Read what `tune` was given: as `TextClassifier.fit` or `LanguageModel.train` take it.

    Raises:
        DataError: it cannot be read.
        UsageError: the data is for the other job than the metric.
    """
    if objective.job == "words":
        if y is not None or label is not None or unlabelled is not None:
            raise _is_for_words(objective, "labels or unlabelled texts")
        _check_is_text(objective, data)
        held = None if valid is None else _corpus(valid, text, is_valid=True)
        return WordsData(corpus=_corpus(data, text), valid=held)
    _check_has_labels(objective, data)
    found = training_data(data, y, None, text, label)
    if found.examples.sets is not None:
        raise UsageError(
            expected="one label for each text, for tune",
            found="several",
            where="y",
            fix="give one label a text",
        )
    return LabelsData(
        examples=found.examples,
        valid=validation_data(valid, data, y, text, label),
        unlabelled=(*found.unlabelled, *more_texts(unlabelled, text)),
    )


def data_of_sources(
    objective: Objective,
    source: str,
    *,
    valid: str | None,
    unlabelled: Sequence[str],
    text: str | None,
    label: str | None,
    format: str | None,
    arguments: Arguments = PYTHON,
) -> LabelsData | WordsData:
    """Read the sources that a command names.

    Raises:
        DataError: a source cannot be read, or there is nothing to learn from it.
        UsageError: the data is for the other job than the metric.
    """
    if objective.job == "words":
        if label is not None or unlabelled:
            raise _is_for_words(objective, "--label or --unlabelled")
        _check_is_text(objective, source)
        held = None if valid is None else open_corpus(valid, part="test")
        return WordsData(corpus=open_corpus(source), valid=held)
    _check_has_labels(objective, source)
    more = read_unlabelled(unlabelled, text=text, arguments=arguments) if unlabelled else ()

    def read(name: str, part: Any) -> Examples:
        return read_examples(name, text=text, label=label, format=format, part=part, arguments=arguments)

    return LabelsData(
        examples=read(source, "train"),
        valid=None if valid is None else read(valid, "test"),
        unlabelled=tuple(more),
    )


def _corpus(source: Any, text: str | None, *, is_valid: bool = False) -> Corpus:
    are_paths = isinstance(source, list | tuple) and any(isinstance(item, Path) for item in source)
    if isinstance(source, str | Path | Corpus) or are_paths:
        return open_corpus(source, part="test" if is_valid else "train")
    return Corpus.from_texts(source, text=text, part="valid" if is_valid else "train")


def _check_is_text(objective: Objective, source: Any) -> None:
    """Raise where a table is given for the metric of a language model."""
    if isinstance(source, str | Path) and Path(source).suffix.lower() in _TABLES:
        raise _is_for_words(objective, f"a table ({Path(source).name})")


def _check_has_labels(objective: Objective, source: Any) -> None:
    """Raise where plain text is given for the metric of a classifier."""
    if not isinstance(source, str | Path):
        return
    is_corpus = source in NAMED and source != "imdb"
    if is_corpus or (Path(source).suffix.lower() in _TEXTS and not _has_labels(source)):
        raise UsageError(
            expected=f"texts with labels for the metric {objective.metric}, which is of classifiers",
            found=f"plain text ({Path(source).name})",
            where="metric",
            fix="choose perplexity for a language model",
        )


def _has_labels(source: str | Path) -> bool:
    """Return whether a text file has labels (fastText lines); a missing file is an error of its own."""
    if not Path(source).is_file():
        return True
    try:
        read_examples(source)
    except DataError:
        return False
    return True


def _is_for_words(objective: Objective, found: str) -> UsageError:
    return UsageError(
        expected=f"plain text for the metric {objective.metric}, which is of language models",
        found=found,
        where="metric",
        fix="choose macro_f1, accuracy or log_loss for a classifier",
    )
