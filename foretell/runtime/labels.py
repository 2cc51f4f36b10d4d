"""Labelling texts with a model directory, without TensorFlow: one answer a text, always."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.artifacts.model_directory import Opened, open_verified
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError, SettingsError, UsageError
from foretell.runtime.session import Array, Session, check_threads, open_session
from foretell.tokenizer import Tokenizer, pad_end, pad_front

Probabilities = NDArray[np.float32]

# Bounds on what is held at once; none of them changes an answer.
TEXTS_AT_ONCE = 512
CHARACTERS_AT_ONCE = 1 << 21
BATCH = 64
# A text much longer than what is read of it is cut to this many characters per word that is read, first.
CHARACTERS_PER_WORD = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one text.

    Attributes:
        label: the likeliest label.
        probability: its probability, 0 to 1.
        probabilities: the probability of every label.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


class LabelsRuntime:
    """A labels model, opened for prediction. Make one with `open`.

    Attributes:
        path: the model directory.
        labels: the labels, sorted; columns of `predict_proba` are in this order.
        tokenizer: the model's tokenizer.
        config: what `config.json` holds.
        metrics: what `metrics.json` holds: figures of the training.
    """

    def __init__(self, opened: Opened, settings: LabelsSettings, session: Session, threads: int) -> None:
        self.labels: list[str] = list(opened.labels or [])
        self.path: Path = opened.path
        self.tokenizer: Tokenizer = opened.tokenizer
        self.config: dict[str, Any] = opened.config
        self.metrics: dict[str, Any] = opened.metrics
        self._session = session
        self._length = settings.length
        self._fixed_length = settings.network != "bilstm"
        self._temperature = _temperature(opened)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="foretell")

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> LabelsRuntime:
        """Verify a model directory and open it.

        Args:
            path: the model directory.
            threads: batches that are worked on at once; None: the processors this process may use, at most 4.

        Raises:
            ArtifactError: the directory cannot be trusted (each reason has its own subclass).
            UsageError: it holds a words model.
            SettingsError: `threads` below 1.
        """
        return cls.from_opened(open_verified(path), threads=threads)

    @classmethod
    def from_opened(cls, opened: Opened, *, threads: int | None = None) -> LabelsRuntime:
        """Open a directory that is already verified; see `open`."""
        settings = opened.settings
        if not isinstance(settings, LabelsSettings):
            raise UsageError(
                expected="a labels model",
                found="a words model",
                where=str(opened.path),
                fix="use foretell next, complete or score, or give another model",
            )
        return cls(opened, settings, open_session(opened.onnx_path), check_threads(threads))

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each label for each text, [text, label].

        A text has the same row whatever else is in the batch. An empty text is read as one unknown word.

        Args:
            texts: any number of texts, none included.
        """
        ids = [ids[-self._length :] for ids in self.tokenizer.encode_batch(map(self._end_of, texts))]
        result = np.empty((len(ids), len(self.labels)), np.float32)
        # Texts of like length together: a batch takes as many steps as its longest text.
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        def predict(batch: list[int]) -> None:
            inputs = self._inputs([ids[text] for text in batch])
            result[batch] = self._session.run(["probabilities"], inputs)[0]

        # A lone batch stays on this thread: handing it over costs a tenth of a millisecond.
        for _ in map(predict, batches) if len(batches) == 1 else self._threads.map(predict, batches):
            pass
        return result if self._temperature is None else _tempered(result, self._temperature)

    def classify(self, texts: Iterable[str], *, chunk: int = TEXTS_AT_ONCE) -> Iterator[Verdict]:
        """Yield one verdict for each text, in order, while the texts are being read.

        Args:
            texts: any number of texts; never held all together.
            chunk: most texts that are read before their answers are given. The first chunks are smaller, so
                that the first answers come at once; 1 answers each text before it asks for the next.

        Raises:
            SettingsError: `chunk` below 1.
        """
        if chunk < 1:
            raise SettingsError(expected="at least 1", found=repr(chunk), where="chunk")
        if isinstance(texts, str):
            texts = [texts]
        return (verdict for part in _chunks(texts, chunk) for verdict in self._verdicts(part))

    def _verdicts(self, texts: list[str]) -> Iterator[Verdict]:
        rows = self.predict_proba(texts)
        for row, best in zip(rows.tolist(), rows.argmax(axis=1).tolist(), strict=True):
            yield Verdict(self.labels[best], row[best], dict(zip(self.labels, row, strict=True)))

    def _inputs(self, ids: list[list[int]]) -> dict[str, Array]:
        if self._fixed_length:
            return {"ids": pad_front(ids, self._length)}
        padded, lengths = pad_end(ids, self._length, empty=self.tokenizer.unknown or 0)
        return {"ids": padded, "lengths": lengths}

    def _end_of(self, text: str) -> str:
        """Return as much of the end of a very long text as is read: its last words decide."""
        size = CHARACTERS_PER_WORD * self._length
        while len(text) > 2 * size:
            # From a white space on: both tokenizer styles start a new word there.
            _, space, end = text[-size:].partition(" ")
            if space and len(self.tokenizer.encode(end)) > self._length:
                return end
            size *= 2
        return text


def _chunks(texts: Iterable[str], largest: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    size, held = 1, 0
    for text in texts:
        chunk.append(text)
        held += len(text)
        if len(chunk) >= size or held >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, held = [], 0
            size = min(2 * size, largest)
    if chunk:
        yield chunk


def _temperature(opened: Opened) -> float | None:
    """Return the temperature that the model was calibrated with, or None where it was not."""
    if not opened.calibration:
        return None
    temperature = opened.calibration.get("temperature")
    if not isinstance(temperature, int | float) or not 0 < temperature < float("inf"):
        raise ArtifactError(
            expected="a calibration with a temperature above 0",
            found=repr(opened.calibration),
            where=str(opened.path / "config.json"),
        )
    return float(temperature)


def _tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Divide the log-odds by `temperature` (Guo et al. 2017, section 4.2): p ↦ p^(1/T), normalised."""
    logp = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny)) / temperature
    scaled = np.exp(logp - logp.max(axis=1, keepdims=True))
    normalised: Probabilities = (scaled / scaled.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised
