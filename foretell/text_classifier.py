"""`TextClassifier`: a scikit-learn estimator that learns labels from texts."""

from __future__ import annotations

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags

from foretell.classifier import Classifier
from foretell.runtime.labels.classifier import LabelsRuntime


class TextClassifier(Classifier, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns to label texts: a scikit-learn classifier whose X is texts.

    Every parameter but `preset` and `verbose` is a field of `LabelsSettings`; None means the
    preset's value. `preset` None is "base", with `minutes` one that fits the time, or where `fit`
    continues a classifier, that one's own settings.
    `verbose` None shows the progress in terminals and notebooks, 0 nothing, 1 also writes lines
    elsewhere. Training needs the extra `foretell[train]`; a fitted classifier, a pickled one
    included, predicts without TensorFlow.

    List in, list out; iterator in, iterator out; array in, array out. One text and a batch give the
    same numbers.

    Attributes:
        classes_: the labels, [label]: sorted, or in the order of a table's columns.
        text_columns_: the columns of a table whose texts were joined in training; empty: one.
        metrics_: the metrics of the training, on texts that it has not seen; `not_measured` says
            why there are none.
    """

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in super().__getstate__().items() if name != "_runtime"}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        if "_home" in state:
            self._runtime = LabelsRuntime(self._home.path)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags
