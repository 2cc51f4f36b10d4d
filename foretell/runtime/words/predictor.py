"""Predicting words from a model directory, without TensorFlow: the next word, a continuation, a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import DataError, SettingsError, UsageError
from foretell.runtime.session import check_threads, open_session
from foretell.runtime.words import sampling
from foretell.runtime.words.beams import beam_search
from foretell.runtime.words.completion import Plan, Start, sample
from foretell.runtime.words.endings import Endings
from foretell.runtime.words.networks import ArticleNetwork, LstmNetwork, MixedNetwork, StreamNetwork
from foretell.runtime.words.sampling import Integers
from foretell.runtime.words.scoring import Score, score_article, score_lstm
from foretell.runtime.words.writing import Candidate, Continuation, Pieces, Writing, Written
from foretell.text.tokenizer import Tokenizer

__all__ = ["Candidate", "Continuation", "Plan", "WordsRuntime", "Writing", "Written"]


class WordsRuntime:
    """A words model, opened for prediction. Make one with `open`.

    Attributes:
        path: the model directory.
        tokenizer: the model's tokenizer.
        metrics: figures of the training.
        model: the opened model: its settings, parts and interpolation weights.
    """

    def __init__(self, model: Model, network: StreamNetwork | ArticleNetwork, threads: int) -> None:
        self.model = model
        self.path: Path = model.directory
        self.tokenizer: Tokenizer = model.tokenizer
        self.metrics: dict[str, Any] = model.metrics
        self._network = network
        self._threads = threads
        self._endings: Endings | None = None

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> WordsRuntime:
        """Verify a model directory and open it.

        Args:
            path: the model directory.
            threads: threads for `score`; None: the processors this process may use, at most 4.

        Raises:
            ArtifactError: the directory cannot be trusted (each reason has its own subclass).
            UsageError: it holds a labels model.
            SettingsError: `threads` below 1.
        """
        return cls.from_model(open_verified(path), threads=threads)

    @classmethod
    def from_model(cls, model: Model, *, threads: int | None = None) -> WordsRuntime:
        """Open a model that `open_verified` returned; see `open`."""
        settings = model.settings
        if not isinstance(settings, WordsSettings):
            raise UsageError(
                expected="a words model",
                found="a labels model",
                where=str(model.path),
                fix="use foretell classify, or give another model",
            )
        threads = check_threads(threads)
        session = open_session(model.onnx_path)
        if not settings.traits.carries_state:
            return cls(model, ArticleNetwork(session, settings.window), threads)
        network = LstmNetwork(session)
        if model.kneser_ney is None or model.interpolation is None:
            return cls(model, network, threads)
        return cls(model, MixedNetwork(network, model.kneser_ney, model.interpolation), threads)

    def next(self, text: str, k: int = 5, *, unfinished: bool = False) -> list[Candidate]:
        """Return the `k` likeliest next words after `text`, the likeliest first.

        Padding and unknown words are not among them; their probability is not shared out. An empty text asks
        for the first word of a line.

        Args:
            text: the text so far.
            k: how many words.
            unfinished: the last word of `text`, up to its very end, may be unfinished: return the words that
                begin with it ("the obsta": obstacle), itself among them if it is a word, with their
                probabilities among one another. None where no word begins so; after white space or a
                punctuation mark the next words, as ever.

        Raises:
            SettingsError: `k` below 1.
            DataError: the article's network needs more words, or does not know one.
        """
        if k < 1:
            raise SettingsError(expected="at least 1", found=repr(k), where="k")
        before, begun, endings = self._parted(text, unfinished)
        if begun and not len(endings):
            return []
        logits, _ = self._network.read(self._prompt(before))
        logp = sampling.log_softmax(logits[0])
        allowed = sampling.without(logp, self._banned(avoid_unknown=True))
        if begun:
            logp[endings] = sampling.log_softmax(logp[endings])
            allowed = sampling.only(logp, endings)
        return [
            Candidate(self.tokenizer.word(word), float(np.exp(logp[word])))
            for word in sampling.likeliest(allowed, k).tolist()
        ]

    def complete(self, text: str, **how: Any) -> Iterator[str]:
        """Continue `text`, yielding one piece a word, with its spacing: `text + "".join(pieces)` reads well.

        Each piece comes as soon as it is chosen, at the same cost however long the text (beams: at the end).
        See `write` for the arguments; the pieces are the texts of its words.
        """
        return (written.text for written in self.write(text, **how))

    def write(self, text: str, **how: Any) -> Writing:
        """Continue `text`, yielding each word with its text and its log-probability.

        Args:
            text: the prompt; may be empty (not for the article's network).
            **how: fields of `foretell.runtime.words.completion.Plan`, such as `words=20, temperature=0.7`.

        Raises:
            SettingsError: a value out of its range.
            DataError: the article's network needs more words, or does not know one.
        """
        plan = Plan(**how)
        return next(self._writings(text, plan, 1))

    def continuations(self, text: str, n: int = 1, **how: Any) -> list[Continuation]:
        """Return `n` whole continuations of `text`, with the log-probability of each word.

        Sampled ones have the seeds `seed`, `seed` + 1 and so on: each is what that seed alone gives. Of a
        beam search they are the n best, the best first; there may be fewer.

        Args:
            text: as for `write`.
            n: how many; of a beam search at most `beams`.
            **how: as for `write`.

        Raises:
            SettingsError: as `write`, or `n` below 1 or above `beams`.
            DataError: as `write`.
        """
        plan = Plan(**how)
        if n < 1 or 1 < plan.beams < n:
            most = "" if plan.beams == 1 else f", and no more than the {plan.beams} beams"
            raise SettingsError(expected=f"at least 1{most}", found=repr(n), where="n")
        return [writing.whole() for writing in self._writings(text, plan, n)]

    def _writings(self, text: str, plan: Plan, n: int) -> Iterator[Writing]:
        """Read a prompt once and return how it goes on, `n` times."""
        before, begun, endings = self._parted(text, plan.unfinished)
        if not len(endings):
            before, begun = text, ""
        prompt = self._prompt(before)
        pieces = Pieces(self.tokenizer, prompt, before, begun)
        banned = self._banned(plan.avoid_unknown)
        start = Start(prompt, *self._network.read(prompt), banned, endings if begun else None)
        if plan.beams == 1:
            seeds = (None if plan.seed is None else plan.seed + i for i in range(n))
            chosen: Iterable[Any] = (sample(self._network, start, replace(plan, seed=seed)) for seed in seeds)
        else:
            chosen = beam_search(self._network, start, plan, pieces)[:n]
        return (Writing(each, pieces.copy(), self.tokenizer, plan.stops) for each in chosen)

    def score(self, lines: Iterable[str]) -> Score:
        """Return how likely the model finds a text; see `Score` for the conventions.

        Args:
            lines: lines of text, read once and never held together; a string with newlines counts as several.

        Raises:
            DataError: nothing in the text can be predicted.
        """
        if isinstance(lines, str):
            lines = [lines]
        if isinstance(self._network, ArticleNetwork):
            return score_article(self._network, self.tokenizer, lines)
        return score_lstm(self._network, self.tokenizer, lines, threads=self._threads)

    def _banned(self, avoid_unknown: bool) -> list[int]:
        tokenizer = self.tokenizer
        never = [tokenizer.pad, tokenizer.start, tokenizer.unknown if avoid_unknown else None]
        return [word for word in never if word is not None]

    def _parted(self, text: str, unfinished: bool) -> tuple[str, str, Integers]:
        """Return what `Endings.split` does, where the last word may be unfinished."""
        if not unfinished:
            return text, "", np.zeros(0, np.int64)
        if self._endings is None:
            self._endings = Endings(self.tokenizer)
        return self._endings.split(text)

    def _prompt(self, text: str) -> list[int]:
        """Return the ids to read: an lstm's stream starts after an end of line, and lines end with one."""
        end = self.tokenizer.end_of_line
        if end is None or isinstance(self._network, ArticleNetwork):
            ids = self.tokenizer.encode(text)
        else:
            lines = [line for line in text.split("\n")[:-1] if line.strip()]
            ids = [end]
            for line in lines:
                ids += [*self.tokenizer.encode(line), end]
            ids += self.tokenizer.encode(text.rpartition("\n")[2])
        self._check_prompt(ids, text)
        return ids

    def _check_prompt(self, ids: list[int], text: str) -> None:
        needed = self._network.window if isinstance(self._network, ArticleNetwork) else 1
        if len(ids) < needed:
            raise DataError(
                expected=f"a prompt of at least {needed} words",
                found=f"{len(ids)}",
                where="prompt",
                fix="give more words before the one to predict",
            )
        last = ids[-needed:] if needed > 1 else ids
        if -1 in last:
            at = len(ids) - len(last) + last.index(-1)
            _, start, stop = self.tokenizer.encode_with_offsets(text)[at]
            raise DataError(
                expected="words of the text that the model was trained on",
                found=f"'{text[start:stop]}'",
                where="prompt",
                fix="use words of that text, or train with --preset base, which can read any word",
            )
