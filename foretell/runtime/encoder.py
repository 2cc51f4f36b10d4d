"""`SentenceEncoder`: embeddings of texts by a pretrained encoder from outside, through ONNX Runtime.

The way of a text: the tokenizer turns it into pieces of token ids that fit into the window
(`encoder_pieces`), the graph returns embeddings for each piece (`encoder_graph`), and the text's embedding
is their mean, weighted by tokens, of length 1. Its beginning and its end have embeddings of their own, of the
first and of the last piece. Pieces of the same number of tokens are computed together, so that nothing is
padded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from foretell.arrays import Float32s
from foretell.artifacts import manifest
from foretell.artifacts.kept_teacher import EncoderFiles
from foretell.artifacts.model import Model
from foretell.errors import ArtifactError
from foretell.hashes import sha256_of
from foretell.runtime.encoder_graph import Dimensions, EncoderGraph, Pooled
from foretell.runtime.encoder_pieces import EncoderTokenizer, Piece, stated_window
from foretell.runtime.session import Threads, check_threads

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
MAX_LICENCE = 1 << 20
"""Bytes of a licence, at most."""

# Bounds on the memory: of token ids, and of the attention's matrices.
_TEXTS_AT_ONCE = 4096
_MAX_BATCH = 16
_MAX_BATCH_TOKENS = 2048


@dataclass(frozen=True, eq=False)
class Encoded:
    """The embeddings of texts.

    Attributes:
        vectors: float32 [text, dimension], each of length 1.
        ends: float32 [text, number], embeddings of the beginning and of the end of each text, one after the
            other and each of length 1; without numbers where the graph has no output for each token.
        split_texts: how many texts were longer than the window, and so the mean of several pieces.
    """

    vectors: Float32s
    ends: Float32s
    split_texts: int

    def features(self) -> Float32s:
        """Return float32 [text, number]: `vectors`, followed by `ends`."""
        return np.concatenate([self.vectors, self.ends], axis=1)


class SentenceEncoder:
    """A sentence encoder: a folder with model.onnx and tokenizer.json. Make one with `open`.

    Attributes:
        name: of the folder.
        sha256: of model.onnx followed by tokenizer.json.
        dimension: length of an embedding.
        n_features: numbers that a text has with the embeddings of its beginning and its end.
        window: the largest number of tokens that the encoder reads at once, special ones included.

    Example:
        >>> encoder = SentenceEncoder.open("all-MiniLM-L6-v2")  # doctest: +SKIP
        >>> encoder.encode(["A lovely film.", "Dull."]).shape  # doctest: +SKIP
        (2, 384)
    """

    _folder: Path | None = None

    def __init__(
        self,
        graph: EncoderGraph,
        tokenizer: EncoderTokenizer,
        *,
        name: str,
        sha256: str,
        dimensions: Dimensions,
        window: int,
        threads: int,
        together: bool,
    ) -> None:
        self.name, self.sha256, self.dimension, self.window = name, sha256, dimensions.mean, window
        self.n_features, self._dimensions = dimensions.features, dimensions
        tokenizer.set_window(window)
        self._graph, self._tokenizer, self._together = graph, tokenizer, together
        self._threads = Threads(threads, "encoder")

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> SentenceEncoder:
        """Open an encoder and run it once on its longest input.

        The graph has the inputs input_ids, attention_mask and perhaps token_type_ids. Its output is
        sentence_embedding [text, dimension], or last_hidden_state or token_embeddings
        [text, token, dimension], of which the mean is taken. The window is what the encoder's files state, at
        most 512 tokens; 256 where they state none; less where the graph accepts less.

        Args:
            path: the folder.
            threads: threads that compute; None: the processors that this process may use, at most 4.

        Raises:
            ArtifactError: not such a folder, or an encoder that foretell cannot use.
            SettingsError: `threads` below 1.
        """
        folder = Path(path).expanduser()
        for name in (GRAPH, TOKENIZER):
            if not (folder / name).is_file():
                raise ArtifactError(
                    expected=f"a folder with {GRAPH} and {TOKENIZER}",
                    found=f"no {name}" if folder.is_dir() else "no folder",
                    where=str(path),
                    fix="export the encoder for feature extraction",
                )
        graph, tokenizer = EncoderGraph(folder / GRAPH), EncoderTokenizer(folder / TOKENIZER)
        dimensions, window = graph.check(stated_window(folder), tokenizer.largest_id)
        encoder = cls(
            graph,
            tokenizer,
            name=folder.resolve().name,
            sha256=sha256_of(folder / GRAPH, folder / TOKENIZER),
            dimensions=dimensions,
            window=window,
            threads=check_threads(threads),
            together=graph.batches,
        )
        encoder._folder = folder
        return encoder

    @classmethod
    def of_model(cls, model: Model, *, threads: int) -> SentenceEncoder:
        """Open the encoder that a classifier keeps, from the bytes that were verified.

        Each text is computed alone, so that it has exactly the embedding that it has in a batch.

        Raises:
            ArtifactError: its graph or tokenizer cannot be used, or its embeddings do not fit the classifier.
        """
        kept, folder = model.teacher, model.directory
        assert kept is not None
        path, entry = folder / manifest.TEACHER_GRAPH, model.files.get(manifest.TEACHER_GRAPH)
        graph = EncoderGraph(path, kept.files.graph, entry=entry)
        tokenizer = EncoderTokenizer(folder / manifest.TEACHER_TOKENIZER, kept.files.tokenizer)
        dimensions = graph.dimensions(tokenizer.largest_id)
        if len(kept.weights) not in (dimensions.mean, dimensions.features):
            raise ArtifactError(
                expected=f"an encoder with embeddings of {len(kept.weights)} numbers",
                found=f"{dimensions.mean}",
                where=str(path),
                fix="train the model again",
            )
        return cls(
            graph,
            tokenizer,
            name=folder.name,
            sha256="",
            dimensions=dimensions,
            window=kept.files.window,
            threads=threads,
            together=False,
        )

    def files(self) -> EncoderFiles:
        """Return the encoder's files and its licence, to be kept in a classifier.

        Raises:
            ArtifactError: they have changed since the encoder was opened, or have parts that are not let
                through (see `foretell.artifacts.encoder_check`).
            OSError: they cannot be read.
        """
        folder = self._folder
        assert folder is not None
        graph, tokenizer = (folder / GRAPH).read_bytes(), (folder / TOKENIZER).read_bytes()
        if hashlib.sha256(graph + tokenizer).hexdigest() != self.sha256:
            raise ArtifactError(
                expected="the encoder's files as they were opened",
                found="others",
                where=str(folder),
                fix="train again",
            )
        files = EncoderFiles(graph, tokenizer, _licence(folder), self.window)
        files.check(str(folder))
        return files

    def encode(
        self,
        texts: Sequence[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        check: Callable[[], object] | None = None,
    ) -> Float32s:
        """Return the embedding of each text; `encode_counted` with its count left out."""
        return self.encode_counted(texts, progress=progress, check=check).vectors

    def encode_counted(
        self,
        texts: Sequence[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        check: Callable[[], object] | None = None,
    ) -> Encoded:
        """Return the embedding of each text, and how many texts were split.

        A text alone and in a batch has the same embedding but for rounding. A text without tokens has zeros.

        Args:
            texts: the texts.
            progress: called after each batch with the number of texts that are done and of all.
            check: called after each batch; what it raises, at an interrupt or a deadline, ends the encoding.

        Raises:
            ArtifactError: the graph fails, or returns numbers that are not finite.
        """
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ends = np.zeros((len(texts), 2, self._dimensions.end), np.float32)
        split = 0
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            pieces = list(self._tokenizer.pieces(texts[start : start + _TEXTS_AT_ONCE]))
            counts = np.bincount([piece.text for piece in pieces])
            split += int((counts > 1).sum())
            pieces = [piece for piece in pieces if len(piece.ids)]
            last = {piece.text: piece for piece in pieces}
            first = {piece.text: piece for piece in reversed(pieces)}
            left = np.bincount([piece.text for piece in pieces], minlength=len(counts))
            batches = list(_batches(pieces, self._together))
            # Closing cancels the batches that have not begun.
            with closing(self._threads.map(self._encode_batch, batches)) as results:  # type: ignore[type-var]
                for batch, pooled in zip(batches, results, strict=True):
                    for piece, mean, first_tokens, last_tokens in zip(batch, *pooled, strict=True):
                        text = start + piece.text
                        vectors[text] += mean * len(piece.ids)
                        if piece is first[piece.text]:
                            ends[text, 0] = first_tokens
                        if piece is last[piece.text]:
                            ends[text, 1] = last_tokens
                        left[piece.text] -= 1
                    if progress is not None:
                        progress(start + int((left == 0).sum()), len(texts))
                    if check is not None:
                        check()
        joined = _unit(ends).reshape(len(texts), 2 * self._dimensions.end)
        return Encoded(_unit(vectors), joined, split)

    def _encode_batch(self, batch: Sequence[Piece]) -> Pooled:
        return self._graph(np.stack([piece.ids for piece in batch]), batch[0].own)


def _unit(vectors: Float32s) -> Float32s:
    """Return vectors, in the last axis, scaled to the length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    lengths[lengths == 0] = 1
    scaled: Float32s = vectors / lengths
    return scaled


def _licence(folder: Path) -> bytes | None:
    """Return the content of the licence in a folder; None: there is none, or a file too long for one."""
    for path in sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*")):
        if path.is_file() and path.stat().st_size <= MAX_LICENCE:
            return path.read_bytes()
    return None


def _batches(pieces: Sequence[Piece], together: bool) -> Iterator[list[Piece]]:
    """Yield batches of pieces with the same number of tokens and of special ones, the longest first.

    The longest come first so that a lack of memory shows at the beginning.
    """

    def shape(piece: Piece) -> tuple[int, int, int]:
        return len(piece.ids), piece.own.start, piece.own.stop

    for (length, _, _), group in groupby(sorted(pieces, key=shape, reverse=True), key=shape):
        same = list(group)
        size = min(_MAX_BATCH, max(1, _MAX_BATCH_TOKENS // length)) if together else 1
        yield from (same[i : i + size] for i in range(0, len(same), size))
