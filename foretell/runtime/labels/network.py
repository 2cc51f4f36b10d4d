"""The network of a classifier: token ids to probabilities, computed in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.arrays import Array, Integers, Probabilities, TokenIds
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError
from foretell.runtime.session import Session, Threads
from foretell.runtime.stopping import check_stopped

BATCH = 4
"""Texts per call of ONNX Runtime. Small batches are the fastest: what a step touches stays in the cache."""


class LabelsNetwork:
    """The network of an opened classifier.

    Args:
        model: the opened model.
        settings: its settings.
        threads: batches that are computed at once.

    Attributes:
        length: words of a text that are read, at most: its last ones.
    """

    def __init__(self, model: Model, settings: LabelsSettings, threads: Threads) -> None:
        self.length = settings.length
        self._where = str(model.directory)
        self._session = Session.of_model(model)
        self._threads = threads
        self._pads_front = settings.traits.pads_front
        self._n_labels = len(model.labels or ())
        self._unknown = model.tokenizer.unknown or 0
        size = network_size(settings, model.tokenizer)
        # Words above this id are known to the linear model only.
        self._size = size if size < model.tokenizer.size else None

    def __call__(self, ids: Sequence[list[int]]) -> Probabilities:
        """Return probabilities [text, label] for the ids of each text.

        Raises:
            ArtifactError: one is NaN. Weights may be finite and too large to compute with.
        """
        ids = [each[-self.length :] for each in ids]
        probabilities = np.empty((len(ids), self._n_labels), np.float32)
        # A batch takes as many steps as its longest text, so texts of similar length share one.
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        def predict(batch: list[int]) -> None:
            inputs = self._inputs([ids[text] for text in batch])
            probabilities[batch] = self._session.run(["probabilities"], inputs)[0]

        # A single batch stays on this thread: another one would cost a tenth of a millisecond.
        for _ in map(predict, batches) if len(batches) == 1 else self._threads.map(predict, batches):
            # What the other threads have not begun is then cancelled.
            check_stopped()
        if np.isnan(probabilities).any():
            raise ArtifactError(
                expected="probabilities of the network",
                found="NaN",
                where=self._where,
                fix="train the model again",
            )
        return probabilities

    def _inputs(self, ids: list[list[int]]) -> dict[str, Array]:
        if self._pads_front:
            return {"ids": self._known(pad_front(ids, self.length))}
        padded, lengths = pad_end(ids, self.length, empty=self._unknown)
        return {"ids": self._known(padded), "lengths": lengths}

    def _known(self, ids: TokenIds) -> TokenIds:
        """Return ids with the unknown id in place of those that only the linear model has."""
        return ids if self._size is None else np.where(ids < self._size, ids, self._unknown)


def pad_front(ids_list: Sequence[Sequence[int]], length: int) -> TokenIds:
    """Return ids [text, length]: each text's last `length` ids, with 0 before them as Keras pads."""
    padded = np.zeros((len(ids_list), length), np.int64)
    for row, ids in zip(padded, ids_list, strict=True):
        kept = ids[-length:]
        if kept:
            row[length - len(kept) :] = kept
    return padded


def pad_end(ids_list: Sequence[Sequence[int]], length: int, *, empty: int = 1) -> tuple[TokenIds, Integers]:
    """Return (ids int64 [text, step], lengths int32 [text]): each text's last `length` ids, then 0.

    There are as many steps as the longest of these texts has ids, at most `length`.

    Args:
        ids_list: the ids of each text.
        length: ids of a text to keep, at most: its last ones.
        empty: the id that replaces a text without ids: pooling needs at least one step. 1 is the unknown word
            of the style "words".
    """
    kept = [list(ids[-length:]) or [empty] for ids in ids_list]
    lengths = np.array([len(ids) for ids in kept], np.int32)
    padded = np.zeros((len(kept), int(lengths.max(initial=1))), np.int64)
    for row, ids in zip(padded, kept, strict=True):
        row[: len(ids)] = ids
    return padded, lengths
