"""`Tuned`: what a search found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.config import Job
from foretell.tuning.choosing import Chosen
from foretell.tuning.objective import Objective
from foretell.tuning.trials import TrialRecord

if TYPE_CHECKING:
    from foretell.language_model import LanguageModel
    from foretell.text_classifier import TextClassifier


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The result of a search.

    Attributes:
        job: "words" or "labels".
        objective: what was optimized.
        preset: the name of the preset that the search started from.
        data: the name of the data.
        out: the folder with model/, report.html and the study.
        trials: every trial, by number.
        chosen: the trial whose model is in `out`, and why.
        importance: of each searched setting; the sum is 1. Empty for few trials.
        command: trains the model again.
        seconds: of the whole command.
    """

    job: Job
    objective: Objective
    preset: str
    data: str
    out: Path
    trials: tuple[TrialRecord, ...]
    chosen: Chosen
    importance: dict[str, float]
    command: str
    seconds: float

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the chosen trial that differ from the preset's."""
        return dict(self.chosen.trial.changes)

    @property
    def path(self) -> Path:
        """The model directory."""
        return self.out / "model"

    @property
    def report_path(self) -> Path:
        """The report, an HTML page."""
        return self.out / "report.html"

    def load(self) -> LanguageModel | TextClassifier:
        """Open the model."""
        from foretell import load

        return load(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON: what `foretell tune --json` prints."""
        chosen = self.chosen
        return {
            "job": self.job,
            "metric": self.objective.metric,
            "preset": self.preset,
            "data": self.data,
            "model": str(self.path),
            "report": str(self.report_path),
            "chosen": chosen.trial.number,
            "value": chosen.trial.value,
            "preset_value": None if chosen.preset is None else chosen.preset.value,
            "beats_preset": chosen.beats_preset,
            "gain": chosen.gain,
            "noise": chosen.noise,
            "reason": chosen.reason,
            "settings": self.settings,
            "command": self.command,
            "importance": self.importance,
            "seconds": self.seconds,
            "trials": [asdict(each) for each in self.trials],
        }
