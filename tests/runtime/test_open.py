"""One dispatch by job: the runtime of a model directory, or of a model that was verified before."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from foretell.artifacts.directory import open_verified
from foretell.errors import NotAModelError, SettingsError
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.runtime.words.predictor import WordsRuntime


def test_the_job_decides(lstm: WordsRuntime, any_labels: LabelsRuntime) -> None:
    for runtime in (lstm, any_labels):
        for model in (runtime.path, str(runtime.path), open_verified(runtime.path)):
            opened = open_model(model)
            assert type(opened) is type(runtime)
            assert opened.path == runtime.path


def test_a_changed_model_answers_as_it_was_changed(any_labels: LabelsRuntime) -> None:
    cooled = dataclasses.replace(any_labels.model, ensemble=Ensemble(network=0.25))
    runtime = open_model(cooled)
    assert isinstance(runtime, LabelsRuntime)
    before, after = (each.predict_proba(["the mind"])[0].astype(float) for each in (any_labels, runtime))
    assert np.log(after[1] / after[0]) == pytest.approx(np.log(before[1] / before[0]) / 4, rel=1e-3)


def test_errors_are_those_of_the_directory_and_of_the_threads(lstm: WordsRuntime, tmp_path) -> None:
    with pytest.raises(NotAModelError):
        open_model(tmp_path)
    with pytest.raises(SettingsError, match="threads: expected at least 1"):
        open_model(lstm.path, threads=0)


def test_only_the_runtime_of_the_job_is_imported(lstm: WordsRuntime, any_labels: LabelsRuntime) -> None:
    for runtime, other in ((lstm, "labels.classifier"), (any_labels, "words.predictor")):
        script = (
            f"import sys; from foretell.runtime.open import open_model; open_model({str(runtime.path)!r});"
            f"sys.exit('foretell.runtime.{other}' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", script]).returncode == 0
