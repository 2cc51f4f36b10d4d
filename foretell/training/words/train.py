"""Train a language model, in stages.

corpus → tokens → Kneser–Ney model → network → interpolation → cache → model
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import UsageError
from foretell.machine import require_training
from foretell.training.events import Listener, Note
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run
from foretell.training.words.cache_fit import CacheFit, fit_cache
from foretell.training.words.data import TokenizedCorpus, tokenized
from foretell.training.words.interpolation_fit import InterpolationFit, interpolate
from foretell.training.words.kneser_ney_fit import KneserNeyFit, fit_kneser_ney
from foretell.training.words.measured_bytes import MeasuredBytes, measured_bytes

if TYPE_CHECKING:
    from foretell.training.words.state import TrainedNetwork


def train_words(
    corpus: Corpus, settings: WordsSettings, options: TrainOptions, *, valid: Corpus | None = None
) -> Model:
    """Train a language model on a corpus and write its model directory.

    Args:
        corpus: the text; read three times (digest, vocabulary, tokens).
        settings: every setting.
        options: how the training is run; `options.out` is the model directory to write. A resumed run gives
            bit for bit the weights of an uninterrupted one (same machine, same number of threads).
        valid: validation text; None: the end of `corpus`, a fraction `settings.valid_fraction` of it. The
            vocabulary is that of `corpus` alone.

    Returns:
        The model as it was written. Its metrics hold perplexity, per token; bits_per_byte, comparable between
        models with any tokens; network_perplexity, of the network alone; and baseline_perplexity, of a
        Kneser–Ney model, with `options.baseline` or `settings.kneser_ney`.

    Raises:
        DataError: the corpus or `valid` cannot be read, or is too short.
        UsageError: `valid` or `minutes` for the article's network, which does 50,000 iterations on all text.
        RunError: there is an unfinished run and neither `resume` nor `restart` is set; or none to resume.
        ArtifactError: the model directory cannot be written.
        Interrupted: a signal (or `options.stop_after_steps`); the run can be resumed.
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
    """
    require_training()
    check_valid(settings, valid)
    with Run.open(_request(corpus, valid, settings, options.listener), options) as run:
        with tokenized(run, corpus, valid, settings) as tokens:
            run.note_time()
            kneser_ney = _kneser_ney(tokens, settings, options)
            network = _network(run, tokens, settings)
            interpolation = _interpolation(network, kneser_ney, settings, options.listener)
            cache = _cache(network, kneser_ney, interpolation, tokens, options.listener)
            size = measured_bytes(tokens, corpus, valid) if settings.traits.carries_state else None
        model = Model(
            job="words",
            preset=options.preset,
            settings=settings,
            tokenizer=tokens.tokenizer,
            weights=network.weights,
            kneser_ney=None if interpolation is None else interpolation.kneser_ney,
            interpolation=None if interpolation is None else interpolation.interpolation,
            cache=None if cache is None else cache.cache,
            metrics=_metrics(network, kneser_ney, interpolation, size)
            | ({} if cache is None else cache.figures),
        )
        run.finish(model)
    return model


def check_valid(settings: WordsSettings, valid: object) -> None:
    """Check that the network can use validation text and a time limit; the article's cannot.

    Raises:
        UsageError: there is either, and the article's network is to be trained.
    """
    if valid is not None and not settings.traits.carries_state:
        raise UsageError(
            expected="no validation text, since the article's network has no validation",
            found="some",
            where="valid",
            fix="leave it out and evaluate the model on it, or choose the preset base",
        )
    if settings.minutes and not settings.traits.carries_state:
        raise UsageError(
            expected="no time limit, since the article's network does a set number of iterations",
            found=f"{settings.minutes:g}",
            where="minutes",
            fix=f"set iterations below {settings.iterations:,}, or choose the preset base",
        )


def _request(corpus: Corpus, valid: Corpus | None, settings: WordsSettings, listener: Listener) -> Request:
    """Return what is trained; it has one SHA-256 for all that is read."""
    data, sources = corpus.digest(), [corpus.name]
    if valid is not None:
        of_valid = valid.digest()
        if of_valid == data:
            listener(Note(text="the validation text is the training text: its figures are too optimistic"))
        data = hashlib.sha256(f"{data} {of_valid}".encode()).hexdigest()
        sources.append(valid.name)
    # Complete now that the texts have been read once.
    for note in (*corpus.notes, *(() if valid is None else valid.notes)):
        listener(Note(text=note))
    return Request(job="words", settings=settings, data=data, sources=sources)


def _kneser_ney(
    tokens: TokenizedCorpus, settings: WordsSettings, options: TrainOptions
) -> KneserNeyFit | None:
    """Fit the Kneser–Ney model where it is asked for and there is a text to measure it on."""
    if tokens.valid is None or not (options.baseline or settings.kneser_ney):
        return None
    return fit_kneser_ney(tokens.train, tokens.valid, tokens.tokenizer.size, settings, options.listener)


def _network(run: Run, tokens: TokenizedCorpus, settings: WordsSettings) -> TrainedNetwork:
    """Train the network that the settings name."""
    # Imported here, because TensorFlow takes seconds to load: errors in the text are reported before that.
    if settings.traits.carries_state:
        from foretell.training.words.loop import train_lstm

        return train_lstm(run, tokens, settings)
    from foretell.training.words.article import train_article

    return train_article(run, tokens.train, tokens.tokenizer.size, settings)


def _interpolation(
    network: TrainedNetwork, kneser_ney: KneserNeyFit | None, settings: WordsSettings, listener: Listener
) -> InterpolationFit | None:
    """Fit the interpolation weights where the Kneser–Ney model is a part of the language model."""
    if kneser_ney is None or network.valid_logs is None or not settings.kneser_ney:
        return None
    return interpolate(network.valid_logs, kneser_ney, listener)


def _cache(
    network: TrainedNetwork,
    kneser_ney: KneserNeyFit | None,
    interpolation: InterpolationFit | None,
    tokens: TokenizedCorpus,
    listener: Listener,
) -> CacheFit | None:
    """Fit the continuous cache where there is validation text and a network with a state."""
    if network.valid_hidden is None or network.valid_logs is None or tokens.valid is None:
        return None
    n_words = len(network.valid_hidden)
    logs = network.valid_logs[:n_words]
    if kneser_ney is not None and interpolation is not None:
        of_counts = kneser_ney.logs[:n_words], kneser_ney.lengths[:n_words]
        logs = interpolation.interpolation.logs(logs, *of_counts)
    return fit_cache(logs, network.valid_hidden, tokens.valid.read(1, n_words), listener)


def _metrics(
    network: TrainedNetwork,
    kneser_ney: KneserNeyFit | None,
    interpolation: InterpolationFit | None,
    size: MeasuredBytes | None,
) -> dict[str, object]:
    """Return the figures of the model; with interpolation, perplexity is that of both models together."""
    metrics = dict(network.metrics)
    if kneser_ney is not None:
        metrics |= kneser_ney.figures
    if interpolation is not None:
        metrics["network_accuracy"] = metrics.pop("accuracy")
        metrics |= interpolation.figures
    perplexity = metrics["perplexity"]
    if size is not None and isinstance(perplexity, float):
        metrics["bits_per_byte"] = size.bits_per_byte(-math.log(perplexity))
    return metrics
