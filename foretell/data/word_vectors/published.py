"""Licences of published word vectors, by the names of their files."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FASTTEXT = "CC-BY-SA-3.0"
_SHARE_ALIKE = (
    "a share-alike licence: check what it requires before you pass on a model that contains rows of them"
)


@dataclass(frozen=True, slots=True)
class Published:
    """What is known about published vectors.

    Attributes:
        licence: SPDX identifier; None: not known.
        note: a warning for the user; None: none.
    """

    licence: str | None
    note: str | None = None


# fasttext.cc: English vectors, and those of 157 languages and of Wikipedia ("cc.de.300.vec", "wiki.de.vec").
_BY_NAME = (
    (re.compile(r"glove\.(6B|42B|840B|twitter\.27B)\b", re.I), Published("PDDL-1.0")),
    (
        re.compile(
            r"(cc|wiki)\.[a-z-]+(\.300|\.align)?\.vec|(wiki-news|crawl)-300d-\d+M(-subword)?\.vec", re.I
        ),
        Published(_FASTTEXT, f"fastText's published vectors are under {_FASTTEXT}, {_SHARE_ALIKE}"),
    ),
    (
        re.compile(r"numberbatch\b", re.I),
        Published("CC-BY-SA-4.0", f"ConceptNet Numberbatch is under CC-BY-SA-4.0, {_SHARE_ALIKE}"),
    ),
    (
        re.compile(r".*\.vec(\.gz)?$", re.I),
        Published(
            None, f"if these are fastText's published vectors, they are under {_FASTTEXT}, {_SHARE_ALIKE}"
        ),
    ),
)


def published(name: str) -> Published:
    """Return what the name of a file suggests about its licence."""
    return next((known for pattern, known in _BY_NAME if pattern.match(name)), Published(None))
