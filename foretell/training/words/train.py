"""Train a language model: the tokenizer, the run, and the loop that the preset's network asks for."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.artifacts.model import Model
from foretell.config import WordsSettings, to_dict
from foretell.errors import DataError, UsageError
from foretell.machine import require_training
from foretell.text.tokenizer import Tokenizer
from foretell.training.budget import Budget
from foretell.training.events import Listener, Said, silent
from foretell.training.run import Run
from foretell.training.words.data import TextCorpus, TokenFile, split_tokens, write_tokens
from foretell.training.words.ngram_part import NgramPart, count_ngrams


def train_words(
    corpus: TextCorpus,
    settings: WordsSettings,
    *,
    out: Path | str,
    preset: str = "base",
    valid: TextCorpus | None = None,
    baseline: bool = True,
    resume: bool = False,
    restart: bool = False,
    checkpoint_seconds: float = 60.0,
    tensorboard: Path | None = None,
    listener: Listener = silent,
    stop_after_steps: int | None = None,
    began: float | None = None,
) -> Model:
    """Train a language model on a corpus and write its model directory.

    Args:
        corpus: the text; read three times (digest, vocabulary, tokens).
        settings: every setting.
        out: the model directory to write; the run lies beside it until then.
        preset: the name of the preset that `settings` came from, to be remembered.
        valid: validation text; without it, the fraction `settings.valid_fraction` of `corpus` is used for
            validation. The vocabulary is that of `corpus` alone.
        baseline: measure a Kneser-Ney model on the same validation text, to compare with. With
            `settings.kneser_ney`, which makes it a part of the model, it is always measured.
        resume: go on with the unfinished run of `out`; with the same settings and corpus, the weights come
            out bit for bit as if it had never stopped (same machine, same number of threads).
        restart: throw away the unfinished run of `out`.
        checkpoint_seconds: seconds between two checkpoints; there is one at each epoch too.
        tensorboard: a directory for TensorBoard's event files, or None.
        listener: is told what happens.
        stop_after_steps: stop as at Ctrl-C once so many steps are done.
        began: when the command began (`time.monotonic`), which `settings.minutes` counts from; None: now.

    Returns:
        The model as it was written. Its metrics hold perplexity, network_perplexity, without the n-gram model
        in it, and baseline_perplexity, a whole n-gram model's.

    Raises:
        DataError: the corpus or `valid` cannot be read, or is too short.
        UsageError: `valid` or `minutes` for the article's network, which does 50,000 iterations on all text.
        RunError: there is an unfinished run and neither `resume` nor `restart`; or none to resume.
        ArtifactError: the model directory cannot be written.
        Interrupted: Ctrl-C (or `stop_after_steps`); a checkpoint is saved.
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
    """
    require_training()
    check_valid(settings, valid)
    budget = Budget(settings.minutes, began)
    request = {
        "job": "words",
        "preset": preset,
        "settings": to_dict(settings),
        "data": _digest(corpus, valid, listener),
        "sources": [corpus.name] if valid is None else [corpus.name, valid.name],
    }
    with Run.open(
        out,
        request,
        resume=resume,
        restart=restart,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard=tensorboard,
    ) as run:
        tokenizer = _prepare(run, corpus, valid, settings, listener)
        fit = _Fit(run, tokenizer.size, valid, settings, listener, stop_after_steps, budget, baseline)
        model = Model(job="words", preset=preset, settings=settings, tokenizer=tokenizer, **fit.parts())
        run.finish(model)
    return model


def check_valid(settings: WordsSettings, valid: object) -> None:
    """Refuse what the article's network has no use for: text to watch training by, and a time limit.

    Raises:
        UsageError: there is either, and the article's network is to be trained.
    """
    if valid is not None and not settings.traits.carries_state:
        raise UsageError(
            expected="no held-out text: the article's network learns from all of its text, to the last step",
            found="some",
            where="--valid",
            fix="leave it out, and measure the model by foretell evaluate; or train with --preset base",
        )
    if settings.minutes and not settings.traits.carries_state:
        raise UsageError(
            expected="no time limit: the article's network does a set number of iterations",
            found=f"{settings.minutes:g}",
            where="--minutes",
            fix=f"set --iterations below {settings.iterations:,}; or train with --preset base",
        )


def _digest(corpus: TextCorpus, valid: TextCorpus | None, listener: Listener) -> str:
    """Return one SHA-256 for all that is read."""
    digest = corpus.digest()
    if valid is None:
        return digest
    watched = valid.digest()
    if watched == digest:
        listener(Said(text="the held-out text is the text to learn from: its figures tell nothing of others"))
    return hashlib.sha256(f"{digest} {watched}".encode()).hexdigest()


@dataclass
class _Fit:
    run: Run
    size: int
    valid: TextCorpus | None
    settings: WordsSettings
    listener: Listener
    stop_after_steps: int | None
    budget: Budget
    baseline: bool

    def parts(self) -> dict[str, Any]:
        """Train on the run's token files and return the parts of the model: weights, metrics and others."""
        with ExitStack() as files:
            tokens = files.enter_context(TokenFile(_tokens_of(self.run)))
            # Only now: the loops import TensorFlow, and what is wrong with the text is said long before that.
            if not self.settings.traits.carries_state:
                from foretell.training.words.article import train_article

                weights, metrics = train_article(
                    self.run, tokens, self.size, self.settings, self.listener, self.stop_after_steps
                )
                return {"weights": weights, "metrics": metrics}
            if self.valid is None:
                train, held_out = split_tokens(tokens, self.settings.valid_fraction)
            else:
                train, held_out = tokens, files.enter_context(TokenFile(_valid_of(self.run)))
                _check_long_enough(held_out, self.settings, self.valid)
            compared, ngrams = self._ngrams(train, held_out)
            from foretell.training.words.loop import train_lstm

            trained = train_lstm(
                self.run, train, held_out, self.size, self.settings, self.listener, self.stop_after_steps,
                self.budget,
            )  # fmt: skip
        parts: dict[str, Any] = {"weights": trained.weights}
        metrics = {**trained.metrics, **compared}
        if ngrams is not None and trained.held_out_logs is not None:
            interpolation, figures = ngrams.mixed(trained.held_out_logs, self.listener)
            parts |= {"kneser_ney": ngrams.model, "interpolation": interpolation}
            metrics["network_accuracy"] = metrics.pop("accuracy")
            metrics |= figures
        return {**parts, "metrics": {**metrics, "seconds": self.budget.seconds()}}

    def _ngrams(
        self, train: TokenFile, held_out: TokenFile | None
    ) -> tuple[dict[str, Any], NgramPart | None]:
        """Return what counting n-grams gives, if it is asked for and there is a text to measure it on."""
        if held_out is None or not (self.baseline or self.settings.kneser_ney):
            return {}, None
        return count_ngrams(train, held_out, self.size, self.settings, self.listener)


def _check_long_enough(held_out: TokenFile, settings: WordsSettings, valid: TextCorpus) -> None:
    if len(held_out) <= settings.window:
        raise DataError(
            expected=f"more held-out words than one window ({settings.window})",
            found=f"{len(held_out):,}",
            where=valid.name,
            fix="give more held-out text, or a smaller --window",
        )


def _tokens_of(run: Run) -> Path:
    return run.folder / "cache" / "tokens.npy"


def _valid_of(run: Run) -> Path:
    return run.folder / "cache" / "valid.npy"


def _prepare(
    run: Run, corpus: TextCorpus, valid: TextCorpus | None, settings: WordsSettings, listener: Listener
) -> Tokenizer:
    """Return the tokenizer; it and the texts as numbers are made now, or were by a first start."""
    saved = run.folder / "cache" / "tokenizer.json"
    numbers = [_tokens_of(run)] if valid is None else [_tokens_of(run), _valid_of(run)]
    # The tokenizer's file is written last: where it is, all are whole.
    if saved.exists() and all(path.exists() for path in numbers):
        return Tokenizer.from_json(saved.read_text(encoding="utf-8"))
    listener(Said(text="reading the corpus: counting its words"))
    tokenizer = Tokenizer.train(
        corpus,
        settings.tokens,
        lowercase=settings.lowercase,
        vocabulary=settings.vocabulary,
        min_count=settings.min_count,
    )
    if tokenizer.size < 2:
        raise DataError(expected="a corpus of different words", found="fewer than two", where=corpus.name)
    listener(Said(text=f"reading the corpus: turning it into numbers ({tokenizer.size:,} different)"))
    write_tokens(_tokens_of(run), corpus, tokenizer)
    if valid is not None:
        write_tokens(_valid_of(run), valid, tokenizer)
    temporary = saved.with_suffix(".tmp")
    temporary.write_text(tokenizer.to_json(), encoding="utf-8")
    temporary.replace(saved)
    return tokenizer
