"""Is the best trial better than the preset, or only luckier on these validation texts?

The best of many trials looks better than it is, since it was chosen for its figure. White's reality check
(White 2000, Econometrica 68) takes that into account. The texts are drawn again with replacement, the same
for every trial. In each resample the largest gain over the preset that chance alone gives any trial is noted:
the gain in the resample minus the gain that was measured. The best trial is better by more than noise where
its gain is above 95 % of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float64s, Integers
from foretell.metrics.bootstrap import LEVEL, LabelCounts, resamples
from foretell.metrics.figures import MIN_PROBABILITY
from foretell.tuning.answers import Answers
from foretell.tuning.objective import Metric

_PERPLEXITY_SPREAD = 2.0
_MIN_PERPLEXITY_GAIN = 0.01


@dataclass(frozen=True)
class Noise:
    """What chance alone can give.

    Attributes:
        gain: the gain that the best trial must exceed, as `Objective.gain` measures it.
        rule: how it was found, for people.
    """

    gain: float
    rule: str


def noise_of_answers(metric: Metric, preset: Answers, others: Sequence[Answers]) -> Noise:
    """Return the noise of the best of several trials, by White's reality check.

    Args:
        metric: of a classifier.
        preset: the preset's answers.
        others: those of the trials, to the same texts.
    """
    n_labels = preset.probabilities.shape[1]
    rows = []
    for drawn in resamples(len(preset.targets), n_labels):
        base = _figures(metric, preset, drawn)
        rows.append(np.stack([_figures(metric, each, drawn) - base for each in others]))
    gains = np.concatenate(rows, axis=1)
    everything = np.arange(len(preset.targets))[None]
    measured = [
        float(_figures(metric, each, everything)[0] - _figures(metric, preset, everything)[0])
        for each in others
    ]
    largest = (gains - np.array(measured)[:, None]).max(axis=0)
    trials = "1 trial" if len(others) == 1 else f"the best of {len(others)} trials"
    rule = (
        f"what chance alone gives {trials} on {len(preset.targets):,} texts in {100 * LEVEL:g} % of the "
        "resamples (paired bootstrap, White's reality check)"
    )
    return Noise(float(np.quantile(largest, LEVEL)), rule)


def noise_of_perplexity(tokens: int) -> Noise:
    """Return the noise of a language model's perplexity, in nats a token, by a rule of thumb.

    A training keeps no log-probability of each token. Those of two models are taken to differ with a standard
    deviation of 1 nat, so that the mean over n tokens differs by up to 2 / √n nats by chance; never less than
    1 %, by which seeds alone differ.
    """
    gain = max(_PERPLEXITY_SPREAD / math.sqrt(max(tokens, 1)), _MIN_PERPLEXITY_GAIN)
    return Noise(gain, f"a rule of thumb for {tokens:,} validation tokens: 2 / √tokens nats, at least 0.01")


def _figures(metric: Metric, answers: Answers, drawn: Integers) -> Float64s:
    """Return the metric, higher is better, of each resample of `drawn` [resample, text]: [resample]."""
    if metric == "log_loss":
        given = answers.probabilities[np.arange(len(answers.targets)), answers.targets].astype(np.float64)
        logs: Float64s = np.log(np.clip(given, MIN_PROBABILITY, 1.0))[drawn].mean(axis=1)
        return logs
    predicted = answers.probabilities.argmax(axis=1)
    counts = LabelCounts.of(answers.targets, predicted, drawn, answers.probabilities.shape[1])
    return counts.accuracy if metric == "accuracy" else counts.macro_f1
