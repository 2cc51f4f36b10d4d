"""All of scikit-learn's own checks of a classifier, with real trainings on numbers written as
words.
"""

# ruff: noqa: N803, N806  (scikit-learn calls its data X)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

pytest.importorskip("tensorflow")

from foretell import TextClassifier

# One epoch: each costs a tenth of a second, however few its steps are.
TINY: dict[str, Any] = {
    "units": 4,
    "embedding_size": 8,
    "epochs": 1,
    "min_steps": 1,
    "batch_size": 8,
    "learning_rate": 0.05,
    "folds": 0,
}


class NumbersAsText(TextClassifier):
    """A TextClassifier that reads a row of numbers as words, so that all of scikit-learn's checks
    can run.
    """

    def __init__(self, preset: str | None = None, *, seed: int | None = None) -> None:
        super().__init__(preset, seed=seed, **TINY)

    def fit(self, X: Any, y: Any = None) -> NumbersAsText:
        X, y = validate_data(self, X, y, dtype="float64")
        super().fit(_rows_as_texts(X), y)
        return self

    def predict(self, X: Any) -> Any:
        return np.array(super().predict(self._as_texts(X)))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(self._as_texts(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return super().score(self._as_texts(X), y, sample_weight)

    def _as_texts(self, X: Any) -> list[str]:
        check_is_fitted(self)
        return _rows_as_texts(validate_data(self, X, reset=False, dtype="float64"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.string = False
        # `validate_data` above takes one label a row.
        tags.classifier_tags.multi_label = False
        return tags


def _rows_as_texts(rows: Any) -> list[str]:
    return [
        " ".join(f"c{column}v{round(float(v))}" for column, v in enumerate(row)) for row in rows
    ]


# Every check of scikit-learn's runs but these. `set_output` and its checks are of transformers,
# which have `transform`; a classifier has none.
SKIPPED = {
    "check_array_api_input": "texts are no arrays of the Array API",
}
EXPECTED_FAILURES = {
    "check_classifiers_one_label": "one label only is an error here: there is nothing to learn",
    "check_fit2d_1sample": "likewise one text, with its one label; the error says so in "
    "other words",
}


# Each takes a second or more, and what it checks of texts is checked elsewhere: `make soak` runs
# them.
SLOW = {
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_supervised_y_2d",
}


def checks() -> list[Any]:
    """Return all checks with their estimators, but those of `SKIPPED`."""
    parameters = []
    seen = set[str]()
    for estimator, check in estimator_checks_generator(NumbersAsText()):
        name = getattr(check, "func", check).__name__
        marks = (
            [pytest.mark.xfail(reason=EXPECTED_FAILURES[name], strict=True, raises=AssertionError)]
            if name in EXPECTED_FAILURES
            else []
        )
        # Of three runs of it, with other types and read-only data, one is enough in a hurry.
        if name in SLOW or (name == "check_classifiers_train" and name in seen):
            marks.append(pytest.mark.soak)
        seen.add(name)
        if name not in SKIPPED:
            parameters.append(
                pytest.param(estimator, check, id=f"{name}-{len(parameters)}", marks=marks)
            )
    return parameters


@pytest.mark.parametrize(("estimator", "check"), checks())
def test_scikit_learns_check(estimator: NumbersAsText, check: Callable[[Any], None]) -> None:
    check(estimator)
