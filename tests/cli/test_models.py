"""Model directories: opened for the right job, refused for the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.cli.inputs import open_labels, open_model, open_words
from foretell.errors import NotAModelError, UsageError


def test_a_model_is_opened_for_its_job(workplace: Path) -> None:
    assert open_model(str(workplace / "notes-model")).job == "words"
    assert open_words(str(workplace / "notes-model")).tokenizer.size > 10
    assert open_labels(str(workplace / "reviews-model")).labels == ["negative", "positive"]


def test_a_model_for_the_other_job_is_refused_with_the_commands_for_it(workplace: Path) -> None:
    with pytest.raises(
        UsageError, match="expected a model for words, found one for labels; use foretell classify"
    ):
        open_words(str(workplace / "reviews-model"))
    with pytest.raises(
        UsageError, match="expected a model for labels, found one for words; use foretell next"
    ):
        open_labels(str(workplace / "notes-model"))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAModelError):
        open_model(str(tmp_path))
