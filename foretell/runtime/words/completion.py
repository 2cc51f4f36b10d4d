"""Completions: their options, the prompt that they start from, and sampling one word after
another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np

from foretell.arrays import Logits, LogProbabilities, Mask, TokenIds
from foretell.errors import SettingsError
from foretell.names import COMPLETION, check_names
from foretell.runtime.words import sampling
from foretell.runtime.words.networks import State, WordNetwork
from foretell.runtime.words.sampling import Sampling
from foretell.runtime.words.writing import Sampled


class Completion(TypedDict, total=False):
    """Options of a completion as keyword arguments; `CompletionOptions` describes them."""

    words: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    stop: str | list[str] | tuple[str, ...]
    seed: int | None
    avoid_unknown: bool
    unfinished: bool
    alternatives: int
    cache: int
    max_tokens: int


@dataclass(frozen=True, kw_only=True)
class CompletionOptions(Sampling):
    """The options of a completion; temperature, top_k, top_p, min_p and repetition_penalty: see
    `Sampling`.

    Attributes:
        words: words to add; a punctuation mark or a line break counts as one. Words of several
            tokens (subword, char) are counted as those of the style "words", and a line break is
            not one.
        stop: one text or several: the continuation ends before the first of them, wherever it
            begins (" the" stops before that word, "the" also inside "other").
        seed: seed of the random choices: the same seed gives the same text; None: a different text
            each time.
        avoid_unknown: never write `<unk>`, nor, with the tokens subword and char, a character that
            is no token in single bytes.
        unfinished: the last word of the prompt may be unfinished: continue with a word that begins
            with it.
        alternatives: how many of the most probable words to return for each place.
        cache: words of the text in a continuous cache, which makes words just used more probable;
            0: none.
        max_tokens: tokens to add at most, where a word may have several; 0: 32 for each word.

    Raises:
        SettingsError: a value out of its range.
    """

    words: int = 20
    stop: str | tuple[str, ...] | list[str] = ()
    seed: int | None = None
    avoid_unknown: bool = True
    unfinished: bool = False
    alternatives: int = 0
    cache: int = 0
    max_tokens: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for where, low in (("words", 1), ("seed", 0), ("alternatives", 0), ("max_tokens", 0)):
            if (value := getattr(self, where)) is not None:
                sampling.check_value(
                    value >= low, f"at least {low}", where.replace("_", "-"), value
                )
        if not all(self.stops):
            raise SettingsError("a text that is not empty", "''", where="stop")

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts of `stop`."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


def options_of(given: Mapping[str, object]) -> CompletionOptions:
    """Return the options of keyword arguments.

    Raises:
        SettingsError: there is no such option (its name here is offered), or a value is out of its
            range.
    """
    check_names(given, Completion.__annotations__, COMPLETION)
    return CompletionOptions(**given)  # type: ignore[arg-type]


class Prompt(NamedTuple):
    """A prompt that has been read.

    Attributes:
        ids: its token ids.
        logits: of the next word, [1, word].
        state: the network's state after the prompt.
        max_tokens: tokens to add, at most.
        banned: ids that are never chosen.
        first: the ids that the first word may have; None: any.
    """

    ids: list[int]
    logits: Logits
    state: State
    max_tokens: int
    banned: list[int]
    first: TokenIds | None

    def allowed(
        self, logp: LogProbabilities, seen: Mask, options: CompletionOptions, *, is_first: bool
    ) -> LogProbabilities:
        """Return log-probabilities [word] with the penalty on words `seen`, and without words not
        allowed.
        """
        logp = sampling.penalize_repetition(logp, seen, options.repetition_penalty)
        if is_first and self.first is not None:
            logp = sampling.keep_only(logp, self.first)
        return sampling.rule_out(logp, self.banned) if self.banned else logp

    def sampled(self, id: int, logp: LogProbabilities, options: CompletionOptions) -> Sampled:
        """Return a sampled word, with log-probability and alternatives by the model's own `logp`
        [word].
        """
        if not options.alternatives:
            return Sampled(id, float(logp[id]))
        best = sampling.top_ids(sampling.rule_out(logp, self.banned), options.alternatives).tolist()
        return Sampled(id, float(logp[id]), tuple((other, math.exp(logp[other])) for other in best))


def sample(network: WordNetwork, prompt: Prompt, options: CompletionOptions) -> Iterator[Sampled]:
    """Yield words, each as soon as it is sampled, in constant time per word, however long the text
    is.
    """
    random = np.random.default_rng(options.seed)
    seen = np.zeros(prompt.logits.shape[-1], np.bool_)
    # The unknown word of an article's model has the id -1.
    seen[[id for id in prompt.ids if id >= 0]] = True
    logits = prompt.logits
    state = prompt.state
    for place in range(prompt.max_tokens):
        logp = sampling.log_softmax(logits[0], np.float32)
        allowed = prompt.allowed(logp, seen, options, is_first=not place)
        word = sampling.sample_id(allowed, options, random)
        yield prompt.sampled(word, logp, options)
        seen[word] = True
        if place + 1 < prompt.max_tokens:
            logits, state = network.follow(np.array([word]), state)
