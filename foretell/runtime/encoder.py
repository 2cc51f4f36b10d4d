"""`SentenceEncoder`: embeddings of texts by a pretrained encoder from outside, through ONNX
Runtime.

Its tokenizer turns a text into pieces of token ids that fit into the window. The text's embedding
is the mean of those of its pieces, weighted by tokens, of length 1. Pieces of the same number of
tokens are computed together, so that nothing is padded.

The mean over all tokens does not show where a word stands, which matters in questions and commands.
So there are two more means: at the beginning of a text each token counts four times as much as the
one after it, at its end four times as much as the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from foretell.arrays import Array, Float32s, Int64s, in_parts
from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import (
    MAX_SPECIAL_TOKENS,
    TOKENIZER,
    EncoderFiles,
    check_encoder_tokenizer,
    graph_of,
)
from foretell.artifacts.model import Model
from foretell.errors import ArtifactError
from foretell.hub.client import address_of
from foretell.runtime.graph_check import check_graph
from foretell.runtime.session import GraphValue, Session, Threads, check_threads
from foretell.runtime.trial import INTEGERS, try_out

POOLED = "sentence_embedding"
"""An output [text, dimension]."""
OF_TOKENS = ("last_hidden_state", "token_embeddings")
"""Outputs [text, token, dimension]."""

# Chosen on training records of four sets (docs/experiments.md). A 17th token would count less than
# 1e-9.
_SHARE_OF_NEXT = 0.25
_MAX_END = 16
# Bounds on the memory: of token ids, of the library's encodings, and of the attention's matrices.
_TEXTS_AT_ONCE = 4096
_ENCODED_AT_ONCE = 256
_CHARACTERS_AT_ONCE = 1 << 16
_MAX_BATCH = 16
_MAX_BATCH_TOKENS = 2048

_INPUTS = ({"input_ids", "attention_mask"}, {"input_ids", "attention_mask", "token_type_ids"})
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
_EXPORT = (
    "export it for feature extraction, for example: optimum-cli export onnx --task "
    "feature-extraction"
)
# Operators that quantise with the range of a whole batch begin with it.
_DYNAMIC_QUANTISATION = b"DynamicQuantize"
_Read = Callable[[], bytes]
_SURROGATES = re.compile("[\ud800-\udfff]")


class Encoded(NamedTuple):
    """The embeddings of texts.

    Attributes:
        vectors: float32 [text, dimension], each of length 1.
        ends: float32 [text, number], embeddings of the beginning and of the end of each text, one
            after the other and each of length 1; without numbers where the graph has no output for
            each token.
        split_texts: how many texts were longer than the window, and so the mean of several pieces.
    """

    vectors: Float32s
    ends: Float32s
    split_texts: int

    def features(self) -> Float32s:
        """Return float32 [text, number]: `vectors`, followed by `ends`."""
        return np.concatenate([self.vectors, self.ends], axis=1)


class _Piece(NamedTuple):
    """A part of a text: the number of the text, ids, and which of them are no special tokens."""

    text: int
    ids: Int64s
    own: slice


class SentenceEncoder:
    """A sentence encoder: a folder with model.onnx and tokenizer.json. Make one with `open`.

    Attributes:
        name: of the folder.
        sha256: of model.onnx followed by tokenizer.json.
        dimension: length of an embedding.
        n_features: numbers that a text has with the embeddings of its beginning and its end.
        window: the largest number of tokens that the encoder reads at once, special ones included.

    Example:
        >>> encoder = SentenceEncoder.open("encoder")  # doctest: +SKIP
        >>> encoder.encode(["A lovely film.", "Dull."]).shape  # doctest: +SKIP
        (2, 384)
    """

    name = sha256 = ""
    _files: EncoderFiles

    def __init__(
        self, path: Path, tokenizer: Path, files: EncoderFiles, read: _Read, *, threads: int
    ) -> None:
        """Check the graph and the tokenizer, and the graph's inputs, outputs and an embedding; see
        `open`.

        Args:
            path: of the graph.
            tokenizer: its path.
            files: of the encoder.
            read: returns the graph; called in each forked child.
            threads: threads that compute.
        """
        self._path = path
        self.window = files.window
        self._threads = Threads(threads, "encoder")
        self._together = False
        try:
            self._tokenizer = Tokenizer.from_buffer(files.tokenizer)
        except Exception as error:  # The library raises plain Exception.
            expected = "a tokenizer that the tokenizers library reads"
            raise ArtifactError(
                expected,
                f"{error!s:.100}",
                where=tokenizer,
                fix="export the encoder again",
            ) from error
        self._tokenizer.no_padding()
        special = self._tokenizer.num_special_tokens_to_add(False)
        if special > MAX_SPECIAL_TOKENS:
            expected = f"a tokenizer that adds at most {MAX_SPECIAL_TOKENS} special tokens"
            raise self._error(expected, f"{special:,}")
        self._tokenizer.enable_truncation(max(self.window, special + 1))
        # Not of zeros: RoBERTa gives padding, which may have the id 0, no position of its own.
        largest_id = max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
        self._try_out(files.graph, largest_id)
        # From outside or from a model directory, which anybody may have made.
        self._session = Session(path, lambda: (read(), {}), arena=True)
        self._inputs = self._checked_inputs()
        self._outputs = self._checked_outputs()
        mean, start, _ = self._pooled(
            [_Piece(0, np.full(self.window, largest_id, np.int64), slice(None))]
        )
        self.dimension = mean.shape[1]
        self._end_dimension = start.shape[1]
        self.n_features = self.dimension + 2 * self._end_dimension

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> SentenceEncoder:
        """Open an encoder and run it once on its longest input.

        The graph has the inputs input_ids, attention_mask and perhaps token_type_ids. Its output is
        sentence_embedding [text, dimension], or last_hidden_state or token_embeddings
        [text, token, dimension], of which the mean is taken. The window is what the encoder's files
        state, at most 512 tokens; 256 where they state none.

        Args:
            path: the folder.
            threads: threads that compute; None: the processors that this process may use, at most
                4.

        Raises:
            ArtifactError: not such a folder, or an encoder that foretell cannot use.
            SettingsError: `threads` below 1.
        """
        files = EncoderFiles.read(path)
        folder = Path(path).expanduser()
        graph = graph_of(folder)
        count = check_threads(threads)
        encoder = cls(graph, folder / TOKENIZER, files, lambda: files.graph, threads=count)
        encoder.name = str(address_of(folder) or folder.resolve().name)
        encoder.sha256 = files.sha256()
        encoder._files = files
        # Dynamic quantisation takes the range of its numbers from the whole batch.
        encoder._together = files.graph.find(_DYNAMIC_QUANTISATION) < 0
        return encoder

    @classmethod
    def of_model(cls, model: Model, *, threads: int) -> SentenceEncoder:
        """Open the encoder that a classifier keeps, from the bytes that were verified.

        Each text is computed alone, so that it has exactly the embedding that it has in a batch.

        Raises:
            ArtifactError: its graph or tokenizer cannot be used, or its embeddings do not fit the
                classifier.
        """
        kept = model.teacher
        folder = model.directory
        name = manifest.TEACHER_GRAPH
        assert kept is not None
        # The files are not kept in memory: a forked child reads them again.
        read = partial(manifest.read_verified, folder, name, model.files[name])
        tokenizer = folder / manifest.TEACHER_TOKENIZER
        encoder = cls(folder / name, tokenizer, kept.files, read, threads=threads)
        if len(kept.weights) not in (encoder.dimension, encoder.n_features):
            expected = f"an encoder with embeddings of {len(kept.weights)} numbers"
            raise encoder._error(expected, str(encoder.dimension), "train the model again")
        return encoder

    def files(self) -> EncoderFiles:
        """Return the encoder's files and its licence, to be kept in a classifier.

        Raises:
            ArtifactError: the tokenizer cannot be kept.
        """
        try:
            check_encoder_tokenizer(self._files.tokenizer)
        except ValueError as error:
            expected = "an encoder whose tokenizer has usual parts alone, since it is kept"
            fix = "export it with optimum-cli, or use it in training only, without --keep-teacher"
            raise self._error(expected, f"{error!s:.200}", fix) from error
        return self._files

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Return the embedding of each text, [text, dimension]; see `encode_counted`."""
        return self.encode_counted(texts).vectors

    def encode_counted(
        self, texts: Sequence[str], *, check: Callable[[], object] = tuple
    ) -> Encoded:
        """Return the embedding of each text, and how many texts were split.

        A text alone and in a batch has the same embedding but for rounding. A text without tokens
        has zeros. `check` is called after each batch; what it raises, at an interrupt or a
        deadline, ends the encoding.

        Raises:
            ArtifactError: the graph fails, or returns numbers that are not finite.
        """
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ends = np.zeros((len(texts), 2, self._end_dimension), np.float32)
        split = 0
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            pieces = list(self._pieces(texts[start : start + _TEXTS_AT_ONCE]))
            split += int((np.bincount([piece.text for piece in pieces]) > 1).sum())
            pieces = [piece for piece in pieces if len(piece.ids)]
            last = {piece.text: piece for piece in pieces}
            first = {piece.text: piece for piece in reversed(pieces)}
            batches = list(_batches(pieces, self._together))
            # Closing cancels the batches that have not begun.
            with closing(self._threads.map(self._pooled, batches)) as results:
                for batch, pooled in zip(batches, results, strict=True):
                    for piece, mean, first_tokens, last_tokens in zip(batch, *pooled, strict=True):
                        text = start + piece.text
                        vectors[text] += mean * len(piece.ids)
                        if piece is first[piece.text]:
                            ends[text, 0] = first_tokens
                        if piece is last[piece.text]:
                            ends[text, 1] = last_tokens
                    check()
        joined = _unit(ends).reshape(len(texts), 2 * self._end_dimension)
        return Encoded(_unit(vectors), joined, split)

    def _pieces(self, texts: Sequence[str]) -> Iterator[_Piece]:
        """Yield the pieces of the texts in order, each text at least one; no token is left out."""
        parts = [(i, part) for i, text in enumerate(texts) for part in _parts(text)]
        for block in in_parts(parts, _ENCODED_AT_ONCE):
            encodings = self._tokenizer.encode_batch([part for _, part in block])
            for (i, _), encoding in zip(block, encodings, strict=True):
                for piece in (encoding, *encoding.overflowing):
                    own = np.flatnonzero(np.equal(piece.special_tokens_mask, 0))
                    # All of them where the tokenizer added all.
                    where = slice(own[0], own[-1] + 1) if len(own) else slice(None)
                    yield _Piece(i, np.array(piece.ids, np.int64), where)

    def _pooled(self, batch: Sequence[_Piece]) -> tuple[Float32s, Float32s, Float32s]:
        """Return means over tokens [text, dimension]: of all, and where the first or the last count
        most.

        The last two have the dimension 0 where the graph has no output for each token.

        Special tokens, which no piece has as its `own`, are in the first mean alone.
        """
        ids = np.stack([piece.ids for piece in batch])
        own = batch[0].own
        outputs = self._run(ids)
        for name, output in zip(self._outputs, outputs, strict=True):
            if output.ndim != (2 if name == POOLED else 3) or not output.shape[-1]:
                shape = f"an array of the shape {list(output.shape)}"
                raise self._error(f"embeddings in the output {name}", shape)
        # Nothing is padded, so the attention mask is 1 everywhere.
        mean = outputs[0]
        last = outputs[-1]
        if mean.ndim == 3:
            mean = mean.mean(axis=1, dtype=np.float32)
        mean = mean.astype(np.float32)
        start = end = np.zeros((len(mean), 0), np.float32)
        if last.ndim == 3:
            start = _mean_of_first(last[:, own])
            end = _mean_of_first(last[:, own][:, ::-1])
        pooled = mean, start, end
        if not all(np.isfinite(vectors).all() for vectors in pooled):
            fix = "export the encoder again, or use another precision"
            raise self._error("embeddings of finite numbers", "NaN or infinity", fix)
        return pooled

    def _try_out(self, graph: bytes, token: int) -> None:
        """Check a graph, and run it once on its longest input in a process of its own.

        Raises:
            ArtifactError: it is refused, or this fails.
        """
        try:
            check_graph(graph)
        except ValueError as error:
            expected = "a sentence encoder of usual operators, its weights in one file"
            raise self._error(expected, f"{error!s:.160}") from error
        try:
            try_out(graph, self.window, token)
        except ValueError as error:
            raise self._not_accepted(self.window, token, str(error)) from error

    def _run(self, ids: Int64s) -> list[Array]:
        values = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        inputs = {name: values[name].astype(dtype) for name, dtype in self._inputs.items()}
        try:
            return self._session.run(self._outputs, inputs)
        except ArtifactError as error:
            raise self._not_accepted(ids.shape[1], ids.max(), error.found) from error

    def _not_accepted(self, tokens: int, token: int, found: str) -> ArtifactError:
        expected = f"an encoder that accepts {tokens:,} tokens with ids of up to {token:,}"
        fix = (
            "export it again with its tokenizer.json; state max_seq_length in "
            "sentence_bert_config.json"
        )
        return self._error(expected, f"{found:.160}", fix)

    def _checked_inputs(self) -> dict[str, type[np.integer]]:
        inputs = self._session.inputs
        is_open = all(not isinstance(size, int) for entry in inputs for size in entry.shape)
        is_usable = is_open and all(entry.type in INTEGERS for entry in inputs)
        if {entry.name for entry in inputs} not in _INPUTS or not is_usable:
            names = "input_ids, attention_mask and perhaps token_type_ids"
            raise self._error(f"the inputs {names}, int64 or int32, of any size", _shown(inputs))
        return {entry.name: INTEGERS[entry.type] for entry in inputs}

    def _checked_outputs(self) -> list[str]:
        """Return the names of the outputs to ask for: one that is pooled, one of tokens, or
        both.
        """
        outputs = self._session.outputs
        types = {entry.name: entry.type for entry in outputs}
        usable = [name for name in (POOLED, *OF_TOKENS) if types.get(name) in _FLOATS]
        if not usable:
            expected = f"an output {', '.join(OF_TOKENS)} or {POOLED} with embeddings"
            raise self._error(expected, _shown(outputs))
        return usable[: 2 if usable[0] == POOLED else 1]

    def _error(self, expected: str, found: str, fix: str = _EXPORT) -> ArtifactError:
        return ArtifactError(expected, found, where=self._path, fix=fix)


def _shown(entries: Sequence[GraphValue]) -> str:
    """Return the inputs or outputs of a graph for an error."""
    shown = (f"{entry.name} {entry.shape} of the type {entry.type}" for entry in entries)
    return f"{', '.join(shown):.200}"


def _parts(text: str) -> Iterator[str]:
    """Yield a very long text in parts that are cut at white space where there is some."""
    # The library's strings have no lone surrogates.
    text = _SURROGATES.sub("\ufffd", text)
    start = 0
    while len(text) - start > _CHARACTERS_AT_ONCE:
        end = start + _CHARACTERS_AT_ONCE
        cut = text.rfind(" ", start + _CHARACTERS_AT_ONCE // 2, end)
        if cut >= 0:
            end = cut
        yield text[start:end]
        start = end
    yield text[start:]


def _batches(pieces: Sequence[_Piece], together: bool) -> Iterator[list[_Piece]]:
    """Yield batches of pieces with the same number of tokens and of special ones, the longest
    first.

    The longest come first so that a lack of memory shows at the beginning.
    """

    def shape(piece: _Piece) -> tuple[int, int, int]:
        return len(piece.ids), piece.own.start or 0, piece.own.stop or 0

    for (length, _, _), group in groupby(sorted(pieces, key=shape, reverse=True), key=shape):
        same = list(group)
        size = 1
        if together:
            size = min(_MAX_BATCH, max(1, _MAX_BATCH_TOKENS // length))
        yield from in_parts(same, size)


def _mean_of_first(tokens: Array) -> Float32s:
    """Return the weighted mean over the first of some tokens, [text, token, dimension]."""
    first = tokens[:, :_MAX_END].astype(np.float32)
    weights = _SHARE_OF_NEXT ** np.arange(first.shape[1], dtype=np.float32)
    mean: Float32s = np.einsum("k,tkd->td", weights / weights.sum(), first)
    return mean


def _unit(vectors: Float32s) -> Float32s:
    """Return vectors, in the last axis, scaled to the length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: Float32s = vectors / lengths
    return scaled
