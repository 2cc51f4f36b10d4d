"""`LanguageModel`: train on plain text; ask for the next word, a continuation, how likely a text is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.artifacts.packed import Home
from foretell.config import DEFAULT_PRESET, WordsSettings, preset, to_dict, with_changes
from foretell.runtime.words.predictor import Candidate, Continuation, WordsRuntime, Writing, Written
from foretell.training.events import Listener, silent

if TYPE_CHECKING:
    from foretell.data.corpus import Corpus
    from foretell.runtime.words.scoring import Score

__all__ = ["Candidate", "Continuation", "LanguageModel", "Writing", "Written"]


class LanguageModel:
    """A language model. Make one with `LanguageModel.train` or `LanguageModel.load`.

    One text at a time or many give the same numbers: a string gets one answer, a list gets a list, any other
    iterable an iterator that answers while it reads.

    Attributes:
        settings: every setting it was trained with.
        metrics: the figures of its training.
    """

    def __init__(self, home: Home, runtime: WordsRuntime) -> None:
        self._home = home
        self._runtime = runtime
        self.settings = to_dict(runtime.model.settings)
        self.metrics = runtime.metrics

    @classmethod
    def train(
        cls,
        source: str | Path | Corpus | Iterable[str],
        preset: str = DEFAULT_PRESET,
        out: str | Path | None = None,
        *,
        valid: str | Path | Corpus | Iterable[str] | None = None,
        resume: bool = False,
        restart: bool = False,
        listener: Listener = silent,
        **settings: Any,
    ) -> LanguageModel:
        """Train a language model. Needs the extra `foretell[train]`.

        Args:
            source: a file, a folder, a named corpus ("meditations", "imdb"), or a list or iterator of texts.
            preset: the configuration to start from.
            out: the model directory to write; None trains in a temporary one, kept as long as the model.
            valid: held-out text of your own to watch training by, given as `source` is ("imdb": its test
                reviews), instead of a part of `source`.
            resume: go on with the unfinished training of `out`.
            restart: throw the unfinished training of `out` away.
            listener: is told what happens, see `foretell.training.events`.
            **settings: fields of `WordsSettings` to change, such as `units=64`.

        Raises:
            MissingExtraError: TensorFlow is not installed.
            SettingsError: no such preset or setting, or a value out of range.
            DataError: the corpus or `valid` cannot be read, or is too short.
            UsageError: `valid` for the article's network, which holds nothing out.
            RunError, ArtifactError: `out` holds an unfinished training, or something that is not foretell's.
        """
        from foretell.machine import require_training

        require_training()
        chosen = with_changes(_preset(preset), settings)
        from foretell.training.options import TrainOptions
        from foretell.training.words.train import train_words

        home = Home(out)
        train_words(
            _corpus(source),
            chosen,
            TrainOptions(out=home.path, preset=preset, resume=resume, restart=restart, listener=listener),
            valid=None if valid is None else _corpus(valid, part="test"),
        )
        return cls(home, WordsRuntime.open(home.path))

    @classmethod
    def load(cls, path: str | Path, *, threads: int | None = None) -> LanguageModel:
        """Open a model directory for words, verified. Needs no TensorFlow.

        Args:
            path: the model directory.
            threads: threads that one operator may use; None: the processors of this process, at most 4.

        Raises:
            ArtifactError: it cannot be trusted (each reason has its own subclass).
            UsageError: it is for labels.
        """
        return cls.from_model(open_verified(path), threads=threads)

    @classmethod
    def from_model(cls, model: Model, *, threads: int | None = None) -> LanguageModel:
        """Open a model that `open_verified` returned; see `load`."""
        return cls(Home(model.directory), WordsRuntime.from_model(model, threads=threads))

    def save(self, path: str | Path) -> None:
        """Write the model directory to `path`, whole or not at all; an older model there is replaced.

        Raises:
            ArtifactError: something that is not foretell's is there, or it cannot be written.
        """
        self._home.save(path)

    @overload
    def next(self, text: str, k: int = 5, *, unfinished: bool = False) -> list[Candidate]: ...  # type: ignore[overload-overlap]
    @overload
    def next(self, text: list[str], k: int = 5, *, unfinished: bool = False) -> list[list[Candidate]]: ...  # type: ignore[overload-overlap]
    @overload
    def next(
        self, text: Iterable[str], k: int = 5, *, unfinished: bool = False
    ) -> Iterator[list[Candidate]]: ...
    def next(self, text: str | Iterable[str], k: int = 5, *, unfinished: bool = False) -> Any:
        """Return the `k` likeliest next words, the likeliest first.

        Args:
            text: the text so far; a list gives a list, an iterator an iterator.
            k: how many words.
            unfinished: the text's last word may be unfinished: return the words that begin with it
                ("the obsta": obstacle), with their probabilities among one another.

        Raises:
            DataError: the article's network needs three known words.
        """
        if isinstance(text, str):
            return self._runtime.next(text, k, unfinished=unfinished)
        answers = (self._runtime.next(one, k, unfinished=unfinished) for one in text)
        return list(answers) if isinstance(text, list) else answers

    @overload
    def complete(self, text: str, *, words: int = 20, stream: Literal[False] = False, **how: Any) -> str: ...
    @overload
    def complete(self, text: str, *, words: int = 20, stream: Literal[True], **how: Any) -> Iterator[str]: ...
    @overload
    def complete(
        self, text: list[str], *, words: int = 20, stream: Literal[False] = False, **how: Any
    ) -> list[str]: ...
    @overload
    def complete(
        self, text: Iterable[str], *, words: int = 20, stream: Literal[False] = False, **how: Any
    ) -> Iterator[str]: ...
    def complete(
        self, text: str | Iterable[str], *, words: int = 20, stream: bool = False, **how: Any
    ) -> Any:
        """Return how the model goes on from `text`: the continuation, without the text.

        Args:
            text: the beginning; a list gives a list, an iterator an iterator.
            words: words to add.
            stream: for one text: give an iterator of pieces, each as soon as its word is chosen.
            **how: temperature, top_k, top_p, min_p, repetition_penalty, stop, seed, beams, length_penalty,
                avoid_unknown, unfinished: see `foretell.runtime.words.completion.Plan`.

        Raises:
            SettingsError: a value out of range.
            DataError: the article's network needs three known words.
        """
        if isinstance(text, str):
            pieces = self._runtime.complete(text, words=words, **how)
            return pieces if stream else "".join(pieces)
        answers = ("".join(self._runtime.complete(one, words=words, **how)) for one in text)
        return list(answers) if isinstance(text, list) else answers

    def write(self, text: str, **how: Any) -> Writing:
        """Return an iterator of the words of a continuation, each as soon as it is chosen.

        A `Written` has the word, the text that it adds, its log-probability in nats (the model's own, before
        temperature and filters), and with `alternatives=k` the k likeliest words in its place. At the end
        `finished` says what ended it: "stop" or "length".

        Args:
            text: the beginning.
            **how: as for `complete`, and `words` and `alternatives`.

        Raises:
            SettingsError: a value out of range.
            DataError: the article's network needs three known words.
        """
        return self._runtime.write(text, **how)

    @overload
    def continuations(self, text: str, n: int = 1, **how: Any) -> list[Continuation]: ...
    @overload
    def continuations(self, text: list[str], n: int = 1, **how: Any) -> list[list[Continuation]]: ...
    @overload
    def continuations(self, text: Iterable[str], n: int = 1, **how: Any) -> Iterator[list[Continuation]]: ...
    def continuations(self, text: str | Iterable[str], n: int = 1, **how: Any) -> Any:
        """Return `n` continuations, each with its words and their log-probabilities.

        Args:
            text: the beginning; a list gives a list, an iterator an iterator.
            n: how many: samples with the seeds `seed`, `seed` + 1 and so on, or the best of so many beams.
            **how: as for `write`.

        Raises:
            SettingsError: a value out of range, or `n` above `beams` where beams are searched.
            DataError: the article's network needs three known words.
        """
        if isinstance(text, str):
            return self._runtime.continuations(text, n, **how)
        answers = (self._runtime.continuations(one, n, **how) for one in text)
        return list(answers) if isinstance(text, list) else answers

    def score(self, text: str | Path | Iterable[str]) -> Score:
        """Return how likely the model finds a text: log-probability, perplexity, bits per character.

        Args:
            text: a text, lines of one, or the `Path` of a file of any size.

        Raises:
            DataError: the file cannot be read, or nothing in the text can be predicted.
        """
        if isinstance(text, Path):
            from foretell.data.corpus import read_lines
            from foretell.data.decode import open_text

            with open_text(text) as source:
                return self._runtime.score(read_lines(source))
        return self._runtime.score([text] if isinstance(text, str) else text)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._home,)

    def __repr__(self) -> str:
        return f"<LanguageModel: {self._runtime.tokenizer.size:,} words, {self.settings['network']} network>"


def _reopened(home: Home) -> LanguageModel:
    return LanguageModel(home, WordsRuntime.open(home.path))


def _preset(name: str) -> WordsSettings:
    return cast(WordsSettings, preset("words", name))


def _corpus(
    source: str | Path | Corpus | Iterable[str], *, part: Literal["train", "test"] = "train"
) -> Corpus:
    from foretell.data.corpus import Corpus, open_corpus

    if isinstance(source, str | Path | Corpus):
        return open_corpus(source, part=part)
    return Corpus.from_texts(source)
