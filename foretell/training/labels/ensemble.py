"""Step 6 of a classifier's training: the ensemble weights, and the last fit of the linear model."""

from __future__ import annotations

from foretell.arrays import Probabilities
from foretell.config import LabelsSettings
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, log_of
from foretell.ngrams.linear import LinearModel
from foretell.training.labels.ensemble_fit import LINEAR, fit_ensemble
from foretell.training.labels.linear import refit_linear
from foretell.training.labels.pseudo_labels import PseudoLabels
from foretell.training.labels.tokens import Tokens

UNFITTED = Ensemble(network=0.5, linear=0.5)
"""The ensemble weights without validation texts to fit them on."""

_MARGIN = 1.25
"""Safety factor on the duration of the previous fit: other programs may run on the machine too."""


def choose_ensemble(
    tokens: Tokens, network: Probabilities | None, pseudo: PseudoLabels, settings: LabelsSettings
) -> Ensemble:
    """Return how the network and the linear model are combined.

    Args:
        tokens: the tokenized split.
        network: the network's probabilities of the validation texts [text, label]; None: there are none.
        pseudo: holds the linear model's.
        settings: `linear` says whether the linear model is a member. The article's probabilities stay as its
            network gives them.
    """
    valid, linear = tokens.valid, pseudo.linear.valid
    if not settings.linear:
        if valid is None or network is None or settings.traits.follows_article:
            return NETWORK_ALONE
        return fit_ensemble(valid.targets, [log_of(network), None], balance=tokens.balance)
    if valid is None or network is None or linear is None:
        return UNFITTED
    return fit_ensemble(valid.targets, [log_of(network), linear], LINEAR, balance=tokens.balance)


def final_linear(tokens: Tokens, pseudo: PseudoLabels, settings: LabelsSettings) -> LinearModel | None:
    """Return the linear model of the classifier; with `refit`, fitted to the validation texts too."""
    if not _refits(tokens, settings):
        return pseudo.linear.model
    return refit_linear(tokens, pseudo.soft, pseudo.vectors)


def seconds_to_refit(tokens: Tokens, pseudo: PseudoLabels, settings: LabelsSettings) -> float:
    """Return the seconds that `final_linear` will take, estimated from the previous fit."""
    return _MARGIN * pseudo.linear.seconds if _refits(tokens, settings) else 0.0


def _refits(tokens: Tokens, settings: LabelsSettings) -> bool:
    return settings.linear and settings.refit and tokens.valid is not None
