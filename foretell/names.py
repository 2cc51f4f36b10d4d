"""Names of other libraries and tools for what foretell calls otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import ParamSpec

from foretell.errors import SettingsError
from foretell.readable import did_you_mean

SETTINGS = {
    "random_state": "seed",
    "class_weight": "balance",
    "lr": "learning_rate",
    "max_iter": "epochs",
    "num_epochs": "epochs",
    "hidden_size": "units",
    "embedding_dim": "embedding_size",
    "vocab_size": "vocabulary",
    "max_features": "vocabulary",
    "max_length": "length",
    "validation_split": "valid_fraction",
    "test_size": "valid_fraction",
    "time_limit": "minutes",
}
"""Of settings, in scikit-learn, Keras, PyTorch and transformers."""

COMPLETION = {
    "max_length": "words",
    "max_new_tokens": "max_tokens",
    "num_return_sequences": "continuations(text, n)",
    "n": "continuations(text, n)",
    "do_sample": "temperature",
    "random_state": "seed",
    "stop_sequences": "stop",
}
"""Of the options of a completion."""

WITHOUT = {"n_jobs": "leave it out: foretell uses every processor that the process may use"}

Parameters = ParamSpec("Parameters")


def fix_for(name: str, known: Collection[str], others: dict[str, str]) -> str:
    """Return what to write instead of a name that is not known, or "".

    Args:
        name: as it was given.
        known: the names that there are.
        others: what is called otherwise elsewhere, by its name there.
    """
    meant = others.get(name, "")
    if meant in known or "(" in meant:
        return f"its name here is {meant}"
    return WITHOUT.get(name) or did_you_mean(name, known)


def check_names(given: Iterable[str], known: Collection[str], others: dict[str, str]) -> None:
    """Check keyword arguments against the known ones.

    Raises:
        SettingsError: one is not known; `fix` has its name here.
    """
    for name in given:
        if name not in known:
            fix = fix_for(name, known, others)
            expected = "the name of a parameter" if fix else f"one of {', '.join(known)}"
            raise SettingsError(expected, f"'{name}'", fix=fix)


def named(init: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Return `__init__` with an error for a parameter that it does not have, with the name that
    works.

    scikit-learn reads the parameters of an estimator from the signature, which stays.
    """
    known = [name for name in inspect.signature(init).parameters if name != "self"]

    @wraps(init)
    def checked(*args: Parameters.args, **given: Parameters.kwargs) -> None:
        check_names(given, known, SETTINGS)
        init(*args, **given)

    return checked
