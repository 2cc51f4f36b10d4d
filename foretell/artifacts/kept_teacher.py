"""`KeptTeacher`: a sentence encoder that is a part of a classifier, with a linear model of its
embeddings.

Its files lie beside the others of the model directory. teacher.safetensors has the linear model;
teacher.onnx and teacher_tokenizer.json are the encoder's own files, as they were given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from foretell.arrays import Array, Float32s
from foretell.errors import ArtifactError
from foretell.ngrams.checked_arrays import checked_array, checked_weights, wrong

GRAPHS = ("model.onnx", "onnx/model.onnx")
TOKENIZER = "tokenizer.json"
"""The files of an encoder's folder: of the graphs, the first that there is."""
MAX_WINDOW = 512
"""Longest window of an encoder: attention needs memory and time that grow with its square."""
MIN_WINDOW = 8
DEFAULT_WINDOW = 256
MAX_LICENCE = 1 << 20
"""Bytes of a licence, at most."""

_Object = dict[str, Any]
# The position embeddings of these begin after those of the padding.
_POSITIONS_BEFORE_FIRST = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}
# Those of GPT-2 and later tokenizers, which take time in proportion to the text; others may take
# hours.
_EXPRESSIONS = frozenset(
    [
        " {2,}",
        r"\s+",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| "
        r"?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| "
        r"?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
)
_MAX_PARTS = 200
_MAX_GROWTH = 16
_MAX_WORD = 100
MAX_SPECIAL_TOKENS = 8
"""Special tokens that a tokenizer may add to each piece of a text."""


def check_encoder_tokenizer(content: bytes) -> None:
    """Check that a tokenizer.json can neither take hours on some text nor make a text much longer.

    Raises:
        ValueError: it can.
    """
    try:
        stored = json.loads(content)
        _check_words(stored["model"])
        parts = [part for name, part in stored.items() if name not in ("model", "added_tokens")]
        objects = [inner for part in parts for inner in _objects(part)]
        growth = math.prod(map(_growth, objects))
    except (RecursionError, AttributeError, KeyError, TypeError) as error:
        raise ValueError("no tokenizer of the tokenizers library") from error
    if len(objects) > _MAX_PARTS:
        raise ValueError(f"a tokenizer of {len(objects):,} parts")
    for part in objects:
        if "Regex" in part and part["Regex"] not in _EXPRESSIONS:
            raise ValueError(f"a tokenizer with the pattern {str(part['Regex'])[:60]}")
    if growth > _MAX_GROWTH:
        raise ValueError(f"a tokenizer that makes a text more than {_MAX_GROWTH} times as long")


def _check_words(model: _Object) -> None:
    """Check that no word takes long: its parts are looked up, each with a prefix before it."""
    prefix = model.get("continuing_subword_prefix") or ""
    suffix = model.get("end_of_word_suffix") or ""
    longest = model.get("max_input_chars_per_word", 0)
    if model.get("dropout") or longest > _MAX_WORD or len(prefix + suffix) > _MAX_GROWTH:
        what = "dropout, long prefixes"
        raise ValueError(f"a tokenizer with {what}, or for words of {longest!s:.20} characters")


def _growth(part: _Object) -> float:
    """Return how many times as long a part of a tokenizer makes a text, at most."""
    charsmap = base64.b64decode(part.get("precompiled_charsmap") or "")
    replacements = charsmap[4 + int.from_bytes(charsmap[:4], "little") :].split(b"\0")
    pattern = part.get("pattern") or {}
    replaced = len(pattern.get("String", " ")) or 1e-9
    added = len(part.get("content") or "") / replaced
    template = len(part.get("single", ()))
    # Usual are replacements of up to 33 bytes, and a text between two special tokens.
    longest = max(map(len, replacements))
    return max(1, added, longest / 8, len(part.get("prepend") or ""), template / 3)


def _objects(part: object) -> Iterator[_Object]:
    """Yield every JSON object in a part of a tokenizer."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from _objects(inner)


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

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the files of an encoder's folder.

        Raises:
            ArtifactError: the folder has not these files.
        """
        folder = Path(path).expanduser()
        fix = "export the encoder for feature extraction"
        for file in (graph_of(folder), folder / TOKENIZER):
            if not file.is_file():
                found = f"no {file.name}" if folder.is_dir() else "no folder"
                raise ArtifactError(
                    f"a folder with {GRAPHS[0]} and {TOKENIZER}",
                    found,
                    where=path,
                    fix=fix,
                )
        licences = sorted(folder.glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*"))
        short = [file for file in licences if file.is_file() and file.stat().st_size <= MAX_LICENCE]
        licence = short[0].read_bytes() if short else None
        graph = graph_of(folder).read_bytes()
        tokenizer = (folder / TOKENIZER).read_bytes()
        return cls(graph, tokenizer, licence, stated_window(folder))

    def sha256(self) -> str:
        """Return the SHA-256 of the graph followed by the tokenizer."""
        return hashlib.sha256(self.graph + self.tokenizer).hexdigest()


@dataclass(frozen=True, eq=False)
class KeptTeacher:
    """A sentence encoder with a linear model of its embeddings, whose scores are added to the
    others'.

    Attributes:
        weights: float32 [number, column]; the first numbers of a text are those of its mean
            embedding.
        bias: float32 [column], as in `LinearModel`.
        files: of the encoder.
    """

    weights: Float32s
    bias: Float32s
    files: EncoderFiles

    def scores(self, embeddings: Float32s) -> Float32s:
        """Return float32 [text, column] for embeddings [text, number], each row as if it were
        alone.

        More numbers than `weights` has rows are left out.
        """
        rows = [row[: len(self.weights)] @ self.weights + self.bias for row in embeddings]
        return np.array(rows, np.float32).reshape(len(rows), len(self.bias))

    def without_files(self) -> KeptTeacher:
        """Return the same without the contents of the encoder's files, which take memory."""
        return replace(self, files=replace(self.files, graph=b"", tokenizer=b""))

    def to_arrays(self) -> dict[str, Array]:
        """Return the linear model as named arrays, ready for safetensors; `from_arrays` takes them
        back.
        """
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
            ArtifactError: an array or a number is missing or out of its range.
        """
        weights, bias = checked_weights(arrays, "teacher")
        (window,) = checked_array(arrays, "teacher/window", np.int64, 1, length=1).tolist()
        if not len(weights):
            raise wrong("teacher/weights", "at least 1 row", "none")
        if not MIN_WINDOW <= window <= MAX_WINDOW:
            raise wrong("teacher/window", f"{MIN_WINDOW} to {MAX_WINDOW} tokens", str(window))
        return cls(weights, bias, EncoderFiles(graph, tokenizer, licence, window))


def graph_of(folder: Path) -> Path:
    """Return the graph in an encoder's folder, there or not."""
    return next((folder / name for name in GRAPHS if (folder / name).is_file()), folder / GRAPHS[0])


def stated_window(folder: Path) -> int:
    """Return the number of tokens that an encoder reads, as its files state it, from 8 to 512.

    It is the smallest of `max_seq_length` in sentence_bert_config.json, `model_max_length` in
    tokenizer_config.json and `max_position_embeddings` in config.json. Where none is stated it is
    256, the window of the most widely used encoders.
    """
    lengths = []
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    ):
        try:
            settings = json.loads((folder / name).read_bytes())
            length = settings[key] - _POSITIONS_BEFORE_FIRST.get(settings.get("model_type"), 0)
        except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            continue
        # No limit is stated as a number such as 1e30.
        if 0 < length <= 1_000_000:
            lengths.append(int(length))
    return min(max(min(lengths, default=DEFAULT_WINDOW), MIN_WINDOW), MAX_WINDOW)
