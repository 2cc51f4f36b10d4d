"""`WordsRuntime`: predict words with a model directory, without TensorFlow: next word, completion,
score.

The way of a prompt: the tokenizer turns it into ids, the network (`words.networks`) reads them and
gives the logits of the next word, `words.sampling` chooses words by these, and `words.writing`
turns them into text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.arrays import TokenIds
from foretell.artifacts.model import Model
from foretell.config import WordsSettings
from foretell.errors import DataError
from foretell.runtime.open import model_of, settings_of
from foretell.runtime.session import Session, check_threads
from foretell.runtime.words import sampling
from foretell.runtime.words.cached import network_of
from foretell.runtime.words.completion import CompletionOptions, Prompt, options_of, sample
from foretell.runtime.words.networks import (
    ArticleNetwork,
    InterpolatedNetwork,
    LstmNetwork,
    StreamNetwork,
)
from foretell.runtime.words.scoring import Score, score_article, score_lstm
from foretell.runtime.words.writing import (
    MAX_TOKENS_A_WORD,
    Candidate,
    Continuation,
    Pieces,
    Writing,
    Written,
)
from foretell.text.styles import UNKNOWN, in_unspaced_script
from foretell.text.tokenizer import Tokenizer

__all__ = ["Candidate", "CompletionOptions", "Continuation", "WordsRuntime", "Writing", "Written"]


class WordsRuntime:
    """A language model, opened for prediction. Threads may share it, and forked children may use
    it.

    Attributes:
        model: the opened model: its settings, parts and interpolation weights.
        path: the model directory.
        tokenizer: the model's tokenizer.
        metrics: metrics of the training.
        network: the network, with the Kneser–Ney model where there is one.
        threads: threads that compute.
    """

    def __init__(self, model: str | Path | Model, *, threads: int | None = None) -> None:
        """Open a model as `runtime.open.open_model` does; UsageError: it is for labels."""
        model = model_of(model)
        settings = settings_of(model, WordsSettings, "use foretell classify with it")
        self.model = model
        self._settings = settings
        self.path: Path = model.directory
        self.tokenizer = model.tokenizer
        self.metrics = model.metrics
        self.threads = check_threads(threads)
        self._session = Session.of_model(model)
        self.network = network_of(model, settings, self._session)
        self._endings: Endings | None = None

    @property
    def lstm(self) -> LstmNetwork | None:
        """The network alone; None: it has no state."""
        network = self.network
        if isinstance(network, InterpolatedNetwork):
            network = network.network
        return network if isinstance(network, LstmNetwork) else None

    def network_for(self, cache: int) -> StreamNetwork | ArticleNetwork:
        """Return the network with a continuous cache of so many words; 0: without one. See
        `network_of`.
        """
        if not cache:
            return self.network
        return network_of(self.model, self._settings, self._session, cache)

    def next(
        self, text: str, k: int = 5, *, unfinished: bool = False, cache: int = 0
    ) -> list[Candidate]:
        """Return the `k` most probable next words after `text`, the most probable first.

        Padding and unknown words are left out; the other probabilities are not increased. An empty
        text gives the first word of a line. A model with the tokens subword or char gives tokens,
        with the white space that belongs to them, and leaves out single bytes; after a space,
        subwords that begin with one, with their probabilities among one another.

        With `unfinished` the last word of the text may be unfinished: the words that begin with it
        ("the obsta": obstacle), including itself if it is a word, with their probabilities among
        one another; none where no word begins with it; after white space or a punctuation mark the
        next words as usual.

        Raises:
            SettingsError: `k` below 1, or `cache` out of range.
            DataError: the article's network needs more words, or one of them is not in its
                vocabulary.
        """
        sampling.check_value(k >= 1, "at least 1", "k", k)
        before, begun, endings = self._split(text, unfinished)
        if begun and not len(endings):
            return []
        logits, _ = self.network_for(cache).read(self._prompt_ids(before))
        logp = sampling.log_softmax(logits[0])
        allowed = sampling.rule_out(logp, self._banned(avoid_unknown=True))
        if begun:
            logp[endings] = sampling.log_softmax(logp[endings])
            allowed = sampling.keep_only(logp, endings)
        return [
            Candidate(self.tokenizer.word(word), float(np.exp(logp[word])))
            for word in sampling.top_ids(allowed, k).tolist()
        ]

    def complete(self, text: str, **options: Any) -> Iterator[str]:
        """Continue `text`, yielding one piece per word, with its spaces: joined they are the
        continuation.

        Each piece comes as soon as its word is chosen, in constant time. Options: see `write`.
        """
        return (written.text for written in self.write(text, **options))

    def write(self, text: str, **options: Any) -> Writing:
        """Continue `text`, yielding each word with its text and its log-probability.

        Args:
            text: the prompt; may be empty (not for the article's network).
            **options: fields of `foretell.runtime.words.completion.CompletionOptions`, such as
                `words=20, temperature=0.7`.

        Raises:
            SettingsError: a value out of its range.
            DataError: the article's network needs more words, or one of them is not in its
                vocabulary.
        """
        return next(self._writings(text, options_of(options), 1))

    def continuations(self, text: str, n: int = 1, **options: Any) -> list[Continuation]:
        """Return `n` whole continuations of `text`, with the log-probability of each word.

        They are samples with the seeds `seed`, `seed` + 1 and so on; each is what its seed alone
        gives.

        Raises:
            SettingsError: as `write`, or `n` below 1.
            DataError: as `write`.
        """
        checked = options_of(options)
        sampling.check_value(n >= 1, "at least 1", "n", n)
        return [writing.whole() for writing in self._writings(text, checked, n)]

    def score(self, lines: Iterable[str], *, cache: int = 0) -> Score:
        """Return the probability of a text; see `Score` for the conventions.

        Args:
            lines: lines of text, read once and never in memory together, or a string.
            cache: words of the text in a continuous cache; 0: none.

        Raises:
            SettingsError: `cache` out of range.
            DataError: no word of the text can be predicted.
        """
        if isinstance(lines, str):
            lines = [lines]
        network = self.network_for(cache)
        if isinstance(network, ArticleNetwork):
            return score_article(network, self.tokenizer, lines)
        return score_lstm(network, self.tokenizer, lines, threads=self.threads)

    def _writings(self, text: str, options: CompletionOptions, n: int) -> Iterator[Writing]:
        """Read a prompt once and return `n` continuations of it."""
        before, begun, endings = self._split(text, options.unfinished)
        if not len(endings):
            before = text
            begun = ""
        ids = self._prompt_ids(before)
        pieces = Pieces(self.tokenizer, ids, before, begun)
        network = self.network_for(options.cache)
        max_tokens = options.words
        words = None
        if self.tokenizer.is_open:
            max_tokens = options.max_tokens or MAX_TOKENS_A_WORD * options.words
            words = options.words
        banned = self._banned(options.avoid_unknown)
        first = endings if begun else None
        prompt = Prompt(ids, *network.read(ids), max_tokens, banned, first)
        for i in range(n):
            seed = None if options.seed is None else options.seed + i
            sampled = sample(network, prompt, replace(options, seed=seed))
            yield Writing(sampled, pieces.copy(), self.tokenizer, options.stops, words)

    def _banned(self, avoid_unknown: bool) -> list[int]:
        never = [self.tokenizer.pad, self.tokenizer.start]
        if avoid_unknown:
            # Prepared texts with the tokens white-space have `<unk>` as a word. A single byte may
            # be no character.
            never += [self.tokenizer.id(UNKNOWN), *self.tokenizer.bytes]
        return [word for word in never if word is not None]

    def _split(self, text: str, unfinished: bool) -> Split:
        """Return `Endings.split` of a text whose last word may be unfinished.

        A space at the end of a text is the beginning of a subword, whether or not words may be
        unfinished.
        """
        if not unfinished and not (self.tokenizer.style == "subword" and text.endswith(" ")):
            return text, "", NO_IDS
        if self._endings is None:
            self._endings = Endings(self.tokenizer)
        return self._endings.split(text)

    def _prompt_ids(self, text: str) -> list[int]:
        """Return the ids of a prompt. An lstm's starts after an end of line, and its lines end with
        one.
        """
        end = self.tokenizer.end_of_line
        if end is None or isinstance(self.network, ArticleNetwork):
            ids = self.tokenizer.encode(text)
        else:
            lines = [line for line in text.split("\n")[:-1] if line.strip()]
            if self.tokenizer.is_open:
                lines = [line.rstrip("\r") for line in lines]
            ids = [end]
            for line in lines:
                ids += [*self.tokenizer.encode(line), end]
            ids += self.tokenizer.encode(text.rpartition("\n")[2])
        self._check_prompt(ids, text)
        return ids

    def _check_prompt(self, ids: list[int], text: str) -> None:
        needed = 1
        first = 0
        if isinstance(self.network, ArticleNetwork):
            needed = self.network.window
            first = len(ids) - needed
        if len(ids) < needed:
            raise DataError(
                f"a prompt of at least {needed} words",
                f"{len(ids)}",
                where="prompt",
                fix="give more words before the one to predict",
            )
        if -1 in ids[first:]:
            _, start, stop = self.tokenizer.encode_with_offsets(text)[ids.index(-1, first)]
            raise DataError(
                "words of the text that the model was trained on",
                f"'{text[start:stop]:.60}'",
                where="prompt",
                fix="use words of that text, or train with --preset base --tokens words",
            )


# Tokens at the end of a run without white space at which an unfinished word may begin.
MAX_TOKENS = 8

NO_IDS: TokenIds = np.zeros(0, np.int64)

Split = tuple[str, str, TokenIds]
"""A text before its last word, that word as far as it is written, and the words that begin with
it.
"""


class Endings:
    """The words of a vocabulary, sorted, for the search by their first letters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pairs = sorted((tokenizer.word(id), id) for id in range(tokenizer.specials, tokenizer.size))
        self._words = [word for word, _ in pairs]
        self._ids = np.array([id for _, id in pairs], np.int64)
        self._tokenizer = tokenizer

    def ids(self, beginning: str) -> TokenIds:
        """Return the ids of the words that begin with `beginning`, including itself; ascending."""
        first = bisect_left(self._words, beginning)
        # Sorted words, cut to one length, are still sorted.
        last = bisect_right(self._words, beginning, first, key=lambda word: word[: len(beginning)])
        return np.sort(self._ids[first:last])

    def split(self, text: str) -> Split:
        """Split a text before its last word, if that word may be unfinished.

        A text that ends in white space or a punctuation mark has no unfinished word, except that
        "don'" is unfinished where "don't" is in the vocabulary. A character of a script without
        spaces is a word of its own: it is unfinished only where the vocabulary has it with further
        marks. A subword is unfinished where longer ones begin with it and the space before it;
        otherwise, as with characters, the next token continues the word.

        Returns the text before the unfinished word, the word as the tokenizer writes it, and the
        ids of the words that begin with it, possibly none. Without an unfinished word: the text, ""
        and no ids.
        """
        style = self._tokenizer.style
        if style == "subword":
            return self._split_subword(text)
        begun: Split = (text, "", NO_IDS)
        if style == "char" or not text or text[-1].isspace():
            return begun
        run = text.split()[-1]
        starts, ends_in_word = self._starts(run)
        if style == "words" and ends_in_word and in_unspaced_script(run[starts[-1]]):
            before, begun_character, ids = self._before(text, len(run) - starts[-1])
            # Alone, without marks, it is finished.
            if self._are_all(begun_character, ids):
                return begun
            return before, begun_character, ids
        for start in starts:
            begun = self._before(text, len(run) - start)
            if len(begun[2]):
                return begun
        return begun if ends_in_word else (text, "", NO_IDS)

    def _starts(self, run: str) -> tuple[list[int], bool]:
        """Return where an unfinished word of a run may begin, and whether the last token is one."""
        tokens = [start for _, start, _ in self._tokenizer.encode_with_offsets(run)[-MAX_TOKENS:]]
        starts = tokens
        if self._tokenizer.style == "words":
            starts = [at for at in tokens if run[at].isalnum() or run[at] == "_"]
        return starts, bool(starts) and starts[-1] == tokens[-1]

    def _before(self, text: str, n_letters: int) -> Split:
        """Split a text before its last letters."""
        begun = "".join(self._tokenizer.runs(text[-n_letters:]))
        return text[:-n_letters], begun, self.ids(begun)

    def _split_subword(self, text: str) -> Split:
        line = text.rpartition("\n")[2]
        begun = (self._tokenizer.runs(line) or [""])[-1]
        ids = self.ids(begun)
        is_white_space = begun != " " and not begun.strip()
        if is_white_space or self._are_all(begun, ids):
            return text, "", NO_IDS
        n_tokens = len(self._tokenizer.encode(begun))
        _, start, _ = self._tokenizer.encode_with_offsets(line)[-n_tokens]
        return text[: len(text) - len(line) + start], begun, ids

    def _are_all(self, word: str, ids: TokenIds) -> bool:
        return all(self._tokenizer.word(id) == word for id in ids.tolist())
