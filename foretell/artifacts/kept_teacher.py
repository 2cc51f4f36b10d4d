"""`KeptTeacher`: a sentence encoder that is a part of a classifier, with a linear model of its embeddings.

Its files lie beside the others of the model directory. teacher.safetensors has the linear model;
teacher.onnx and teacher_tokenizer.json are the encoder's own files, as they were given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.artifacts.encoder_check import check_encoder_graph
from foretell.artifacts.encoder_tokenizer_check import check_encoder_tokenizer
from foretell.errors import ArtifactError
from foretell.ngrams.checked_arrays import checked_array, wrong

MAX_WINDOW = 512
"""Longest window of an encoder: attention needs memory and time that grow with its square."""
MIN_WINDOW = 8


@dataclass(frozen=True)
class EncoderFiles:
    """The files of a sentence encoder.

    Attributes:
        graph: model.onnx; empty where it has been opened.
        tokenizer: tokenizer.json; empty where it has been opened.
        licence: the licence that lies beside them; None: there is none.
        window: the largest number of tokens that the encoder reads at once.
    """

    graph: bytes = field(repr=False)
    tokenizer: bytes = field(repr=False)
    licence: bytes | None
    window: int

    def check(self, where: str) -> None:
        """Check that the encoder can be a part of a model directory.

        Args:
            where: its folder.

        Raises:
            ArtifactError: it has parts that are not let through.
        """
        for name, check, content in (
            ("graph", check_encoder_graph, self.graph),
            ("tokenizer", check_encoder_tokenizer, self.tokenizer),
        ):
            try:
                check(content)
            except ValueError as error:
                raise ArtifactError(
                    expected=f"an encoder whose {name} has usual parts alone, since it is kept",
                    found=f"{error!s:.200}",
                    where=where,
                    fix="export it with optimum-cli, or use it in training only, without --keep-teacher",
                ) from error


@dataclass(frozen=True, eq=False)
class KeptTeacher:
    """A sentence encoder with a linear model of its embeddings, whose scores are added to the others'.

    Attributes:
        weights: float32 [number, column]; the first numbers of a text are those of its mean embedding.
        bias: float32 [column], as in `LinearModel`.
        files: of the encoder.
    """

    weights: Float32s
    bias: Float32s
    files: EncoderFiles

    def scores(self, embeddings: Float32s) -> Float32s:
        """Return float32 [text, column], each row as if it were alone.

        Args:
            embeddings: [text, number]; more numbers than `weights` has rows are left out.
        """
        rows = [row[: len(self.weights)] @ self.weights + self.bias for row in embeddings]
        return np.array(rows, np.float32).reshape(len(rows), len(self.bias))

    def times(self, factor: float) -> KeptTeacher:
        """Return the one whose scores are `factor` times these."""
        return replace(self, weights=np.float32(factor) * self.weights, bias=np.float32(factor) * self.bias)

    def without_files(self) -> KeptTeacher:
        """Return the same without the contents of the encoder's files, which take memory."""
        return replace(self, files=replace(self.files, graph=b"", tokenizer=b""))

    def to_arrays(self) -> dict[str, Array]:
        """Return the linear model as named arrays, ready for safetensors; `from_arrays` takes them back."""
        return {
            "teacher/weights": self.weights,
            "teacher/bias": self.bias,
            "teacher/window": np.array([self.files.window], np.int64),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], graph: bytes, tokenizer: bytes, licence: bytes | None
    ) -> Self:
        """Rebuild what `to_arrays` returned, with the encoder's files.

        Raises:
            ArtifactError: an array is missing, or has another type or shape, or a number that is not finite
                or out of its range.
        """
        weights = checked_array(arrays, "teacher/weights", np.float32, 2)
        bias = checked_array(arrays, "teacher/bias", np.float32, 1)
        (window,) = checked_array(arrays, "teacher/window", np.int64, 1, length=1).tolist()
        if not len(bias) or not len(weights) or weights.shape[1] != len(bias):
            raise wrong("teacher/weights", f"{len(bias) or 'at least 1'} columns", str(list(weights.shape)))
        if not MIN_WINDOW <= window <= MAX_WINDOW:
            raise wrong("teacher/window", f"{MIN_WINDOW} to {MAX_WINDOW} tokens", str(window))
        return cls(weights, bias, EncoderFiles(graph, tokenizer, licence, window))
