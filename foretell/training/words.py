"""Train a language model: the tokenizer, the run, and the loop that the preset's network asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.config import WordsSettings, to_dict
from foretell.errors import DataError
from foretell.tokenizer import Tokenizer
from foretell.training.events import Listener, Said, silent
from foretell.training.extra import require_training
from foretell.training.run import Run
from foretell.training.words_data import TextCorpus, TokenFile, write_tokens

if TYPE_CHECKING:
    from foretell.artifacts.model_directory import Model


def train_words(
    corpus: TextCorpus,
    settings: WordsSettings,
    *,
    out: Path | str,
    preset: str = "base",
    resume: bool = False,
    restart: bool = False,
    checkpoint_seconds: float = 60.0,
    tensorboard: Path | None = None,
    listener: Listener = silent,
    stop_after_steps: int | None = None,
) -> Model:
    """Train a language model on a corpus and write its model directory.

    Args:
        corpus: the text; read three times (digest, vocabulary, tokens).
        settings: every setting.
        out: the model directory to write; the run lies beside it until then.
        preset: the name of the preset that `settings` came from, to be remembered.
        resume: go on with the unfinished run of `out`; with the same settings and corpus, the weights come
            out bit for bit as if it had never stopped (same machine, same number of threads).
        restart: throw away the unfinished run of `out`.
        checkpoint_seconds: seconds between two checkpoints; there is one at each epoch too.
        tensorboard: a directory for TensorBoard's event files, or None.
        listener: is told what happens.
        stop_after_steps: stop as at Ctrl-C once so many steps are done.

    Returns:
        The model as it was written.

    Raises:
        DataError: the corpus cannot be read, or is too short.
        RunError: there is an unfinished run and neither `resume` nor `restart`; or none to resume.
        ArtifactError: the model directory cannot be written.
        Interrupted: Ctrl-C (or `stop_after_steps`); a checkpoint is saved.
        MissingExtraError: TensorFlow, Keras or onnx is not installed.
    """
    require_training()
    request = {
        "job": "words",
        "preset": preset,
        "settings": to_dict(settings),
        "data": corpus.digest(),
        "source": corpus.name,
    }
    with Run.open(
        out,
        request,
        resume=resume,
        restart=restart,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard=tensorboard,
    ) as run:
        tokenizer, path = _prepare(run, corpus, settings, listener)
        with TokenFile(path) as tokens:
            train = _trainer(settings)
            model: Model = train(run, tokens, tokenizer, settings, preset, listener, stop_after_steps)
        run.finish(model)
    return model


def _trainer(settings: WordsSettings) -> Callable[..., Model]:
    # Only now: these import TensorFlow, and what is wrong with the text is said long before that.
    if settings.network == "article":
        from foretell.training.words_article import train_article

        return train_article
    from foretell.training.words_loop import train_lstm

    return train_lstm


def _prepare(
    run: Run, corpus: TextCorpus, settings: WordsSettings, listener: Listener
) -> tuple[Tokenizer, Path]:
    """Return the tokenizer and the file of the corpus as numbers, made now or by a first start."""
    tokens, saved = run.folder / "cache" / "tokens.npy", run.folder / "cache" / "tokenizer.json"
    # The tokenizer's file is written last: where it is, both are whole.
    if saved.exists() and tokens.exists():
        return Tokenizer.from_json(saved.read_text(encoding="utf-8")), tokens
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
    write_tokens(tokens, corpus, tokenizer)
    temporary = saved.with_suffix(".tmp")
    temporary.write_text(tokenizer.to_json(), encoding="utf-8")
    temporary.replace(saved)
    return tokenizer, tokens
