"""Which trial's model is the result: the best one that is allowed, or the preset where that is not clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foretell.errors import RunError
from foretell.tuning.answers import read_answers
from foretell.tuning.driver import complete, ranking, trial_folder
from foretell.tuning.noise import Noise, noise_of_answers, noise_of_perplexity
from foretell.tuning.objective import Objective
from foretell.tuning.trials import TrialRecord

FEW = 5
"""Trials whose latency is measured, the best ones, and the preset."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model may need at most; None: as much as it likes.

    Attributes:
        model_mb: megabytes of the model directory.
        ms: milliseconds of one prediction.
    """

    model_mb: float | None = None
    ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The result.

    Attributes:
        trial: whose model it is.
        best: the best trial within the limits.
        preset: the trial of the preset; None: it did not complete.
        gain: how much better `best` is than the preset, as `Objective.gain` measures it; None: no preset.
        noise: the gain that chance alone can give; None: not compared.
        reason: why `trial` was chosen, in one sentence.
    """

    trial: TrialRecord
    best: TrialRecord
    preset: TrialRecord | None
    gain: float | None
    noise: float | None
    reason: str

    @property
    def beats_preset(self) -> bool:
        """Whether the result is another trial than the preset, better by more than noise."""
        return self.noise is not None and self.trial is not self.preset and self.gain is not None


def preset_of(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the complete trial with the preset's settings, or None."""
    return next((each for each in complete(records) if each.is_preset), None)


def candidates(records: Sequence[TrialRecord], objective: Objective, limits: Limits) -> list[TrialRecord]:
    """Return the trials whose models are small enough, the best first.

    Raises:
        RunError: no trial is complete, or no model is small enough.
    """
    if not complete(records):
        errors = [each.error for each in records if each.error]
        raise RunError(
            expected="a trial that ends within the time limit",
            found="none" + (f" ({errors[-1]})" if errors else ""),
            fix="allow more --minutes; the same command continues the study",
        )
    ranked = ranking(records, objective, limits.model_mb)
    if not ranked:
        smallest = min(complete(records), key=lambda each: each.size_mb or 0.0)
        raise RunError(
            expected=f"a model of at most {limits.model_mb:g} MB among {len(complete(records))} trials",
            found=f"none; the smallest has {smallest.size_mb:.2f} MB ({smallest.described()})",
            where="max-model-mb",
            fix="allow more, or set smaller --units, --vocabulary or --linear-vocabulary",
        )
    return ranked


def choose(
    ranked: Sequence[TrialRecord],
    records: Sequence[TrialRecord],
    latency: Mapping[int, float],
    objective: Objective,
    limits: Limits,
    folder: Path,
) -> Chosen:
    """Return the result of a search.

    Args:
        ranked: the trials within the limit of size whose models are there, the best first.
        records: every trial: the more there were, the more the best one gains by chance.
        latency: milliseconds of one prediction of the trials for which it was measured.
        objective: what was optimized.
        limits: what a model may need.
        folder: the folder of the trials, with the answers of each.

    Raises:
        RunError: no model is fast enough.
    """
    allowed = list(ranked)
    if limits.ms is not None:
        measured = [each for each in ranked if each.number in latency]
        allowed = [each for each in measured if latency[each.number] <= limits.ms]
        if not allowed:
            fastest = min(measured, key=lambda each: latency[each.number])
            raise RunError(
                expected=f"a model that predicts in {limits.ms:g} ms among the best {len(measured)}",
                found=f"none; the fastest takes {latency[fastest.number]:.2f} ms ({fastest.described()})",
                where="max-ms",
                fix="allow more, or set smaller --units",
            )
    first, preset = allowed[0], preset_of(allowed)
    if preset is None or first is preset:
        reason = (
            f"the preset's {objective.title} of {objective.shown(_value(first))} is the best"
            if first is preset
            else "the best trial; the preset did not complete, or is not within the limits"
        )
        return Chosen(trial=first, best=first, preset=preset, gain=None, noise=None, reason=reason)
    return _against_preset(first, preset, records, objective, folder)


def _against_preset(
    first: TrialRecord,
    preset: TrialRecord,
    records: Sequence[TrialRecord],
    objective: Objective,
    folder: Path,
) -> Chosen:
    gain, noise = objective.gain(_value(first), _value(preset)), _noise(preset, records, objective, folder)
    is_better = noise is not None and gain > noise.gain
    what = f"trial {first.number} is better than the preset by {objective.shown_gain(gain)}"
    if noise is None:
        reason = f"{what}, but no answers are there to compare: the preset is kept"
    elif is_better:
        reason = f"{what}, more than {objective.shown_gain(noise.gain)}, {noise.rule}"
    else:
        reason = f"{what}, no more than {objective.shown_gain(noise.gain)}, {noise.rule}: the preset is kept"
    return Chosen(
        trial=first if is_better else preset,
        best=first,
        preset=preset,
        gain=gain,
        noise=None if noise is None else noise.gain,
        reason=reason,
    )


def _noise(
    preset: TrialRecord, records: Sequence[TrialRecord], objective: Objective, folder: Path
) -> Noise | None:
    if objective.metric == "perplexity":
        counted = [preset.figures.get(f"measured_{unit}") for unit in ("words", "tokens")]
        return noise_of_perplexity(int(max(n for n in (*counted, 1.0) if n is not None)))
    base = read_answers(trial_folder(folder, preset.number))
    trials = [each for each in complete(records) if each.number != preset.number]
    others = [read_answers(trial_folder(folder, each.number)) for each in trials]
    if base is None:
        return None
    same = [each for each in others if each is not None and each.are_of_the_texts_of(base)]
    return noise_of_answers(objective.metric, base, same) if same else None


def _value(record: TrialRecord) -> float:
    assert record.value is not None
    return record.value
