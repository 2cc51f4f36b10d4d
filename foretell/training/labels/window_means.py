"""Means of loss and accuracy over the last steps, out of Keras's means over an epoch."""

from __future__ import annotations

from typing import Any


class Window:
    """Keras's metrics are means since an epoch began; this makes them means since the last `move`."""

    def __init__(self) -> None:
        self._texts, self._loss, self._accuracy = 0, 0.0, 0.0

    def start(self, texts: int, means: dict[str, Any]) -> None:
        """Begin after `texts` texts of the epoch, over which `means` were taken."""
        self._texts = texts
        self._loss = texts * float(means.get("loss", 0.0))
        self._accuracy = texts * float(means.get("accuracy", 0.0))

    def move(self, texts: int, means: dict[str, Any]) -> tuple[float, float]:
        """Return mean loss and accuracy since the last call, and begin again here."""
        loss, accuracy, since = self._loss, self._accuracy, texts - self._texts
        self.start(texts, means)
        return (self._loss - loss) / since, (self._accuracy - accuracy) / since
