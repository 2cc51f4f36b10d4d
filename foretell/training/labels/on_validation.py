"""A training that decides on validation texts: penalties, ensemble and the network's best epoch."""

from __future__ import annotations

from foretell.config import LabelsSettings
from foretell.data.split import Split
from foretell.training.events import Stage
from foretell.training.labels.ancestor_member import with_ancestor
from foretell.training.labels.ensemble import choose_ensemble, final_linear, seconds_to_refit
from foretell.training.labels.figures import training_figures, valid_answers
from foretell.training.labels.linear import fit_linear
from foretell.training.labels.network import pseudo_labelled_texts, train_network
from foretell.training.labels.outcome import Outcome
from foretell.training.labels.pseudo_labels import make_pseudo_labels
from foretell.training.labels.start import Start
from foretell.training.labels.tokens import Tokens
from foretell.training.labels.unlabelled_in_time import unlabelled_in_time
from foretell.training.run import Run


def decide_on_validation(
    tokens: Tokens, split: Split, settings: LabelsSettings, run: Run, start: Start | None
) -> Outcome:
    """Train the parts of a classifier.

    Args:
        tokens: the tokenized split.
        split: its texts.
        settings: the configuration.
        run: the training in progress.
        start: a language model or classifier that the network starts from, or None.
    """
    run.options.listener(Stage(name="linear model", done=0.08))
    linear = fit_linear(tokens, split, settings, run.options)
    tokens = unlabelled_in_time(tokens, linear, settings, run)
    pseudo = with_ancestor(make_pseudo_labels(tokens, linear, settings, run), start, tokens)
    network = train_network(
        tokens,
        pseudo_labelled_texts(tokens, pseudo, settings, run.options.listener),
        settings,
        run,
        start=start,
        seconds_after=seconds_to_refit(tokens, pseudo, settings),
        also_saved=pseudo.to_arrays() if len(tokens.unlabelled) else {},
    )
    ensemble = choose_ensemble(tokens, network.valid, pseudo, settings)
    return Outcome(
        weights=network.weights,
        linear=final_linear(tokens, pseudo, settings),
        ensemble=ensemble,
        measured=valid_answers(split, tokens, pseudo, network, ensemble),
        metrics=training_figures(split, tokens, linear, pseudo, network, ensemble, settings),
    )
