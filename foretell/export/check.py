"""Whether an exported model gives the same answers as foretell, and what accuracy 8 bits cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.data.examples import Examples
from foretell.errors import ArtifactError, DataError
from foretell.export.formats import Answer
from foretell.export.source import Rows, Source
from foretell.metrics.multi_label import label_accuracy

N_TEXTS = 200
TOLERANCE = 1e-4
MAX_WORDS = 20_000
# Words of a language model's data that are read from one initial state.
_STRETCH = 40


@dataclass(frozen=True)
class Loss:
    """The accuracy of a model and of its copy.

    Attributes:
        before: accuracy of foretell's own answers on the data, 0 to 1.
        after: accuracy of the exported model's.
        count: number of texts, or of predicted words of a language model's data.
    """

    before: float
    after: float
    count: int

    @property
    def lost(self) -> float:
        """The lost accuracy; below 0 if the exported model is more accurate."""
        return self.before - self.after


@dataclass(frozen=True)
class Change:
    """How the answers of a classifier change without its kept teacher.

    Attributes:
        changed: the share of texts that get another label, 0 to 1.
        count: number of texts.
        loss: the accuracy with and without it on labelled texts; None: none were given.
    """

    changed: float
    count: int
    loss: Loss | None = None


def sample_texts(source: Source, count: int = N_TEXTS) -> list[str]:
    """Return texts made of the model's own words, unknown and unusual ones, the same in every call.

    Those of a classifier have up to twice as many words as it reads; a language model's are short.
    """
    rng = np.random.default_rng(0)
    tokenizer = source.model.tokenizer
    words = [tokenizer.word(i) for i in range(tokenizer.specials, tokenizer.size)]
    if tokenizer.unknown is not None:
        words += ["xyzzy", "Ünïcødé", "🙂"] * (1 + len(words) // 50)
    max_words = min(2 * source.length, 1_000) if source.kind == "classifier" else source.window + 30
    # Words on white space have no end of line that an empty text would begin with.
    least = max(source.window, 1 if tokenizer.unknown is None else 0)
    lengths = rng.integers(least, max_words + 1, count)
    lengths[0] = least
    # After a space foretell gives subwords that begin with one; a copy has no such rule.
    return [" ".join(rng.choice(words, length)).rstrip(" ") for length in lengths]


def change(source: Source, before: Rows, after: Rows, data: Examples | None = None) -> Change:
    """Compare answers [text, label] with a kept teacher and without it.

    Args:
        source: the model.
        before, after: its answers with the teacher and without it.
        data: the texts with their labels; None: the labels are not known.
    """
    changed = float((source.decide(before) != source.decide(after)).any(axis=1).mean())
    return Change(changed, len(before), None if data is None else _loss(source, before, after, data))


def check_same(source: Source, answer: Answer, texts: Sequence[str]) -> float:
    """Compare the answers of an exported model with foretell's, and return the largest difference."""
    rows = source.answers(texts)
    copied = np.stack([_last_row(source, answer, text) for text in texts])
    # Not of the words that foretell never predicts. NaN in the copy's answer is not below the tolerance.
    difference = float(np.abs(rows - copied)[~np.isnan(rows)].max())
    if not difference <= TOLERANCE:
        raise ArtifactError(
            expected=f"probabilities within {TOLERANCE} of foretell's on {len(texts)} texts",
            found=f"a difference of {difference:.2g}",
            where="the exported model",
            fix="nothing was written; report this with the output of foretell doctor",
        )
    return difference


def _last_row(source: Source, answer: Answer, text: str) -> Rows:
    """Return the probabilities [choice] after a text; the copy gets the scores of the TF-IDF models."""
    rows: Rows = answer(source.ids(text), source.tfidf_scores(text))[-1]
    return rows


def labels_loss(source: Source, answer: Answer, data: Examples) -> Loss:
    """Return the accuracy of a classifier on labelled texts, before and after.

    Where texts may have several labels it is the share of right decisions.
    """
    after = np.stack([_last_row(source, answer, text) for text in data.texts])
    return _loss(source, source.answers(data.texts), after, data)


def _loss(source: Source, before: Rows, after: Rows, data: Examples) -> Loss:
    if data.sets is not None:
        targets = data.sets.aligned(source.labels)
        accuracies = [label_accuracy(targets, source.decide(rows)) for rows in (before, after)]
    else:
        index = {label: i for i, label in enumerate(source.labels)}
        true = np.array([index.get(label, -1) for label in data.labels])
        accuracies = [float((rows.argmax(axis=1) == true).mean()) for rows in (before, after)]
    return Loss(accuracies[0], accuracies[1], len(data))


def words_loss(source: Source, before: Answer, after: Answer, lines: Iterable[str]) -> Loss:
    """Return how often a language model's most probable word is the next one, before and after.

    Args:
        source: the model.
        before: the exported model in float32.
        after: the exported model in 8 bits.
        lines: lines of text; about 20,000 words are used.
    """
    hits = [0, 0]
    count = 0
    for ids in _stretches(source, lines):
        for i, answer in enumerate((before, after)):
            rows = answer(ids, None)[:-1]
            hits[i] += int((rows.argmax(axis=1) == ids[len(ids) - len(rows) :]).sum())
        count += len(rows)
        if count >= MAX_WORDS:
            break
    if not count:
        raise DataError(expected="text with words of the model's vocabulary", found="none", where="data")
    return Loss(hits[0] / count, hits[1] / count, count)


def _stretches(source: Source, lines: Iterable[str]) -> Iterator[list[int]]:
    """Yield the ids of each line in stretches of known words that are long enough for one prediction."""
    for line in lines:
        ids = source.ids(line)
        for start in range(0, len(ids), _STRETCH):
            stretch = ids[start : start + _STRETCH]
            if len(stretch) > max(source.window, 1) and -1 not in stretch:
                yield stretch
