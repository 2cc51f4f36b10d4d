"""Train a language model, in stages.

corpus → tokens → Kneser–Ney model → network → interpolation → cache → model

With a time limit each stage gets its share of the time that is left, and is shortened or left out
where it would take longer. The time for what cannot be left out, one step and writing the model, is
reserved.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.data.corpus import Corpus
from foretell.errors import UsageError
from foretell.machine import require_training
from foretell.metrics import bits_per_byte
from foretell.ngrams.suggestions import METRICS
from foretell.readable import percent
from foretell.runtime.words.evaluation import evaluate_words
from foretell.runtime.words.predictor import WordsRuntime
from foretell.training.budget import InTime
from foretell.training.events import Listener, Note
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run
from foretell.training.words.continued import ContinuedWords, continued_corpus, finished
from foretell.training.words.data import MeasuredBytes, TokenizedCorpus, measured_bytes, tokenized
from foretell.training.words.kneser_ney_fit import MAX_WORDS, KneserNeyFit, fit_kneser_ney
from foretell.training.words.time_limit import words_in_time
from foretell.training.words.validation_fit import fit_cache, interpolate

if TYPE_CHECKING:
    from foretell.training.words.network import TrainableWords
    from foretell.training.words.step import NetworkResult

_WITHOUT_EFFECT = {
    "lstm": {"iterations"},
    "article": {
        "dropout",
        "embedding_size",
        "epochs",
        "min_steps",
        "patience",
        "streams",
        "valid_fraction",
        "word_dropout",
    },
}
"""Settings that a network does not read."""

_READING_SHARE = 1 / 16
_CACHE_SHARE = 1 / 2
_SUGGESTIONS_SHARE = 1 / 2
_REPORT_SHARE = 1 / 3
"""The parts of the time left that reading the validation text again, fitting the cache, measuring
suggestions, and each of two texts on which a continued model is compared, may take."""


def train_words(
    corpus: Corpus,
    settings: WordsSettings,
    options: TrainOptions,
    *,
    valid: Corpus | None = None,
    continued: ContinuedWords | None = None,
) -> Model:
    """Train a language model on a corpus and write its model directory.

    Args:
        corpus: the text; read three times (digest, vocabulary, tokens).
        settings: every setting.
        options: how the training is run; `options.out` is the model directory to write. A resumed
            run gives bit for bit the weights of an uninterrupted one (same machine, same number of
            threads).
        valid: validation text; None: the end of `corpus`, a fraction `settings.valid_fraction` of
            it. The vocabulary is that of `corpus` alone.
        continued: a language model to continue, with old text or without. None: a new model.

    Returns:
        The model as it was written. Its metrics hold perplexity, per token; bits_per_byte,
        comparable between models with any tokens; network_perplexity, of the network alone; and
        baseline_perplexity, of a Kneser–Ney model, with `options.baseline` or
        `settings.kneser_ney`.

    Raises:
        DataError: the corpus or `valid` cannot be read, or is too short.
        UsageError: `valid` or `minutes` for the article's network, which does 50,000 iterations on
            all text.
        RunError: there is an unfinished run and neither `resume` nor `restart` is set; or none to
            resume.
        ArtifactError: the model directory cannot be written.
        Interrupted: a signal (or `options.stop_after_steps`); the run can be resumed.
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
    """
    require_training()
    check_valid(settings, valid)
    if unused := ", ".join(sorted(options.given & _WITHOUT_EFFECT[settings.network])):
        options.listener(Note(f"without effect on the network {settings.network}: {unused}"))
    request = _request(corpus, valid, settings, options.listener, continued)
    before = old_valid = None
    if continued is not None:
        before = continued.model
        corpus, valid, old_valid, settings = continued_corpus(corpus, continued, valid, settings)
    with Run.open(request, options) as run:
        run.begin_network()
        run.stage("counting words", 0.03)
        tokens = tokenized(run, corpus, valid, settings, before, old_valid)
        size = trainable = None
        if not settings.follows_article:
            trainable = _trainable(run, tokens, settings, before)
            tokens = trainable.corpus
            size = _size(run, tokens, corpus, valid)
        fits = _kneser_ney(run, tokens, settings, before)
        network, kneser_ney = _network(run, tokens, settings, trainable, before, fits)
        model = Model(
            job="words",
            preset=options.preset,
            settings=settings,
            tokenizer=tokens.tokenizer,
            weights=network.weights,
            ancestors=() if before is None else before.lineage,
            metrics=network.metrics,
        )
        model = _with_kneser_ney(run, model, network, kneser_ney, size)
        model = _with_cache(run, model, network, kneser_ney, tokens)
        model = _with_suggestions(run, model, size)
        if continued is not None:
            seconds = run.budget.share(_REPORT_SHARE)
            model = finished(run, model, continued, valid, old_valid, seconds)
        run.finish(model)
    return model


def check_valid(settings: WordsSettings, valid: object) -> None:
    """Check that the network can use validation text and a time limit; the article's cannot.

    Raises:
        UsageError: there is one of them, and the article's network is to be trained.
    """
    given = {"valid": valid, "minutes": settings.minutes or None}
    where = next((name for name, value in given.items() if value is not None), None)
    if where is not None and settings.follows_article:
        raise UsageError(
            f"no {where}, since the article's network does iterations on all text, one by one",
            f"{settings.minutes:g}" if where == "minutes" else "one",
            where=where,
            fix="leave it out (fewer iterations take less time), or choose the preset base",
        )


def _request(
    corpus: Corpus,
    valid: Corpus | None,
    settings: WordsSettings,
    listener: Listener,
    continued: ContinuedWords | None,
) -> Request:
    """Return what is trained; it has one SHA-256 for all that is read."""
    data = corpus.digest()
    if valid is not None:
        of_valid = valid.digest()
        if of_valid == data:
            text = "the validation text is the training text: its metrics are too optimistic"
            listener(Note(text))
        data = hashlib.sha256(f"{data} {of_valid}".encode()).hexdigest()
    if continued is not None:
        data = hashlib.sha256(" ".join([data, *continued.digests()]).encode()).hexdigest()
    # Complete now that the texts have been read once.
    for read in filter(None, (corpus, valid)):
        for note in read.notes:
            listener(Note(note))
    return Request(job="words", settings=settings, data=data)


def _trainable(
    run: Run,
    tokens: TokenizedCorpus,
    settings: WordsSettings,
    before: Model | None,
) -> TrainableWords:
    """Make the network, ready to be trained.

    It comes first because it decides, with a time limit, how much is measured.
    """
    run.stage("preparing the network", 0.06)
    # Imported here, because TensorFlow takes seconds to load: errors in the text are reported
    # before that.
    from foretell.training.words.network import TrainableWords

    network = TrainableWords(run, tokens, settings, before)
    network.prepare()
    return network


def _size(
    run: Run, tokens: TokenizedCorpus, corpus: Corpus, valid: Corpus | None
) -> MeasuredBytes | None:
    """Return the size of what is measured; None: it has no lines, or the time limit is too short
    for it.
    """
    texts = InTime(corpus if valid is None else valid, run.budget, run.budget.share(_READING_SHARE))
    size = measured_bytes(tokens, texts, are_valid=valid is not None)
    if texts.is_cut:
        run.note("the time limit is too short for bits per byte: they are left out")
        return None
    return size


def _kneser_ney(
    run: Run, tokens: TokenizedCorpus, settings: WordsSettings, before: Model | None
) -> list[KneserNeyFit]:
    """Fit the Kneser–Ney model where it is asked for, and there is a text to measure it on and the
    time. Where an old one is continued, it is never left out, and there are several to choose
    from.
    """
    if tokens.valid is None or not (run.options.baseline or settings.kneser_ney):
        return []
    size = tokens.tokenizer.size
    run.stage("Kneser–Ney model", 0.1)
    old = None if before is None else before.kneser_ney
    max_words = MAX_WORDS
    if old is None:
        max_words = words_in_time(tokens.train, tokens.valid, size, run.budget)
    if not max_words:
        run.note("the time limit is too short for the Kneser–Ney model: it is left out")
        return []
    listener = run.options.listener
    return fit_kneser_ney(tokens.train, tokens.valid, size, settings, listener, max_words, old)


def _network(
    run: Run,
    tokens: TokenizedCorpus,
    settings: WordsSettings,
    trainable: TrainableWords | None,
    before: Model | None,
    fits: Sequence[KneserNeyFit],
) -> tuple[NetworkResult, KneserNeyFit | None]:
    """Train the network, and return it with one of the Kneser–Ney models; None: there is none."""
    run.stage("network", 0.15)
    first = fits[0] if fits else None
    if trainable is None:
        from foretell.training.words.article import train_article

        return train_article(run, tokens.train, tokens.tokenizer.size, settings), first
    with run.interrupt.deferred():
        trainable.loop.train()
        if before is not None and tokens.valid is not None:
            first = trainable.go_back(before, fits if settings.kneser_ney else ())
        return trainable.measure(), first


def _with_kneser_ney(
    run: Run,
    model: Model,
    network: NetworkResult,
    fitted: KneserNeyFit | None,
    size: MeasuredBytes | None,
) -> Model:
    """Return the model with the Kneser–Ney model and interpolation weights, where they are a part
    of it.

    The perplexity, and bits per byte, are then those of both models together.
    """
    assert isinstance(model.settings, WordsSettings)
    metrics = dict(model.metrics)
    if fitted is not None:
        metrics["baseline_perplexity"] = fitted.perplexity
    if fitted is not None and network.valid_logs is not None and model.settings.kneser_ney:
        if run.budget.left() <= 0 and not model.ancestors:
            run.note("no time is left for the interpolation: the model is the network alone")
        else:
            weights, perplexities = interpolate(network.valid_logs, fitted, run.options.listener)
            model = replace(model, kneser_ney=fitted.model, interpolation=weights)
            metrics |= perplexities
    if size is not None:
        bits = -math.log(metrics["perplexity"]) * size.tokens
        metrics["bits_per_byte"] = bits_per_byte(bits, size.text, size.spelled)
    return replace(model, metrics=metrics)


def _with_cache(
    run: Run,
    model: Model,
    network: NetworkResult,
    fitted: KneserNeyFit | None,
    tokens: TokenizedCorpus,
) -> Model:
    """Return the model with the parameters of its continuous cache.

    They are fitted where there is validation text, a network with a state, and the time.
    """
    hidden = network.valid_hidden
    if hidden is None or network.valid_logs is None or tokens.valid is None:
        return model
    if run.budget.left() <= 0:
        run.note("no time is left for the continuous cache: its usual parameters are used")
        return model
    n = len(hidden)
    enough = run.budget.share(_CACHE_SHARE)
    logs = network.valid_logs[:n]
    words = tokens.valid.read(1, n)
    if fitted is not None and model.interpolation is not None:
        logs = model.interpolation.logs(logs, fitted.logs[:n], fitted.lengths[:n])
    cache, gain = fit_cache(
        logs, hidden, words, run.options.listener, lambda: run.budget.left() < enough
    )
    return replace(model, cache=cache, metrics={**model.metrics, "cache_gain": gain})


def _with_suggestions(run: Run, model: Model, size: MeasuredBytes | None) -> Model:
    """Return the model with metrics of its suggestions on the first validation lines, if there is
    time.
    """
    seconds = run.budget.share(_SUGGESTIONS_SHARE)
    if size is None or model.metrics["valid_perplexity"] is None or not seconds:
        return model
    # Opened from memory: its directory does not exist yet.
    runtime = WordsRuntime(replace(model, path=run.out))
    report = evaluate_words(runtime, size.lines, seconds=seconds)
    if not report.get("suggestions"):
        return model
    shown = {name: report[name] for name in METRICS}
    run.note(
        f"next word: the first suggestion {percent(shown['top1_accuracy'])}, among three "
        f"{percent(shown['top3_accuracy'])}, keystrokes saved "
        f"{percent(shown['keystrokes_saved'])}, on {report['suggestions']['positions']:,} "
        "validation words"
    )
    return replace(model, metrics={**model.metrics, **shown, "suggestions": report["suggestions"]})
