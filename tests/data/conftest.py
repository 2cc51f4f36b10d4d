"""Where the full sets are, for the tests of the data layer that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def full_sets() -> Path:
    """The folder with the full archives; the test is skipped where they are missing."""
    folder = Path(os.environ.get("FORETELL_DATA", _DEFAULT))
    if not (folder / "aclImdb_v1.tar.gz").is_file():
        pytest.skip("needs aclImdb_v1.tar.gz: set FORETELL_DATA to the folder that holds it")
    return folder
