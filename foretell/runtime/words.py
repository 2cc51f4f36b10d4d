"""Predicting words from a model directory, without TensorFlow: the next word, a continuation, a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.artifacts.model_directory import Opened, open_verified
from foretell.config import WordsSettings
from foretell.errors import DataError, SettingsError, UsageError
from foretell.runtime import sampling
from foretell.runtime.completion import Plan, generate, joined
from foretell.runtime.scoring import Score, score_article, score_lstm
from foretell.runtime.session import check_threads, open_session
from foretell.runtime.word_networks import ArticleNetwork, LstmNetwork
from foretell.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may come next.

    Attributes:
        word: the word as the tokenizer knows it; `<eos>` is the end of a line.
        probability: 0 to 1, over the whole vocabulary.
    """

    word: str
    probability: float


class WordsRuntime:
    """A words model, opened for prediction. Make one with `open`.

    Attributes:
        path: the model directory.
        tokenizer: the model's tokenizer.
        config: what `config.json` holds.
        metrics: what `metrics.json` holds: figures of the training.
    """

    def __init__(self, opened: Opened, network: LstmNetwork | ArticleNetwork, threads: int) -> None:
        self.path: Path = opened.path
        self.tokenizer: Tokenizer = opened.tokenizer
        self.config: dict[str, Any] = opened.config
        self.metrics: dict[str, Any] = opened.metrics
        self._network = network
        self._threads = threads

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
        return cls.from_opened(open_verified(path), threads=threads)

    @classmethod
    def from_opened(cls, opened: Opened, *, threads: int | None = None) -> WordsRuntime:
        """Open a directory that is already verified; see `open`."""
        settings = opened.settings
        if not isinstance(settings, WordsSettings):
            raise UsageError(
                expected="a words model",
                found="a labels model",
                where=str(opened.path),
                fix="use foretell classify, or give another model",
            )
        threads = check_threads(threads)
        session = open_session(opened.onnx_path)
        if settings.network == "article":
            return cls(opened, ArticleNetwork(session, settings.window), threads)
        return cls(opened, LstmNetwork(session), threads)

    def next(self, text: str, k: int = 5) -> list[Candidate]:
        """Return the `k` likeliest next words after `text`, the likeliest first.

        Padding and unknown words are not among them; their probability is not shared out. An empty text asks
        for the first word of a line.

        Raises:
            SettingsError: `k` below 1.
            DataError: the article's network needs more words, or does not know one.
        """
        if k < 1:
            raise SettingsError(expected="at least 1", found=repr(k), where="k")
        logits, _ = self._network.read(self._prompt(text))
        logp = sampling.log_softmax(logits[0])
        allowed = sampling.without(logp, self._banned(avoid_unknown=True))
        return [
            Candidate(self.tokenizer.word(word), float(np.exp(logp[word])))
            for word in sampling.likeliest(allowed, k).tolist()
        ]

    def complete(
        self,
        text: str,
        *,
        words: int = 20,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        beams: int = 1,
        seed: int | None = None,
        avoid_unknown: bool = True,
    ) -> Iterator[str]:
        """Continue `text`, yielding one piece a word, with its spacing: `text + "".join(pieces)` reads well.

        Each piece comes as soon as it is chosen, at the same cost however long the text (beams: at the end).

        Args:
            text: the prompt; may be empty (not for the article's network).
            words: words to add; punctuation marks and ends of line count as words.
            temperature, top_k, top_p, min_p, repetition_penalty: see `foretell.runtime.sampling.Sampling`.
            beams: above 1: beam search for the likeliest continuation, not random; temperature plays no part.
            seed: the same seed gives the same text; None: different every time.
            avoid_unknown: never write `<unk>`.

        Raises:
            SettingsError: a value out of its range.
            DataError: the article's network needs more words, or does not know one.
        """
        how = sampling.Sampling(temperature, top_k, top_p, min_p, repetition_penalty)
        banned = self._banned(avoid_unknown)
        plan = Plan(words=words, beams=beams, sampling=how, banned=banned, seed=seed)
        prompt = self._prompt(text)
        return joined(generate(self._network, prompt, plan), prompt, text, self.tokenizer)

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
