"""The vocabulary of texts: counted words and characters, and byte-pair encoding learned from
counted runs.

Source: Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword
units". The Hugging Face library learns the pairs.
"""

from __future__ import annotations

import itertools
import json
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from tokenizers import Tokenizer, models, trainers

from foretell.arrays import Int32s, Int64s, in_parts
from foretell.text.styles import SPECIALS, open_model

Merges = list[tuple[str, str]]

# The library counts strings that it is given. Above this many, all counts are divided by the same
# number.
_MAX_RUNS = 4_000_000
_RUNS_AT_ONCE = 10_000

# At this many different words those counted once are dropped, so that the counts of a gigabyte of
# text fit in memory. Only a word at the end of the vocabulary can be lost.
_MAX_COUNTED = 4_000_000

_TEXTS_AT_ONCE = 1024
_COUNTED_AT_ONCE = 1 << 22


def most_frequent(counts: Counter[str], vocabulary: int, min_count: int) -> list[str]:
    """Return the most frequent strings that occur `min_count` times, at most `vocabulary`.

    Equally frequent ones are in the order of the alphabet, not in that of occurrence: neighbours in
    the text would have neighbouring ids, and the article's network, which reads ids as numbers,
    could hardly distinguish them (docs/article.md).
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, n in ordered if n >= min_count][:vocabulary]


def learn_subwords(
    counts: Counter[str], vocabulary: int, min_count: int
) -> tuple[list[str], Merges]:
    """Return the tokens, the most frequent first, and the pairs to join, of counted runs of
    characters.

    The same counts always give the same tokens. At most half of them are characters. Pairs and
    characters occur `min_count` times; no token crosses the border of two runs.
    """
    of_characters: Counter[str] = Counter()
    for run, n in counts.items():
        for character in run:
            of_characters[character] += n
    alphabet = most_frequent(of_characters, max(1, vocabulary // 2), min_count)
    if not alphabet:
        return [], []
    library = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=max(2, min_count),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    library.train_from_iterator(_repeated(counts, alphabet), trainer)
    learned = json.loads(library.to_str())["model"]
    merges = [(left, right) for left, right in learned["merges"]]
    return _by_frequency(list(learned["vocab"]), merges, counts), merges


def _repeated(counts: Counter[str], alphabet: list[str]) -> Iterator[list[str]]:
    """Yield each run as often as it occurs, without the characters that are no tokens."""
    others = re.compile(f"[^{re.escape(''.join(alphabet))}]+")
    divisor = max(1.0, counts.total() / _MAX_RUNS)
    waiting: list[str] = []
    # In a fixed order: the library's choice between equally frequent pairs must not depend on the
    # corpus'.
    for run, n in sorted(counts.items()):
        parts = [part for part in others.split(run) if part]
        waiting += parts * max(1, round(n / divisor))
        if len(waiting) >= _RUNS_AT_ONCE:
            yield waiting
            waiting = []
    yield waiting


def _by_frequency(tokens: list[str], merges: Merges, counts: Counter[str]) -> list[str]:
    """Return the tokens by how often they occur in the encoded runs, the most frequent first."""
    names = [*SPECIALS["subword"], *tokens]
    library = Tokenizer(open_model({token: i for i, token in enumerate(names)}, merges))
    runs = list(counts)
    occurrences: Counter[str] = Counter()
    for part in in_parts(runs, _RUNS_AT_ONCE):
        for run, encoding in zip(part, library.encode_batch(part), strict=True):
            for token in encoding.tokens:
                occurrences[token] += counts[run]
    return sorted(tokens, key=lambda token: (-occurrences[token], token))


def count_runs(runs: Callable[[str], list[str]], texts: Iterable[str]) -> Counter[str]:
    """Count the runs of texts; where there are too many different ones, those seen once are
    dropped.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(runs(text))
        if len(counts) > _MAX_COUNTED:
            counts = Counter({word: n for word, n in counts.items() if n > 1})
    return counts


def number_runs(
    runs: Callable[[str], list[str]], texts: Iterable[str]
) -> tuple[dict[str, int], Int32s, Int64s]:
    """Number the different runs of texts, as many as `count_runs` counts.

    Returns:
        The number of each run; the numbers of the texts one after another, int32 [run]; and where
        each text begins, int64 [text + 1]. Numbers without a run are of those that were
        dropped.
    """
    number_of = defaultdict[str, int](itertools.count().__next__)
    # It grows in place: parts that are joined at the end take twice the memory.
    numbers = array("i")
    lengths = [0]
    waiting = iter(texts)
    while chunk := list(itertools.islice(waiting, _TEXTS_AT_ONCE)):
        split = [runs(text) for text in chunk]
        lengths += map(len, split)
        flat = map(number_of.__getitem__, itertools.chain.from_iterable(split))
        numbers.extend(flat)
        if len(number_of) > _MAX_COUNTED:
            counts = occurrences(np.asarray(numbers))
            for run in [run for run, number in number_of.items() if counts[number] == 1]:
                del number_of[run]
    return dict(number_of), np.asarray(numbers), np.cumsum(lengths, dtype=np.int64)


def occurrences(numbers: Int32s) -> Int64s:
    """Return how often each number occurs, int64 [number]."""
    total = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    # In parts: `bincount` makes a copy of eight bytes for each.
    for part in in_parts(numbers, _COUNTED_AT_ONCE):
        total += np.bincount(part, minlength=len(total))
    return total
