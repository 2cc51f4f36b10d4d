"""Continuing a text: one word after another by sampling, or the likeliest whole by beam search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from foretell.errors import SettingsError
from foretell.runtime import sampling
from foretell.runtime.sampling import Floats, Integers, Sampling
from foretell.runtime.word_networks import WordNetwork
from foretell.spacing import Spacing
from foretell.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be generated.

    Attributes:
        words: tokens to generate: a word, a punctuation mark or a line's end each count as one.
        beams: 1 samples; more search for the likeliest continuation.
        sampling: how each is chosen.
        banned: ids that are never chosen.
        seed: of the random choices; None: different every time.

    Raises:
        SettingsError: `words` or `beams` below 1, or `seed` below 0.
    """

    words: int
    beams: int = 1
    sampling: Sampling
    banned: list[int]
    seed: int | None = None

    def __post_init__(self) -> None:
        for where, value, low in (("words", self.words, 1), ("beams", self.beams, 1), ("seed", self.seed, 0)):
            if value is not None and value < low:
                raise SettingsError(expected=f"at least {low}", found=repr(value), where=where)


def generate(network: WordNetwork, prompt: list[int], plan: Plan) -> Iterable[int]:
    """Return the ids of a continuation of `prompt`, as they come."""
    return sample(network, prompt, plan) if plan.beams == 1 else beam_search(network, prompt, plan)


def sample(network: WordNetwork, prompt: list[int], plan: Plan) -> Iterator[int]:
    """Yield ids, each as soon as it is chosen. Every one costs the same, however long the text."""
    random = np.random.default_rng(plan.seed)
    seen = _Seen(prompt, plan.words)
    logits, state = network.read(prompt)
    for left in range(plan.words - 1, -1, -1):
        logp = _candidates(logits[0], seen.ids, plan)
        word = sampling.choose(sampling.shape(logp, plan.sampling), random)
        yield word
        seen.add(word)
        if left:
            logits, state = network.follow(np.array([word]), state)


def beam_search(network: WordNetwork, prompt: list[int], plan: Plan) -> list[int]:
    """Return the likeliest continuation found while keeping the `plan.beams` likeliest at every word.

    The sampling filters narrow each step; temperature plays no part, and nothing is random.
    """
    filters = replace(plan.sampling, temperature=1.0)
    read = np.array(prompt)
    written = np.zeros((1, 0), np.int64)
    scores: Floats = np.zeros(1)
    logits, state = network.read(prompt)
    for left in range(plan.words - 1, -1, -1):
        rows = [
            sampling.shape(_candidates(logits[beam], np.concatenate([read, written[beam]]), plan), filters)
            for beam in range(len(scores))
        ]
        parents, words, scores = sampling.beam_step(scores, np.stack(rows), plan.beams)
        written = np.concatenate([written[parents], words[:, None]], axis=1)
        if left:
            logits, state = network.follow(words, network.pick(state, parents))
    best: list[int] = written[0].tolist()
    return best


def _candidates(logits: Floats, seen: Integers, plan: Plan) -> Floats:
    logp = sampling.log_softmax(logits)
    logp = sampling.penalize_repetition(logp, seen, plan.sampling.repetition_penalty)
    return sampling.without(logp, plan.banned) if plan.banned else logp


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


def joined(ids: Iterable[int], prompt: list[int], text: str, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield the piece of text that each id adds, with the white space that belongs before it.

    Args:
        ids: the ids of the continuation.
        prompt: the ids of the prompt, which bear on what follows (an open quotation mark).
        text: the prompt itself: after white space no space is added.
        tokenizer: gives the words; its style says where spaces go.
    """
    spacing = Spacing(tokenizer.style)
    for word in prompt:
        spacing.piece(_written(word, tokenizer))
    spaced = not text or text[-1].isspace()
    for word in ids:
        piece = spacing.piece(_written(word, tokenizer))
        yield piece.lstrip(" ") if spaced else piece
        spaced = False


def _written(word: int, tokenizer: Tokenizer) -> str:
    return "\n" if word == tokenizer.end_of_line else tokenizer.word(word)
