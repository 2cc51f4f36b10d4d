"""The .keras file, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_workplace import Copies

from foretell.export.source import Source


@pytest.mark.parametrize("name", ["labels", "words", "words-article"])
def test_a_file_is_read_back(models: dict[str, Path], copies: Copies, name: str) -> None:
    from foretell.export import keras_format

    source = Source(models[name])
    answer = keras_format.read_back(copies[name, "keras"].path, source)
    text = "the mind adapts and converts"
    expected = source.answers([text])[0]
    known = ~np.isnan(expected)
    np.testing.assert_allclose(answer(source.ids(text))[-1][known], expected[known], atol=1e-5)
