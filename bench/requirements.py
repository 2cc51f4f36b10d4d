"""What each benchmark needs beyond foretell's own dependencies: packages of the peers, archives of data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

SHARED_DATA = Path("..") / "shared" / "data"


@dataclass(frozen=True)
class Requirements:
    """What has to be there before a benchmark starts.

    Attributes:
        packages: modules that must be importable.
        archives: files in the folder that FORETELL_DATA names.
    """

    packages: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()


NOTHING = Requirements()

BENCHMARKS: dict[str, Requirements] = {
    "predict": NOTHING,
    "explain": NOTHING,
    "serve": NOTHING,
    "pipe": NOTHING,
    "page": Requirements(packages=("playwright",)),
    "article_words": NOTHING,
    "article_labels": NOTHING,
    "cnn_lstm": NOTHING,
    "peers": Requirements(packages=("fasttext", "torch")),
    "imdb_presets": NOTHING,
    "minutes": NOTHING,
    "lstm_layer": Requirements(packages=("numba", "torch")),
    "language_model": Requirements(packages=("torch",)),
    "imdb_words": NOTHING,
    "penn_treebank": Requirements(archives=("ptb.zip",)),
    "few_labels": Requirements(packages=("fasttext",), archives=("few-labels.zip",)),
    "tune": Requirements(packages=("optuna",), archives=("few-labels.zip",)),
    "survey_speed": Requirements(archives=("few-labels.zip",)),
    "label_errors": Requirements(archives=("few-labels.zip",)),
    "balance": Requirements(archives=("few-labels.zip",)),
    "multi_label": Requirements(archives=("few-labels.zip",)),
    "annotate": Requirements(archives=("few-labels.zip",)),
    "continuing": Requirements(archives=("few-labels.zip",)),
    "continuing_words": Requirements(archives=("few-labels.zip", "ptb.zip")),
    "other_sets": NOTHING,
    "ablation": NOTHING,
    "big_text": NOTHING,
    "cluster": Requirements(packages=("ray",)),
    "together": Requirements(packages=("ray",)),
}
"""Every benchmark of `python -m bench`, in the order in which they run."""


def data_folder() -> Path | None:
    """Return the folder of FORETELL_DATA, else the shared one beside the project where there is one."""
    folder = os.environ.get("FORETELL_DATA")
    if folder:
        return Path(folder)
    return SHARED_DATA.resolve() if SHARED_DATA.is_dir() else None


def archive(name: str) -> Path:
    """Return the path of an archive in the data folder; `require` it."""
    require(archives=(name,))
    folder = data_folder()
    assert folder is not None
    return folder / name


def require(packages: Iterable[str] = (), archives: Iterable[str] = ()) -> None:
    """End the program with one line where a package or an archive is missing.

    Args:
        packages: modules that must be importable.
        archives: files that must be in the data folder.

    Raises:
        SystemExit: something is missing; the line names all of it.
    """
    folder = data_folder()
    no_packages = [name for name in dict.fromkeys(packages) if find_spec(name) is None]
    no_archives = [
        name for name in dict.fromkeys(archives) if folder is None or not (folder / name).is_file()
    ]
    fixes = []
    if no_packages:
        fixes.append("start the benchmarks by `make bench`, which installs the packages")
    if no_archives:
        fixes.append("set FORETELL_DATA to the folder that holds the archives")
    if fixes:
        missing = ", ".join([*no_packages, *no_archives])
        raise SystemExit(
            f"expected the packages and archives of the benchmarks, missing: {missing}; {'; '.join(fixes)}"
        )
