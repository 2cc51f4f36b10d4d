"""`MLflowListener`: a training, its settings and its metrics in MLflow.

MLflow (extra `mlflow`) is imported when a listener is made, and not before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from foretell.artifacts.directory import open_verified
from foretell.artifacts.manifest import RUN
from foretell.config import to_dict
from foretell.machine import TO_TRACK, require
from foretell.training.events import EpochDone, Event, Listener, Note, Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

# MLflow's own limits: of a value, and of the values of one request.
_MAX_VALUE, _MAX_AT_ONCE = 6_000, 100
_MAX_NOTES = 100


class Home(Protocol):
    """Where a model lies."""

    path: Path


class Trained(Protocol):
    """A `TextClassifier` or `LanguageModel` that was trained."""

    _home: Any


class MLflowListener:
    """A listener that writes a training to MLflow as one run.

    The progress becomes metrics by step (`loss`, `accuracy`, `speed`), each epoch `valid_loss` and
    `valid_accuracy`, and notes become tags. `log_result` adds every setting as a parameter, the metrics of
    the training as metrics that begin with `final_`, and the model directory as an artifact. The run ends
    with the `with` block: as FINISHED, as KILLED after an interrupt, as FAILED after another error.

    Args:
        uri: where MLflow's data is, such as "sqlite:///mlflow.db" or the address of a server; None: what
            MLFLOW_TRACKING_URI says, else MLflow's default.
        experiment: the name of the experiment; a new one is made.
        run_name: the name of the run; None: MLflow makes one up.
        forward: another listener, which gets every event too.

    Attributes:
        run_id: the run in MLflow.

    Raises:
        MissingExtraError: MLflow is not installed.

    Example:
        >>> with MLflowListener(uri="sqlite:///mlflow.db") as listener:  # doctest: +SKIP
        ...     clf = TextClassifier().fit(texts, labels, listener=listener)
        ...     listener.log_result(clf)
    """

    def __init__(
        self,
        *,
        uri: str | None = None,
        experiment: str = "foretell",
        run_name: str | None = None,
        forward: Listener = silent,
    ) -> None:
        require(("mlflow",), "MLflow", TO_TRACK)
        from mlflow import MlflowClient

        self._client: Any = MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(experiment)
        experiment_id = self._client.create_experiment(experiment) if found is None else found.experiment_id
        self.run_id: str = self._client.create_run(experiment_id, run_name=run_name).info.run_id
        self._forward = forward
        self._step = self._n_notes = 0

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._forward(event)
        if isinstance(event, Progress):
            self._log(event.step, loss=event.loss, accuracy=event.accuracy, speed=event.speed)
        elif isinstance(event, EpochDone):
            self._log(
                event.step,
                epoch=event.epoch,
                valid_loss=event.valid_loss,
                valid_accuracy=event.valid_accuracy,
            )
        elif isinstance(event, Note) and self._n_notes < _MAX_NOTES:
            self._n_notes += 1
            self._client.set_tag(self.run_id, f"note_{self._n_notes:03}", event.text[:_MAX_VALUE])

    def log_result(self, model: Trained, *, artifacts: bool = True) -> None:
        """Write the settings and the metrics of a trained model, and the model itself.

        Args:
            model: a `TextClassifier` or `LanguageModel` after its training.
            artifacts: write the files of the model directory too. Its folder run/ stays out: the report
                quotes texts.
        """
        from mlflow.entities import Param

        home: Home = model._home
        stored = open_verified(home.path)
        settings: Mapping[str, object] = {"preset": stored.preset, **to_dict(stored.settings)}
        params = [Param(name, str(value)[:_MAX_VALUE]) for name, value in settings.items()]
        for first in range(0, len(params), _MAX_AT_ONCE):
            self._client.log_batch(self.run_id, params=params[first : first + _MAX_AT_ONCE])
        self._client.set_tag(self.run_id, "foretell", stored.written_by)
        self._client.set_tag(self.run_id, "job", stored.job)
        self._log(self._step, **{f"final_{name}": value for name, value in stored.metrics.items()})
        if artifacts:
            for path in sorted(home.path.iterdir()):
                if path.is_file() and path.name != RUN:
                    self._client.log_artifact(self.run_id, str(path), artifact_path="model")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from foretell.errors import Interrupted

        status = "FINISHED" if kind is None else "FAILED"
        if kind is not None and issubclass(kind, KeyboardInterrupt | Interrupted):
            status = "KILLED"
        self._client.set_terminated(self.run_id, status=status)

    def _log(self, step: int, **values: object) -> None:
        """Write the values that are finite numbers."""
        from mlflow.entities import Metric

        self._step, now = step, int(1000 * time.time())
        # NumPy's numbers are registered with numbers.Real, its bool is not.
        numbers = {
            name: float(value)
            for name, value in values.items()
            if not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
        }
        metrics = [Metric(name, value, now, step) for name, value in numbers.items()]
        for first in range(0, len(metrics), _MAX_AT_ONCE):
            self._client.log_batch(self.run_id, metrics=metrics[first : first + _MAX_AT_ONCE])
