"""The table of formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from foretell.cli.export import Target
from foretell.export.formats import FORMATS, Format
from foretell.export.source import Source


def test_every_format_can_be_chosen() -> None:
    assert set(FORMATS) == set(get_args(Format)) == set(get_args(Target))


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_of_a_format(models: dict[str, Path], name: Format) -> None:
    chosen = FORMATS[name]
    files = chosen.files(Source(models["labels"]), int8=False)
    assert files["model.onnx"]
    assert set(chosen.scripts) <= set(files)
    assert json.loads(files["package.json"]) == {"type": "module"}
    assert ("index.html" in files) == chosen.has_browser_runtime
