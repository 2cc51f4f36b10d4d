"""Beam search: extend the most probable continuations word by word and keep the best few at each step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foretell.arrays import LogProbabilities
from foretell.runtime.words import sampling
from foretell.runtime.words.completion import CompletionOptions, Prompt
from foretell.runtime.words.networks import WordNetwork
from foretell.runtime.words.word_count import WordCount
from foretell.runtime.words.writing import Chosen, Pieces, stops_at


@dataclass(frozen=True, eq=False)
class _Beam:
    """A continuation so far.

    Attributes:
        words: its words.
        score: the sum of their log-probabilities, after penalties; never above 0.
        pieces: gives the text of the next word; needed only to detect a stop.
        tail: the end of its text in which a stop can begin.
        count: counts its words, where a word may have several tokens.
    """

    words: tuple[Chosen, ...]
    score: float
    pieces: Pieces
    tail: str = ""
    count: WordCount | None = None

    def with_word(self, chosen: Chosen, score: float, stops: tuple[str, ...]) -> tuple[_Beam, bool]:
        """Return the beam with one more word, and whether it is finished: by a stop or by its last word."""
        words = (*self.words, chosen)
        if not stops and self.count is None:
            return _Beam(words, score, self.pieces), False
        pieces = self.pieces.copy()
        piece = pieces.add(chosen.id)
        count = None if self.count is None else self.count.copy()
        is_complete = count is not None and count.is_complete_before(piece)
        text = self.tail + piece
        longest = max(map(len, stops), default=1) - 1
        tail = text[-longest:] if longest else ""
        has_stop = bool(stops) and stops_at(text, stops) is not None
        return _Beam(words, score, pieces, tail, count), has_stop or is_complete


def beam_search(
    network: WordNetwork, prompt: Prompt, options: CompletionOptions, pieces: Pieces
) -> list[list[Chosen]]:
    """Return the best continuations, the best first, at most `options.beams` of them.

    A beam whose text contains a stop is finished; so is, where a word may have several tokens, a beam whose
    last token begins a word too many (it is not written). Finished beams, and those with all their words, are
    ranked by score / tokens ** length_penalty (as Wu et al. 2016, section 7, with the exponent alone). The
    sampling filters apply at each step; temperature does not, and the search is deterministic.
    """
    filters = replace(options, temperature=1.0)
    count = None if prompt.words is None else WordCount(prompt.words)
    live, finished = [_Beam((), 0.0, pieces, count=count)], list[_Beam]()
    logits, state = prompt.logits, prompt.state
    for tokens_left in range(prompt.max_tokens - 1, -1, -1):
        raw = sampling.log_softmax(logits)
        rows = np.stack([_filtered(prompt, beam, raw[i], filters) for i, beam in enumerate(live)])
        scores = np.array([beam.score for beam in live])
        extended, parents = list[_Beam](), list[int]()
        for i, word, score in zip(
            *(each.tolist() for each in sampling.beam_step(scores, rows, options.beams)), strict=True
        ):
            beam, is_finished = live[i].with_word(prompt.chosen(word, raw[i], options), score, options.stops)
            if is_finished:
                finished.append(beam)
            else:
                extended.append(beam)
                parents.append(i)
        live = extended
        if not tokens_left or not live or _is_settled(live, finished, options, prompt.max_tokens):
            break
        words = np.array([beam.words[-1].id for beam in live])
        logits, state = network.follow(words, network.pick(state, np.array(parents)))
    complete = finished + [beam for beam in live if len(beam.words) == prompt.max_tokens]
    complete.sort(key=lambda beam: -_rank(beam, options))
    return [list(beam.words) for beam in complete[: options.beams]]


def _filtered(
    prompt: Prompt, beam: _Beam, logp: LogProbabilities, filters: CompletionOptions
) -> LogProbabilities:
    seen = np.array([*prompt.ids, *(chosen.id for chosen in beam.words)], np.int64)
    return sampling.apply_filters(prompt.allowed(logp, seen, filters, is_first=not beam.words), filters)


def _rank(beam: _Beam, options: CompletionOptions) -> float:
    return float(beam.score / len(beam.words) ** options.length_penalty)


def _is_settled(
    live: list[_Beam], finished: list[_Beam], options: CompletionOptions, max_tokens: int
) -> bool:
    """Return whether no live beam can still be ranked above the `beams` best finished ones."""
    if len(finished) < options.beams:
        return False
    worst = sorted((_rank(beam, options) for beam in finished), reverse=True)[options.beams - 1]
    # A score only falls, and its divisor is between that of the next length and that of the last.
    lengths = (len(live[0].words) + 1, max_tokens)
    best = max(beam.score for beam in live)
    return bool(max(best / length**options.length_penalty for length in lengths) <= worst)
