"""foretell trains LSTM models of text on the words you have, and predicts from them in under a
millisecond.

    import foretell

    lm = foretell.LanguageModel.train("notes.txt")
    lm.next("What stands in the", k=5)

    clf = foretell.TextClassifier().fit(texts, labels)
    clf.predict(["Well worth the money."])

Names are imported on first use, so `import foretell` costs a few milliseconds and never loads
TensorFlow.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from foretell import errors
    from foretell.annotation.annotation import annotate
    from foretell.comparison import compare
    from foretell.errors import TooFewTextsWarning
    from foretell.hub.models import push
    from foretell.language_model import LanguageModel
    from foretell.surveying.survey import survey
    from foretell.text_classifier import TextClassifier

    __version__: str

# ONNX Runtime 1.29 and later sends telemetry, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "LanguageModel",
    "TextClassifier",
    "TooFewTextsWarning",
    "__version__",
    "annotate",
    "compare",
    "errors",
    "load",
    "push",
    "survey",
]

_HOME = {
    "LanguageModel": "foretell.language_model",
    "TextClassifier": "foretell.text_classifier",
    "TooFewTextsWarning": "foretell.errors",
    "annotate": "foretell.annotation.annotation",
    "compare": "foretell.comparison",
    "push": "foretell.hub.models",
    "survey": "foretell.surveying.survey",
}
_CLASSES = {"words": "LanguageModel", "labels": "TextClassifier"}


def load(path: str | Path) -> LanguageModel | TextClassifier:
    """Open a model directory for either job; `load` of each class opens one for its job.

    Args:
        path: a directory that `save`, `LanguageModel.train` or `foretell train` wrote, or an
            address `hf://owner/name[@revision]` on the Hugging Face Hub.

    Raises:
        NotAModelError, NewerFormatError, MissingFileError, ChangedFileError: it cannot be trusted.
        HubError: the Hub has no such model, or cannot be reached.
        MissingExtraError: an address without huggingface_hub.
    """
    from foretell.runtime.open import open_model

    runtime = open_model(path)
    model = __getattr__(_CLASSES[runtime.model.job]).from_runtime(runtime)
    return cast("LanguageModel | TextClassifier", model)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("foretell")
    if name == "errors":
        return import_module("foretell.errors")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'foretell' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
