"""`LanguageModel`: train on plain text; ask for the next word, a continuation, how likely a text
is.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from foretell.artifacts.directory import Home
from foretell.config import to_dict
from foretell.data.corpus import corpus_of
from foretell.data.estimator_inputs import texts_of
from foretell.errors import UsageError
from foretell.machine import require_training
from foretell.presets import words_preset_for
from foretell.progress import shown
from foretell.runtime.seen import SeenLines, warn_of_seen
from foretell.runtime.words.completion import Completion
from foretell.runtime.words.evaluation import evaluate_words
from foretell.runtime.words.predictor import Candidate, Continuation, WordsRuntime, Written
from foretell.runtime.words.scoring import Score
from foretell.summary import Trained, directory_of
from foretell.surveying.shown import show_text
from foretell.training.events import Listener, Note, silent
from foretell.training.report import Report

__all__ = ["Candidate", "Completion", "Continuation", "LanguageModel", "Report", "Written"]


class LanguageModel(Trained[WordsRuntime]):
    """A language model. `LanguageModel.train` and `LanguageModel.load` make one.

    A string gets one answer, a list gets a list, and any other iterable gets an iterator that reads
    it lazily. One text at a time and several give the same numbers.

    >>> lm = LanguageModel.train("notes.txt", out="notes-model")
    >>> lm.next("What stands in the", k=3)
    >>> lm.complete("The mind", words=20, temperature=0.8)

    Attributes:
        settings: every setting of its training.
        metrics: the metrics of its training.
    """

    _kind = WordsRuntime
    settings: dict[str, bool | int | float | str]
    metrics: dict[str, Any]

    def __init__(self, *_: object, **__: object) -> None:
        raise UsageError(
            "LanguageModel.train(text) or LanguageModel.load(path)",
            "LanguageModel()",
            fix='for example LanguageModel.train("notes.txt", out="notes-model")',
        )

    @classmethod
    def _of(cls, home: Home, runtime: WordsRuntime) -> Self:
        self = cls.__new__(cls)
        self._home = home
        self._runtime = runtime
        home.sha256 = runtime.model.sha256
        self.settings = to_dict(runtime.model.settings)
        self.metrics = runtime.metrics
        return self

    @classmethod
    def train(
        cls,
        source: object,
        *,
        preset: str | None = None,
        out: str | Path | None = None,
        valid: object = None,
        text: str | None = None,
        continue_from: str | Path | LanguageModel | None = None,
        old: object = None,
        resume: bool = False,
        restart: bool = False,
        overwrite: bool = False,
        tensorboard: str | Path | None = None,
        checkpoint_seconds: float = 60.0,
        baseline: bool = True,
        verbose: int | None = None,
        listener: Listener | None = None,
        **settings: Any,
    ) -> LanguageModel:
        """Train a language model. Needs the extra `foretell[train]`.

        Args:
            source: the text: a file, a folder, or a named corpus ("meditations", "imdb"), or a list
                of `Path` objects; or texts in memory: a list or an iterator of strings, a column or
                a whole table of pandas, polars, Arrow or Hugging Face datasets.
            preset: the configuration to start from; None: "base", with `minutes` one that fits the
                time, or that of the model to continue.
            out: the model directory to write. With None it is a temporary one, deleted with the
                object.
            valid: validation text of the same kinds ("imdb": its test reviews); None: the end of
                `source`, a fraction `valid_fraction` of it.
            text: the text column of a table; None: chosen where it is clear.
            continue_from: a language model (or its model directory) to continue with `source`,
                whose new words are added. Its settings stay, unless they are given; without `old`
                the learning rate is a quarter.
            old: old text of that model, of the kinds of `source`, learned from again; None: it is
                gone.
            resume: continue the unfinished training of `out`.
            restart: delete the unfinished training of `out` and begin again.
            overwrite: replace a finished model at `out`.
            tensorboard: a directory for TensorBoard event files.
            checkpoint_seconds: seconds between two checkpoints.
            baseline: measure a Kneser–Ney model to compare with, even where it is not a part of the
                model.
            verbose: None, the default, shows the progress in terminals and notebooks; 0 shows
                nothing; 1 also writes lines elsewhere.
            listener: is called with each event of the training, see `foretell.training.events`.
            **settings: fields of `WordsSettings` to change, such as `units=64` or `minutes=5`.

        Raises:
            MissingExtraError: TensorFlow is not installed.
            SettingsError: no such preset or setting, or a value out of range.
            DataError: the text or `valid` cannot be read, or is too short.
            UsageError: `valid` or `minutes` for the article's network, which has neither.
            RunError, ArtifactError: `out` holds an unfinished training, or something that is not
                foretell's.
            Interrupted: SIGTERM or Ctrl-C with `out`, which can be resumed.
            KeyboardInterrupt: the same without `out`.
        """
        started = time.monotonic()
        require_training()
        from foretell.training.interrupt import nothing_to_resume
        from foretell.training.options import TrainOptions
        from foretell.training.run import check_can_begin
        from foretell.training.words.continued import opened, settings_for
        from foretell.training.words.train import check_valid, train_words

        directory = None if continue_from is None else directory_of(continue_from)
        continued = opened(directory, None if old is None else corpus_of(old, text, part="valid"))
        chosen, name = settings_for(preset, settings, continued)
        check_valid(chosen, valid)
        home = Home(out)
        options = TrainOptions(
            out=home.path,
            preset=name,
            resume=resume,
            restart=restart,
            overwrite=overwrite,
            checkpoint_seconds=checkpoint_seconds,
            baseline=baseline,
            started=started,
            tensorboard=None if tensorboard is None else Path(tensorboard),
            given=frozenset(settings),
        )
        check_can_begin(options)
        corpus = corpus_of(source, text)
        valid_corpus = None if valid is None else corpus_of(valid, text, part="valid")
        with (
            shown(verbose, listener) as show,
            nothing_to_resume(is_temporary=out is None),
        ):
            is_free = (
                preset is None
                and continued is None
                and "minutes" in settings
                and chosen.minutes > 0
            )
            if is_free or show is not silent:
                words = show_text(corpus, chosen, started, show)
            if is_free:
                chosen, name = settings_for(words_preset_for(chosen.minutes, words), settings, None)
                fits = f"{chosen.minutes:g} minutes for {words:,} words"
                show(Note(f"--preset {name}, for {fits}"))
            options = replace(options, preset=name, listener=show)
            train_words(corpus, chosen, options, valid=valid_corpus, continued=continued)
        return cls._of(home, WordsRuntime(home.path))

    @classmethod
    def from_runtime(cls, runtime: WordsRuntime) -> Self:
        """Return the language model of an open runtime."""
        return cls._of(Home(runtime.path), runtime)

    @overload
    def next(  # type: ignore[overload-overlap]
        self, text: str, k: int = 5, *, unfinished: bool = False, cache: int = 0
    ) -> list[Candidate]: ...
    @overload
    def next(  # type: ignore[overload-overlap]
        self, text: list[str], k: int = 5, *, unfinished: bool = False, cache: int = 0
    ) -> list[list[Candidate]]: ...
    @overload
    def next(
        self, text: Iterable[str], k: int = 5, *, unfinished: bool = False, cache: int = 0
    ) -> Iterator[list[Candidate]]: ...
    def next(
        self, text: str | Iterable[str], k: int = 5, *, unfinished: bool = False, cache: int = 0
    ) -> list[Candidate] | list[list[Candidate]] | Iterator[list[Candidate]]:
        """Return the `k` most probable next words, the most probable first.

        Args:
            text: the text so far; a list gives a list, an iterator an iterator.
            k: number of words.
            unfinished: the last word of the text may be unfinished: return the words that begin
                with it ("the obsta": obstacle), with their probabilities among these words.
            cache: words of the text in a continuous cache: words just used are more probable; 0:
                none.

        Raises:
            DataError: the article's network needs three words of its vocabulary.
        """
        return _answered(
            text, lambda one: self._runtime.next(one, k, unfinished=unfinished, cache=cache)
        )

    @overload
    def complete(  # type: ignore[overload-overlap]
        self, text: str, *, stream: Literal[False] = False, **how: Unpack[Completion]
    ) -> str: ...
    @overload
    def complete(  # type: ignore[overload-overlap]
        self, text: list[str], *, stream: Literal[False] = False, **how: Unpack[Completion]
    ) -> list[str]: ...
    @overload
    def complete(
        self, text: Iterable[str], *, stream: bool = False, **how: Unpack[Completion]
    ) -> Iterator[str]: ...
    def complete(
        self, text: str | Iterable[str], *, stream: bool = False, **how: Unpack[Completion]
    ) -> str | list[str] | Iterator[str]:
        """Return a continuation of `text`, without the text.

        Args:
            text: the prompt; a list gives a list, an iterator an iterator.
            stream: for one text: return an iterator of pieces, each as soon as its word is chosen.
            **how: options such as `words=20, temperature=0.8`, see `Completion`.

        Raises:
            SettingsError: a value out of range.
            DataError: the article's network needs three words of its vocabulary.
        """
        if stream and isinstance(text, str):
            return self._runtime.complete(text, **how)
        return _answered(text, lambda one: "".join(self._runtime.complete(one, **how)))

    @overload
    def continuations(  # type: ignore[overload-overlap]
        self, text: str, n: int = 1, **how: Unpack[Completion]
    ) -> list[Continuation]: ...
    @overload
    def continuations(  # type: ignore[overload-overlap]
        self, text: list[str], n: int = 1, **how: Unpack[Completion]
    ) -> list[list[Continuation]]: ...
    @overload
    def continuations(
        self, text: Iterable[str], n: int = 1, **how: Unpack[Completion]
    ) -> Iterator[list[Continuation]]: ...
    def continuations(
        self, text: str | Iterable[str], n: int = 1, **how: Unpack[Completion]
    ) -> list[Continuation] | list[list[Continuation]] | Iterator[list[Continuation]]:
        """Return `n` continuations, each with its words and their log-probabilities.

        A log-probability is the model's own, in nats, before temperature and filters. With
        `alternatives=k` a word has the k most probable words in its place. `finished` is the reason
        of the end: "stop" or "length".

        Args:
            text: the prompt; a list gives a list, an iterator an iterator.
            n: number of continuations: samples with the seeds `seed`, `seed` + 1 and so on.
            **how: as for `complete`.

        Raises:
            SettingsError: a value out of range.
            DataError: the article's network needs three words of its vocabulary.
        """
        return _answered(text, lambda one: self._runtime.continuations(one, n, **how))

    def score(self, text: str | Path | Iterable[str], *, cache: int = 0) -> Score:
        """Return the log-probability of a text, its perplexity, bits per character and bits per
        byte.

        Args:
            text: a text, lines of one, or the `Path` of a file of any size.
            cache: words of the text in a continuous cache; 0: none.

        Raises:
            DataError: the file cannot be read, or nothing in the text can be predicted.
        """
        if isinstance(text, Path):
            from foretell.data.corpus import read_lines
            from foretell.data.decode import open_text

            with open_text(text) as source:
                return self._runtime.score(read_lines(source), cache=cache)
        if isinstance(text, str) and len(text) < 256 and Path(text).is_file():
            warning = f"the text '{text}' is scored, not the file of this name"
            warnings.warn(f"{warning}; for the file give a Path", stacklevel=2)
        lines = [text] if isinstance(text, str) else _checked(text)
        return self._runtime.score(lines, cache=cache)

    def evaluate(self, data: object, *, text: str | None = None, cache: int = 0) -> dict[str, Any]:
        """Return the metrics of `foretell evaluate`: perplexity, bits per character and byte,
        counts.

        Where tokens are words also top1_accuracy, top3_accuracy and keystrokes_saved, and
        `suggestions`, with those of each part of the model and their intervals.

        Args:
            data: text not used in training, of the kinds that `train` takes ("imdb": its test
                reviews).
            text: the text column of a table; None: chosen where it is clear.
            cache: words of the text in a continuous cache; 0: none.

        Raises:
            DataError: it cannot be read, or nothing in it can be predicted.
        """
        lines = SeenLines(self._runtime.model.path)
        read = lines.watch(corpus_of(data, text, part="test"))
        report = evaluate_words(self._runtime, read, cache=cache)
        warn_of_seen(lines.note(), stacklevel=2)
        return report

    def __reduce__(self) -> tuple[Callable[[Home], LanguageModel], tuple[Home]]:
        return _reopened, (self._home,)

    def __repr__(self) -> str:
        tokenizer = self._runtime.tokenizer
        unit = "tokens" if tokenizer.is_open else "words"
        return f"<LanguageModel: {tokenizer.size:,} {unit}, {self.settings['network']} network>"


Answer = TypeVar("Answer")


def _answered(
    text: str | Iterable[str], ask: Callable[[str], Answer]
) -> Answer | list[Answer] | Iterator[Answer]:
    """Return the answer to one text, a list of answers to a list, an iterator of them to other
    texts.
    """
    if isinstance(text, str):
        return ask(text)
    answers = map(ask, _checked(text))
    if isinstance(text, list):
        return list(answers)
    return answers


def _checked(texts: Iterable[str]) -> Iterable[str]:
    """Return texts of a list, an array or a column, or an iterator; DataError: a table, or no
    text.
    """
    if isinstance(texts, Iterator):
        return texts
    return texts_of(texts, where="text")


def _reopened(home: Home) -> LanguageModel:
    return LanguageModel._of(home, WordsRuntime(home.path))
