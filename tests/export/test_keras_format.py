"""The .keras file, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_workplace import MODELS

from foretell.export.source import Source


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_is_read_back(models: dict[str, Path], name: str, tmp_path: Path) -> None:
    from foretell.export import keras_format

    source = Source(models[name])
    (tmp_path / keras_format.FILE).write_bytes(keras_format.model_bytes(source))
    answer = keras_format.read_back(tmp_path, source)
    text = "the mind adapts and converts"
    expected = source.answers([text])[0]
    known = ~np.isnan(expected)
    np.testing.assert_allclose(answer(source.ids(text))[-1][known], expected[known], atol=1e-5)
