"""TensorFlow is imported late, and not one line of its own reaches the user."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from foretell.machine import require_training
from foretell.training.interrupt import Interrupt


def load_tensorflow(interrupt: Interrupt) -> None:
    """Import TensorFlow and Keras, which takes seconds. Does nothing where they are loaded.

    Whoever imported TensorFlow before keeps its messages, apart from the warnings of its Python
    code.

    Args:
        interrupt: open; it knows the signals that arrive meanwhile.

    Raises:
        KeyboardInterrupt: a signal arrived; an extension module may have made another error of it.
    """
    if not {"keras", "tensorflow"} <= sys.modules.keys():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with _closed_stderr(), _without_optional():
                import_module("keras")
                # The first operation looks for devices, about which TensorFlow writes too.
                import_module("tensorflow").constant(0)
        except Exception:
            if interrupt.signal is None:
                raise
        if interrupt.signal is not None:
            raise KeyboardInterrupt(interrupt.signal)
    # Retracing is no mistake here: batches of several lengths are traced once each.
    logger = logging.getLogger("tensorflow")
    logger.setLevel(max(logger.level, logging.ERROR))


def require_tensorflow() -> None:
    """Import TensorFlow and Keras where nothing is trained.

    Raises:
        MissingExtraError: one of the packages is not installed.
        KeyboardInterrupt: a signal arrived meanwhile.
    """
    require_training()
    with Interrupt() as interrupt:
        load_tensorflow(interrupt)


_KNOWN: list[frozenset[str]] = []
"""For each training in progress, the gradients that TensorFlow had registered before it."""


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Let TensorFlow forget foretell's gradients of a training, which hold its graphs: 5 MB a
    training.
    """
    registry = import_module("tensorflow.python.framework.ops").gradient_registry._registry
    _KNOWN.append(frozenset(registry))
    try:
        yield
    finally:
        known = _KNOWN.pop()
        # A training in another thread may still need its own.
        for name in () if _KNOWN else registry.keys() - known:
            if name.startswith("CustomGradient-") and _is_own(registry[name]["type"]):
                del registry[name]


def _is_own(gradient: Callable[..., object]) -> bool:
    """Whether TensorFlow's wrapper holds a function of foretell's, or of Keras's optimizers."""
    outer = [
        getattr(cell.cell_contents, "__closure__", None) or ()
        for cell in gradient.__closure__ or ()
    ]
    inner = [
        str(getattr(cell.cell_contents, "__module__", "")) for cells in outer for cell in cells
    ]
    return any(name.startswith(("foretell.", "tensorflow.python.distribute.")) for name in inner)


@contextmanager
def _without_optional() -> Iterator[None]:
    """Hide what Keras imports only where it is installed, in the command line's process, which
    needs neither.

    pandas imports PyArrow, which hangs beside TensorFlow on Apple silicon. scikit-learn takes most
    of a second.
    """
    optional = {"pandas", "sklearn"} if "foretell.cli" in sys.modules else set[str]()
    hidden = optional - sys.modules.keys()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Drop what is written to descriptor 2: TensorFlow writes from C++, whatever the log level."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:
        # There is no stderr.
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
