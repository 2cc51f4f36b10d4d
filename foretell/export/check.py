"""Whether an exported model answers as foretell does: on 200 texts, and in int8 on data of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.errors import ArtifactError, DataError
from foretell.export.source import Rows, Source

N_TEXTS = 200
TOLERANCE = 1e-4
MOST_WORDS = 20_000
# Words of a language model's data that are read from one start.
_STRETCH = 40

Answer = Callable[[Sequence[int]], Rows]
"""What a copy of a model answers to the ids of a text: probabilities [place, choice]. A classifier has one
place; a language model has one for each word that is read and can be followed, the last word's last."""


@dataclass(frozen=True)
class Loss:
    """What 8 bits cost.

    Attributes:
        before: accuracy of foretell's own answers on the data, 0 to 1.
        after: accuracy of the exported model's.
        count: texts, or words of a language model's data.
    """

    before: float
    after: float
    count: int

    @property
    def lost(self) -> float:
        """The accuracy that is lost; below 0 where some is gained."""
        return self.before - self.after


def sample_texts(source: Source, count: int = N_TEXTS) -> list[str]:
    """Return texts made of the model's own words, some unknown ones and some odd ones, always the same.

    They are up to twice as long as what a classifier reads; a language model's are short.
    """
    rng = np.random.default_rng(0)
    tokenizer = source.opened.tokenizer
    words = [tokenizer.word(i) for i in range(tokenizer.specials, tokenizer.size)]
    least = source.window or 0
    if tokenizer.unknown is not None:
        words += ["xyzzy", "Ünïcødé", "🙂"] * (1 + len(words) // 50)
    longest = min(2 * source.settings.length, 1_000) if source.job == "labels" else least + 30
    lengths = rng.integers(least, longest + 1, count)
    lengths[0] = least
    return [" ".join(rng.choice(words, length)) for length in lengths]


def check_same(source: Source, answer: Answer, texts: Sequence[str]) -> float:
    """Compare the answers of an exported model with foretell's; return the largest difference.

    Args:
        source: the model.
        answer: what the exported model answers to the ids of a text.
        texts: the texts to compare on.

    Raises:
        ArtifactError: a probability differs by more than 1e-4.
    """
    rows = source.answers(texts)
    # Words that foretell never gives (padding, unknown) have no probability to compare.
    off = max(
        float(np.nanmax(np.abs(row - answer(source.ids(text))[-1])))
        for row, text in zip(rows, texts, strict=True)
    )
    if not off <= TOLERANCE:
        raise ArtifactError(
            expected=f"probabilities within {TOLERANCE} of foretell's on {len(texts)} texts",
            found=f"a difference of {off:.2g}",
            where="the exported model",
            fix="nothing was written; report this with foretell doctor's output",
        )
    return off


def labels_loss(source: Source, answer: Answer, texts: Sequence[str], labels: Sequence[str]) -> Loss:
    """Return the accuracy on labelled texts before and after."""
    place = {label: i for i, label in enumerate(source.labels)}
    true = np.array([place.get(label, -1) for label in labels])
    before = source.answers(texts).argmax(axis=1) == true
    after = np.array([int(answer(source.ids(text))[-1].argmax()) for text in texts]) == true
    return Loss(float(before.mean()), float(after.mean()), len(texts))


def words_loss(source: Source, before: Answer, after: Answer, lines: Iterable[str]) -> Loss:
    """Return how often the likeliest word is the next one, on the first 20,000 words or so.

    Args:
        source: the model.
        before: what it answers in float32.
        after: what the exported model answers.
        lines: lines of text.

    Raises:
        DataError: nothing in the text can be predicted.
    """
    hits: list[int] = [0, 0]
    count = 0
    for ids in _stretches(source, lines):
        for i, answer in enumerate((before, after)):
            rows = answer(ids)[:-1]
            hits[i] += int((rows.argmax(axis=1) == ids[len(ids) - len(rows) :]).sum())
        count += len(rows)
        if count >= MOST_WORDS:
            break
    if not count:
        raise DataError(expected="text with words that the model knows", found="none", where="--data")
    return Loss(hits[0] / count, hits[1] / count, count)


def _stretches(source: Source, lines: Iterable[str]) -> Iterator[list[int]]:
    """Yield the ids of each line in stretches that a copy can read and in which it has a word to predict."""
    least = source.window or 1
    for line in lines:
        ids = source.ids(line)
        for start in range(0, len(ids), _STRETCH):
            stretch = ids[start : start + _STRETCH]
            if len(stretch) > least and -1 not in stretch:
                yield stretch
