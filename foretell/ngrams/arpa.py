"""The Kneser–Ney model of a language model in the ARPA format, which KenLM and keyboards read.

A line of the format has the logarithm to base 10 of a probability, the words of an n-gram, and that
of its backoff weight, which multiplies the probability of a word that was not counted after it. The
format has no uniform order 0 and no n-gram across the end of a line:

- The probability of a word holds the shares of all lower orders (interpolated).
- `<eos>`, the end of a line, is `</s>` at the end of an n-gram and `<s>` at its beginning. N-grams
  with `<eos>` in between are left out, so a line has the probability that it has as a text's first.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from foretell.arrays import Floats, Integers
from foretell.ngrams.kneser_ney import KneserNey

_BEGIN = "<s>"
_END = "</s>"
_SMALLEST = 1e-99
"""What the format writes for 0."""

Entries = Mapping[tuple[str, ...], tuple[float, float]]
"""The logarithms of an n-gram's probability and backoff weight."""


def arpa_lines(model: KneserNey, words: Sequence[str], end: int | None) -> list[str]:
    """Return the lines of the file.

    Args:
        model: the n-grams.
        words: the word of each id.
        end: the id of the end of a line; None: there is none.
    """
    sections = list(_sections(model, words, end))
    lines = ["\\data\\"]
    lines += [f"ngram {order}={len(section)}" for order, section in enumerate(sections, 1)]
    for order, section in enumerate(sections, 1):
        lines += ["", f"\\{order}-grams:", *section]
    return [*lines, "", "\\end\\", ""]


def _sections(model: KneserNey, words: Sequence[str], end: int | None) -> Iterator[list[str]]:
    """Yield the lines of the n-grams of each order; those of order 1 are all ids."""
    seen = model.levels[0].keys
    backoffs = np.ones(model.size)
    backoffs[seen] = _backoffs(model, 1, len(seen))
    lines = _lines(model, np.arange(model.size)[:, None], backoffs, words, end)
    # A line begins after this mark, which is never predicted.
    first = 1.0 if end is None else backoffs[end]
    marks = {_BEGIN: f"\t{np.log10(first):.7g}", **({_END: ""} if end is None else {})}
    yield lines + [f"-99\t{name}{rest}" for name, rest in marks.items() if name not in words]
    grams = seen[:, None]
    for order, level in enumerate(model.levels[1:], 2):
        contexts, last = np.divmod(level.keys, model.size)
        grams = np.concatenate([grams[contexts], last[:, None]], axis=1)
        yield _lines(model, grams, _backoffs(model, order, len(grams)), words, end)


def _backoffs(model: KneserNey, order: int, count: int) -> Floats:
    """Return the weights after the n-grams of an order, [n-gram]."""
    return model.levels[order].backoffs if order < model.order else np.ones(count)


def _lines(
    model: KneserNey, grams: Integers, backoffs: Floats, words: Sequence[str], end: int | None
) -> list[str]:
    order = grams.shape[1]
    # With so few levels the probability of a word depends on the words of its n-gram alone.
    shorter = replace(model, levels=model.levels[:order])
    probabilities = shorter.probabilities(grams.ravel())[0][order - 1 :: order]
    logs = np.log10(np.maximum([probabilities, backoffs], _SMALLEST)).T.tolist()
    return [
        f"{log:.7g}\t{' '.join(named(gram, words, end))}\t{backoff:.7g}"
        for gram, (log, backoff) in zip(grams.tolist(), logs, strict=True)
        if end not in gram[1:-1]
    ]


def named(ids: Sequence[int], words: Sequence[str], end: int | None) -> list[str]:
    """Return the words of an n-gram as the format names them; `end` is the id of an end of line."""
    named = [words[id] for id in ids]
    if ids[0] == end:
        named[0] = _BEGIN
    if ids[-1] == end:
        named[-1] = _END
    return named


def read_arpa(lines: Iterable[str], wanted: Container[tuple[str, ...]]) -> Entries:
    """Return those n-grams of a file that are wanted."""
    fields = (line.rstrip("\n").split("\t") for line in lines if "\t" in line)
    named = ((tuple(words.split(" ")), log, backoff) for log, words, *backoff in fields)
    return {
        gram: (float(log), float(backoff[0]) if backoff else 0.0)
        for gram, log, backoff in named
        if gram in wanted
    }


def arpa_log(entries: Entries, context: Sequence[str], word: str) -> float:
    """Return log10 p(word | context), as a reader of the format computes it.

    Raises:
        KeyError: the word is no unigram.
    """
    if (*context, word) in entries or not context:
        return entries[(*context, word)][0]
    _, backoff = entries.get(tuple(context), (0.0, 0.0))
    return backoff + arpa_log(entries, context[1:], word)
