"""The language model that a training continues: what is taken over from it, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings, with_changes
from foretell.errors import UsageError
from foretell.presets import DEFAULT_PRESET, preset
from foretell.training.ancestry import ContinuedModel, check_unchanged

_SHAPE = ("network", "tokens", "lowercase", "embedding_size", "units", "layers")
"""Settings that the weights and the tokens of a model depend on: they stay as they are."""

RATE = 0.25
"""The learning rate of a continued training, in proportion to that of the model (docs/benchmarks.md)."""

_NOISE = 0.1
_BIAS_QUANTILE = 0.1
"""New words are as probable at first as the words of this quantile of the biases."""


class Scorer(Protocol):
    """A language model that is opened for prediction; `WordsRuntime` is one."""

    def score(self, lines: Iterable[str]) -> Any:
        """Return the `Score` of lines of text."""


OpenScorer = Callable[[Path], Scorer]
"""Opens a model directory: `WordsRuntime.open`, which is a layer above."""


class WordsAncestor(ContinuedModel[Scorer]):
    """A language model whose training is continued. Make one with `read_words_ancestor`."""


def read_words_ancestor(path: str | Path, open_scorer: OpenScorer) -> WordsAncestor:
    """Read the model directory of a language model.

    Args:
        path: the model directory.
        open_scorer: opens a model directory for prediction.

    Raises:
        UsageError: it holds a classifier, or the article's language model.
        ArtifactError: it cannot be trusted (each reason has its own subclass).
    """
    model = read_model(path)
    if model.job != "words":
        raise UsageError(
            expected="a language model to continue",
            found="a classifier",
            where=str(path),
            fix="give a model that foretell train words made",
        )
    settings = cast(WordsSettings, model.settings)
    if not settings.traits.carries_state:
        raise UsageError(
            expected="a language model with embeddings",
            found="the article's, which reads raw integers",
            where=str(path),
            fix="train one with foretell train words --preset base",
        )
    runtime = open_scorer(Path(path))
    return WordsAncestor(name=Path(path).resolve().name, model=model, runtime=runtime, open=open_scorer)


def continued_words_settings(model: Model, name: str | None, changes: Mapping[str, Any]) -> WordsSettings:
    """Return the settings of a training that continues a model.

    The learning rate is a quarter of the model's, unless it is given: the optimizer starts anew, and at the
    full rate it would soon forget what the model has learned.

    Args:
        model: the language model; its own settings are where the others start from.
        name: of a preset to start from instead; None: the model's settings.
        changes: fields to change.

    Raises:
        SettingsError: no such preset or setting; or another network, other tokens or other sizes than the
            model has.
    """
    own = cast(WordsSettings, model.settings)
    base = own if name is None else cast(WordsSettings, preset("words", name))
    rate = {} if model.ancestors and name is None else {"learning_rate": RATE * base.learning_rate}
    settings = with_changes(base, {**rate, **changes})
    check_unchanged(own, settings, _SHAPE, name=name, changes=changes, data="text")
    return settings


def settings_for(
    name: str, changes: Mapping[str, Any], ancestor: WordsAncestor | None
) -> tuple[WordsSettings, str]:
    """Return the settings of a training from Python, and the name of its preset.

    Args:
        name: of a preset; the default one does not count as given where a model is continued.
        changes: fields to change.
        ancestor: the model to continue, or None.

    Raises:
        SettingsError: as `with_changes` and `continued_words_settings`.
    """
    if ancestor is None:
        return with_changes(cast(WordsSettings, preset("words", name)), dict(changes)), name
    own = ancestor.model.preset
    given = None if name in (DEFAULT_PRESET, own) else name
    return continued_words_settings(ancestor.model, given, changes), given or own


def continued_weights(fresh: Weights, old: Weights) -> Weights:
    """Return the weights that a continued training starts from.

    Rows of old words are copied. The embedding of a new word is the mean of the old ones with a little noise,
    so that no new word is more probable than all old ones (Hewitt 2021, "Initializing New Word Embeddings for
    Pretrained Language Models").

    Args:
        fresh: of the new network, with a row for every word.
        old: of the model to continue, whose words are the first.
    """
    n = len(old["embedding"])
    embedding, bias = fresh["embedding"].copy(), fresh["output/bias"].copy()
    spread = float(old["embedding"].std()) / max(float(embedding.std()), 1e-9)
    embedding = old["embedding"].mean(axis=0) + np.float32(_NOISE * spread) * embedding
    embedding[:n] = old["embedding"]
    bias[:] = np.quantile(old["output/bias"], _BIAS_QUANTILE)
    bias[:n] = old["output/bias"]
    return {**old, "embedding": embedding.astype(np.float32), "output/bias": bias}
