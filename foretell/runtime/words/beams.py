"""Beam search: the likeliest continuations found while keeping the likeliest few at every word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from foretell.runtime.words import sampling
from foretell.runtime.words.completion import Plan, Start
from foretell.runtime.words.networks import WordNetwork
from foretell.runtime.words.sampling import Floats
from foretell.runtime.words.writing import Chosen, Pieces, stops_at


@dataclass(frozen=True, eq=False)
class _Beam:
    """A continuation so far.

    Attributes:
        words: it.
        score: the log-probabilities of its words, after penalties, summed; never above 0.
        pieces: where its text goes on; only needed to see a stop.
        tail: as much of the end of its text as a stop can begin in.
    """

    words: tuple[Chosen, ...]
    score: float
    pieces: Pieces
    tail: str = ""

    def with_word(self, chosen: Chosen, score: float, stops: tuple[str, ...]) -> tuple[_Beam, bool]:
        """Return the beam with one more word, and whether a stop has appeared in it."""
        words = (*self.words, chosen)
        if not stops:
            return _Beam(words, score, self.pieces), False
        pieces = self.pieces.copy()
        text = self.tail + pieces.add(chosen.id)
        longest = max(map(len, stops)) - 1
        tail = text[-longest:] if longest else ""
        return _Beam(words, score, pieces, tail), stops_at(text, stops) is not None


def beam_search(network: WordNetwork, start: Start, plan: Plan, pieces: Pieces) -> list[list[Chosen]]:
    """Return the best continuations found, the best first, at most `plan.beams` of them.

    A beam in which a stop appears is finished. Finished ones, and those with all their words, are compared by
    score / words ** length_penalty (as Wu et al. 2016, section 7, with the exponent alone). The sampling
    filters narrow each step; temperature plays no part, and nothing is random.
    """
    filters = replace(plan, temperature=1.0)
    live, finished = [_Beam((), 0.0, pieces)], list[_Beam]()
    logits, state = start.logits, start.state
    for left in range(plan.words - 1, -1, -1):
        raw = sampling.log_softmax(logits)
        rows = np.stack([_steered(start, beam, raw[i], filters) for i, beam in enumerate(live)])
        scores = np.array([beam.score for beam in live])
        grown, kept = list[_Beam](), list[int]()
        for i, word, score in zip(
            *(each.tolist() for each in sampling.beam_step(scores, rows, plan.beams)), strict=True
        ):
            chosen = start.chosen(word, raw[i], plan)
            beam, has_stopped = live[i].with_word(chosen, score, plan.stops)
            if has_stopped:
                finished.append(beam)
            else:
                grown.append(beam)
                kept.append(i)
        live = grown
        if not left or not live or _is_settled(live, finished, plan):
            break
        words = np.array([beam.words[-1].id for beam in live])
        logits, state = network.follow(words, network.pick(state, np.array(kept)))
    found = finished + [beam for beam in live if len(beam.words) == plan.words]
    found.sort(key=lambda beam: -_rank(beam, plan))
    return [list(beam.words) for beam in found[: plan.beams]]


def _steered(start: Start, beam: _Beam, logp: Floats, filters: Plan) -> Floats:
    seen = np.array([*start.prompt, *(chosen.id for chosen in beam.words)], np.int64)
    return sampling.shape(start.steer(logp, seen, filters, is_first=not beam.words), filters)


def _rank(beam: _Beam, plan: Plan) -> float:
    return float(beam.score / len(beam.words) ** plan.length_penalty)


def _is_settled(live: list[_Beam], finished: list[_Beam], plan: Plan) -> bool:
    """Whether nothing that may yet come can be better than the best that are finished."""
    if len(finished) < plan.beams:
        return False
    worst = sorted((_rank(beam, plan) for beam in finished), reverse=True)[plan.beams - 1]
    # A score only falls; what it is divided by lies between the next length's and the longest's.
    lengths = (len(live[0].words) + 1, plan.words)
    best = max(beam.score for beam in live)
    return bool(max(best / length**plan.length_penalty for length in lengths) <= worst)
