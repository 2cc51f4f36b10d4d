"""`read_word_vectors`: word vectors of any format, of which only the rows that are needed are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from foretell.data.decode import existing, open_bytes
from foretell.data.signatures import kind_of
from foretell.data.word_vectors.array_rows import NPY, is_safetensors, read_npy_rows, read_safetensors_rows
from foretell.data.word_vectors.binary_rows import FASTTEXT_MODEL, is_binary, read_binary_rows
from foretell.data.word_vectors.package import glove_package
from foretell.data.word_vectors.published import published
from foretell.data.word_vectors.selection import Selection
from foretell.data.word_vectors.text_rows import not_vectors, read_text_rows
from foretell.data.word_vectors.vectors import WordVectors
from foretell.data.word_vectors.vocabulary import find_vocabulary, vocabulary_words
from foretell.errors import DataError, SettingsError
from foretell.hashes import sha256_of

GLOVE = "glove"
"""The name of the vectors that the extra `glove` installs."""
FREQUENT = 50_000
"""Rows that are kept in any case: the first of the file, which are the most frequent in published files."""

_START = 1 << 16
_GZIP = b"\x1f\x8b"
# Of the words with a letter; below the first share the vectors are not of the texts' language.
_MIN_KNOWN_SHARE = 0.01
_FEW_KNOWN_SHARE = 0.3


def read_word_vectors(
    path_or_name: str | Path, *, words: Collection[str] | None = None, frequent: int = FREQUENT
) -> WordVectors:
    """Read the word vectors that are needed for some words, and the most frequent ones.

    The file is never in memory as a whole: a row that is kept takes one byte for each number, any other none.
    The format is recognised by the content: GloVe's text, word2vec's text and binary formats and fastText's
    .vec, each also compressed with gzip; .npy and .safetensors with a vocabulary beside them (see
    `vocabulary`).

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
    selection = Selection(words or (), frequent)
    files: tuple[Path, ...]
    licence: str | None
    if str(path_or_name) == GLOVE:
        package = glove_package()
        dimension = read_npy_rows(package.array, package.words(), package.index, selection)
        files, name = (package.array, package.index), package.name
        licence, notes = package.licence, []
    else:
        path = existing(path_or_name)
        files, dimension = _read_file(path, selection)
        known = published(path.name)
        name, licence = path.name, known.licence
        notes = [f"{name}: {known.note}"] if known.note else []
    kept, rows, scales = selection.result(dimension)
    if not selection.seen:
        raise not_vectors(Path(path_or_name), "no words")
    vectors = WordVectors(kept, rows, scales, name, sha256_of(*files), licence)
    notes += _coverage_notes(vectors, words or (), path_or_name)
    return WordVectors(kept, rows, scales, name, vectors.sha256, licence, tuple(notes))


def _read_file(path: Path, selection: Selection) -> tuple[tuple[Path, ...], int]:
    """Read the rows of a file; return the files that were read, and the dimension."""
    start = _start(path)
    if (read_array := _array_reader(path, start)) is not None:
        vocabulary = find_vocabulary(path)
        return (path, vocabulary), read_array(path, vocabulary_words(vocabulary), vocabulary, selection)
    if start.startswith(FASTTEXT_MODEL):
        raise DataError(
            expected="word vectors",
            found="a model of fastText",
            where=str(path),
            fix="download or write its vectors as text (.vec)",
        )
    if (kind := kind_of(start)) is not None:
        raise DataError(expected="word vectors", found=kind.name, where=str(path), fix=kind.advice)
    if is_binary(start):
        return (path,), read_binary_rows(path, selection)
    return (path,), read_text_rows(path, selection)


def _array_reader(path: Path, start: bytes) -> Callable[[Path, Iterable[str], Path, Selection], int] | None:
    """Return what reads a file that contains an array; None: it contains none.

    Raises:
        DataError: it is compressed; the rows of an array are read from their places in the file.
    """
    ending = path.suffix.lower()
    is_npy = start.startswith(NPY) or ending == ".npy"
    if not (is_npy or is_safetensors(start) or ending == ".safetensors"):
        return None
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            raise DataError(
                expected="an array that is not compressed",
                found="a gzip file",
                where=str(path),
                fix="unpack it first",
            )
    return read_npy_rows if is_npy else read_safetensors_rows


def _start(path: Path) -> bytes:
    """Return the first bytes of a file, decompressed."""
    if path.is_dir():
        raise DataError(
            expected="a file of word vectors", found="a folder", where=str(path), fix="name a file in it"
        )
    with open_bytes(path) as stream:
        if start := stream.read(_START):
            return start
    raise DataError(expected="word vectors", found="nothing: it is empty", where=str(path))


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
        share = 100 * known / len(with_letter)
        return [
            f"{vectors.name}: only {share:.0f} % of the words of the texts have a vector: check that the "
            "vectors are of their language"
        ]
    return []
