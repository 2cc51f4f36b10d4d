"""The network of a classifier: token ids to probabilities, computed in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from foretell.arrays import Array, Integers, Probabilities, TokenIds, in_parts
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.errors import ArtifactError
from foretell.runtime.session import Session, Threads
from foretell.runtime.stopping import check_stopped

BATCH = 4
"""Texts per call of ONNX Runtime. Small batches are the fastest: what a step touches stays in the
cache.
"""


class LabelsNetwork:
    """The network of an opened classifier, which reads the last `length` words of a text."""

    def __init__(self, model: Model, settings: LabelsSettings, threads: Threads) -> None:
        self.length = settings.length
        self._where = str(model.directory)
        self._session = Session.of_model(model)
        self._threads = threads
        self._pads_front = not settings.is_bidirectional
        self._n_labels = len(model.labels)
        self._unknown = model.tokenizer.unknown or 0
        self._size = network_size(settings, model.tokenizer)

    def __call__(self, ids: Sequence[list[int]]) -> Probabilities:
        """Return probabilities [text, label] for the ids of each text.

        Raises:
            ArtifactError: one is NaN. Weights may be finite and too large to compute with.
        """
        ids = [words[-self.length :] for words in ids]
        probabilities = np.empty((len(ids), self._n_labels), np.float32)
        # A batch takes as many steps as its longest text, so texts of similar length share one.
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        batches = list(in_parts(order, BATCH))

        def predict(batch: list[int]) -> None:
            inputs = self._inputs([ids[text] for text in batch])
            probabilities[batch] = self._session.run(["probabilities"], inputs)[0]

        run: Callable[..., Iterable[None]] = self._threads.map
        if len(batches) == 1:
            # Another thread would cost a tenth of a millisecond.
            run = map
        for _ in run(predict, batches):
            # What the other threads have not begun is then cancelled.
            check_stopped()
        if np.isnan(probabilities).any():
            raise ArtifactError(
                "probabilities of the network",
                "NaN",
                where=self._where,
                fix="train the model again",
            )
        return probabilities

    def _inputs(self, ids: list[list[int]]) -> dict[str, Array]:
        padded, lengths = pad(ids, self.length, front=self._pads_front, empty=self._unknown)
        inputs: dict[str, Array] = {} if self._pads_front else {"lengths": lengths}
        # The unknown id takes the place of those that only the linear model has.
        return {"ids": np.where(padded < self._size, padded, self._unknown), **inputs}


def pad(
    ids_list: Sequence[Sequence[int]], length: int, *, front: bool = False, empty: int = 1
) -> tuple[TokenIds, Integers]:
    """Return (ids int64 [text, step], lengths int32 [text]): each text's last `length` ids, then 0.

    There are as many steps as the longest of these texts has ids, at most `length`. A text without
    ids has the id `empty`, since pooling needs at least one step; 1 is the unknown word of the
    style "words". With `front` there are `length` steps, and 0 stands before the ids, as Keras
    pads.
    """
    kept = [list(ids[-length:]) or ([] if front else [empty]) for ids in ids_list]
    lengths = np.array([len(ids) for ids in kept], np.int32)
    padded = np.zeros((len(kept), length if front else int(lengths.max(initial=1))), np.int64)
    for row, ids in zip(padded, kept, strict=True):
        row[length - len(ids) if front else 0 :][: len(ids)] = ids
    return padded, lengths
