"""Continuing a text: how it is asked for, and one word after another by sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from foretell.errors import SettingsError
from foretell.runtime.words import sampling
from foretell.runtime.words.networks import State, WordNetwork
from foretell.runtime.words.sampling import Floats, Integers, Sampling
from foretell.runtime.words.writing import Chosen


@dataclass(frozen=True, kw_only=True)
class Plan(Sampling):
    """How a text is to be continued; temperature, top_k, top_p, min_p and repetition_penalty: see `Sampling`.

    Attributes:
        words: words to add; a punctuation mark or a line's end counts as one.
        stop: one text or several: the continuation ends where the first of them begins, whatever words it is
            made of (" the" stops before that word, "the" in "other" too).
        seed: of the random choices: the same seed gives the same text; None: different every time.
        beams: above 1: beam search for the likeliest continuation; temperature and seed play no part.
        length_penalty: beams that a stop ends have different lengths; they are compared by their
            log-probability divided by words ** length_penalty. 0: the likeliest; 1: the likeliest word for
            word; more: longer ones.
        avoid_unknown: never write `<unk>`.
        unfinished: the last word of the prompt may be unfinished: go on with a word that begins with it.
        alternatives: how many of the likeliest words to tell for each place.

    Raises:
        SettingsError: a value out of its range.
    """

    words: int = 20
    stop: str | tuple[str, ...] | list[str] = ()
    seed: int | None = None
    beams: int = 1
    length_penalty: float = 1.0
    avoid_unknown: bool = True
    unfinished: bool = False
    alternatives: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for where, low in (("words", 1), ("beams", 1), ("seed", 0), ("alternatives", 0)):
            value = getattr(self, where)
            if value is not None and value < low:
                raise SettingsError(expected=f"at least {low}", found=repr(value), where=where)
        if not math.isfinite(self.length_penalty):
            raise SettingsError(
                expected="a finite number", found=repr(self.length_penalty), where="length-penalty"
            )
        if not all(self.stops):
            raise SettingsError(expected="a text that is not empty", found="''", where="stop")

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts of `stop`."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


@dataclass(frozen=True, eq=False)
class Start:
    """A prompt that has been read.

    Attributes:
        prompt: its ids.
        logits: of the word after it, [1, word].
        state: the network's, after it.
        banned: ids that are never chosen.
        first: the only ids that the first word may have; None: any.
    """

    prompt: list[int]
    logits: Floats
    state: State
    banned: list[int] = field(default_factory=list)
    first: Integers | None = None

    def steer(self, logp: Floats, seen: Integers, plan: Plan, *, is_first: bool) -> Floats:
        """Return log-probabilities [word] with the penalty on words `seen`, and what must not be left out."""
        logp = sampling.penalize_repetition(logp, seen, plan.repetition_penalty)
        if is_first and self.first is not None:
            logp = sampling.only(logp, self.first)
        return sampling.without(logp, self.banned) if self.banned else logp

    def chosen(self, id: int, logp: Floats, plan: Plan) -> Chosen:
        """Return a chosen word, given the model's own log-probabilities [word] in its place."""
        if not plan.alternatives:
            return Chosen(id, float(logp[id]))
        allowed = sampling.without(logp, self.banned)
        likeliest = sampling.likeliest(allowed, plan.alternatives).tolist()
        return Chosen(id, float(logp[id]), tuple((other, math.exp(logp[other])) for other in likeliest))


def sample(network: WordNetwork, start: Start, plan: Plan) -> Iterator[Chosen]:
    """Yield words, each as soon as it is chosen. Every one costs the same, however long the text."""
    random = np.random.default_rng(plan.seed)
    seen = _Seen(start.prompt, plan.words)
    logits, state = start.logits, start.state
    for left in range(plan.words - 1, -1, -1):
        logp = sampling.log_softmax(logits[0], np.float32)
        steered = start.steer(logp, seen.ids, plan, is_first=left == plan.words - 1)
        word = sampling.pick(steered, plan, random)
        yield start.chosen(word, logp, plan)
        seen.add(word)
        if left:
            logits, state = network.follow(np.array([word]), state)


class _Seen:
    """The distinct words read and written so far, in a buffer that never grows: constant cost a word."""

    def __init__(self, prompt: list[int], words: int) -> None:
        distinct = list(dict.fromkeys(prompt))
        self._known = set(distinct)
        self._buffer = np.zeros(len(distinct) + words, np.int64)
        self._buffer[: len(distinct)] = distinct
        self._size = len(distinct)

    @property
    def ids(self) -> Integers:
        return self._buffer[: self._size]

    def add(self, word: int) -> None:
        if word not in self._known:
            self._known.add(word)
            self._buffer[self._size] = word
            self._size += 1
