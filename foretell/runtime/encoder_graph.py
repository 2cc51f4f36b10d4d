"""The ONNX graph of a sentence encoder: its inputs, its outputs, and the means over the tokens of a text.

The mean over all tokens does not show where a word stands, which matters in questions and commands. So there
are two more means: at the beginning of a text each token counts four times as much as the one after it, at
its end four times as much as the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Array, Float32s
from foretell.artifacts.kept_teacher import MIN_WINDOW
from foretell.artifacts.manifest import Entry
from foretell.errors import ArtifactError
from foretell.runtime.session import NOTHING, Session

POOLED = "sentence_embedding"
"""An output [text, dimension]."""
OF_TOKENS = ("last_hidden_state", "token_embeddings")
"""Outputs [text, token, dimension]."""

# Chosen on training records of four sets (docs/experiments.md). A 17th token would count less than 1e-9.
_SHARE_OF_NEXT, _MAX_END = 0.25, 16
_ALL = slice(None)

_REQUIRED = {"input_ids", "attention_mask"}
_OPTIONAL = {"token_type_ids"}
_TYPES: dict[str, type[np.integer]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
_EXPORT = "export it for feature extraction, for example: optimum-cli export onnx --task feature-extraction"
# Operators that quantise with the range of a whole batch begin with it.
_DYNAMIC_QUANTISATION = b"DynamicQuantize"


class Dimensions(NamedTuple):
    """The lengths of embeddings.

    Attributes:
        mean: of a text's.
        end: of those of its beginning and its end; 0: there are none.
    """

    mean: int
    end: int

    @property
    def features(self) -> int:
        """How many numbers a text has in all."""
        return self.mean + 2 * self.end


class Pooled(NamedTuple):
    """Embeddings of some texts.

    Attributes:
        mean: the pooled output, or the mean over the tokens, float32 [text, dimension].
        start: the mean over the tokens, of which the first count most, float32 [text, dimension of a token];
            of dimension 0 where the graph has no output for each token.
        end: the same, where the last count most.
    """

    mean: Float32s
    start: Float32s
    end: Float32s


class EncoderGraph:
    """An encoder that is opened for texts of the same number of tokens, so that nothing is padded.

    Args:
        path: model.onnx.
        content: its verified content; None: it is read.
        entry: its size and SHA-256; None: a forked child opens whatever is at `path`.

    Attributes:
        path: model.onnx.
        batches: whether a text in a batch has the numbers that it has alone. Dynamic quantisation takes the
            range of its numbers from the whole batch.

    Raises:
        ArtifactError: ONNX Runtime cannot open the file; other inputs or outputs than an encoder has.
    """

    def __init__(self, path: Path, content: bytes | None = None, *, entry: Entry | None = None) -> None:
        self.path = path
        content = path.read_bytes() if content is None else content
        try:
            self._session = Session(path, content, entry=entry, log_level=NOTHING)
        except ArtifactError as error:
            raise ArtifactError(
                expected="a sentence encoder that ONNX Runtime can open",
                found=f"{error.found:.160}",
                where=str(path),
                fix="export it again, or upgrade onnxruntime",
            ) from error
        self._inputs = self._checked_inputs()
        self._outputs = self._checked_outputs()
        self.batches = content.find(_DYNAMIC_QUANTISATION) < 0

    def __call__(self, ids: NDArray[np.int64], own: slice = _ALL) -> Pooled:
        """Return the embeddings of texts with as many tokens each.

        Args:
            ids: [text, token], token at least one.
            own: where the tokens of the texts themselves are; special ones are in `mean` alone.

        Raises:
            ArtifactError: the graph fails, or an embedding is not finite.
        """
        pooled = self._pooled(self._run(ids), own)
        if not all(np.isfinite(each).all() for each in pooled):
            raise ArtifactError(
                expected="embeddings of finite numbers",
                found="NaN or infinity",
                where=str(self.path),
                fix="export the encoder again, or use another precision",
            )
        return pooled

    def check(self, window: int, largest_id: int) -> tuple[Dimensions, int]:
        """Run the graph on its longest input and its largest id.

        Args:
            window: the number of tokens that the encoder's files state.
            largest_id: of the tokenizer.

        Returns:
            The dimensions, and the window: halved, down to 8, as long as the graph fails with so many tokens.

        Raises:
            ArtifactError: the graph fails with two tokens, with the largest id, or with eight tokens; it
                returns something else than embeddings.
        """
        dimensions = self.dimensions(largest_id)
        while True:
            try:
                # Not of zeros: RoBERTa gives padding, which may have the id 0, no position of its own.
                self._run(np.full((1, window), largest_id, np.int64))
            except ArtifactError:
                if window <= MIN_WINDOW:
                    raise
                window = max(MIN_WINDOW, window // 2)
            else:
                return dimensions, window

    def dimensions(self, largest_id: int) -> Dimensions:
        """Run the graph on two tokens and return the lengths of its embeddings.

        Args:
            largest_id: of the tokenizer.

        Raises:
            ArtifactError: the graph fails, also with the largest id; it returns something else.
        """
        pooled = self(np.zeros((1, 2), np.int64))
        try:
            self._run(np.full((1, 2), largest_id, np.int64))
        except ArtifactError as error:
            raise ArtifactError(
                expected="an embedding for each id of the tokenizer",
                found=f"none for the id {largest_id:,}",
                where=str(self.path.parent),
                fix="use the tokenizer.json that was exported with model.onnx",
            ) from error
        return Dimensions(pooled.mean.shape[1], pooled.start.shape[1])

    def _run(self, ids: NDArray[np.int64]) -> list[Array]:
        values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        inputs = {name: values[name].astype(dtype) for name, dtype in self._inputs.items()}
        try:
            outputs: list[Array] = self._session.run(self._outputs, inputs)
        except Exception as error:  # ONNX Runtime's exceptions share no public base class.
            raise ArtifactError(
                expected=f"an encoder that accepts {ids.shape[1]:,} tokens",
                found=f"{error!s:.160}",
                where=str(self.path),
                fix=_EXPORT,
            ) from error
        return outputs

    def _pooled(self, outputs: Sequence[Array], own: slice) -> Pooled:
        for name, output in zip(self._outputs, outputs, strict=True):
            if output.ndim != (2 if name == POOLED else 3) or not output.shape[-1]:
                raise ArtifactError(
                    expected=f"embeddings in the output {name}",
                    found=f"an array of the shape {list(output.shape)}",
                    where=str(self.path),
                    fix=_EXPORT,
                )
        # Nothing is padded, so the attention mask is 1 everywhere.
        first, last = outputs[0], outputs[-1]
        mean = first.astype(np.float32) if first.ndim == 2 else first.mean(axis=1, dtype=np.float32)
        if last.ndim == 2:
            none = np.zeros((len(mean), 0), np.float32)
            return Pooled(mean, none, none)
        tokens = last[:, own]
        return Pooled(mean, _mean_of_first(tokens), _mean_of_first(tokens[:, ::-1]))

    def _checked_inputs(self) -> dict[str, type[np.integer]]:
        inputs = self._session.get_inputs()
        names = {each.name for each in inputs}
        is_open = all(not isinstance(size, int) for each in inputs for size in each.shape)
        if not (_REQUIRED <= names <= _REQUIRED | _OPTIONAL) or not is_open:
            shown = ", ".join(f"{each.name} {each.shape}" for each in inputs)
            raise ArtifactError(
                expected="the inputs input_ids, attention_mask and perhaps token_type_ids, of any size",
                found=f"{shown:.200}",
                where=str(self.path),
                fix=_EXPORT,
            )
        if others := [each for each in inputs if each.type not in _TYPES]:
            raise ArtifactError(
                expected="inputs of the type int64 or int32",
                found=f"{others[0].name} of the type {others[0].type}",
                where=str(self.path),
                fix=_EXPORT,
            )
        return {each.name: _TYPES[each.type] for each in inputs}

    def _checked_outputs(self) -> list[str]:
        """Return the names of the outputs to ask for: one that is pooled, one of tokens, or both."""
        outputs = self._session.get_outputs()
        types = {each.name: each.type for each in outputs}
        usable = [name for name in (POOLED, *OF_TOKENS) if types.get(name) in _FLOATS]
        if not usable:
            shown = ", ".join(f"{each.name} {each.shape} of the type {each.type}" for each in outputs)
            raise ArtifactError(
                expected=f"an output {', '.join(OF_TOKENS)} or {POOLED} with embeddings",
                found=f"{shown:.200}",
                where=str(self.path),
                fix=_EXPORT,
            )
        return usable[: 2 if usable[0] == POOLED else 1]


def _mean_of_first(tokens: Array) -> Float32s:
    """Return the weighted mean over the first of some tokens, [text, token, dimension]."""
    first = tokens[:, :_MAX_END].astype(np.float32)
    weights = _SHARE_OF_NEXT ** np.arange(first.shape[1], dtype=np.float32)
    mean: Float32s = np.einsum("k,tkd->td", weights / weights.sum(), first)
    return mean
