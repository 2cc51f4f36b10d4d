"""Whether an exported model gives the same answers as foretell, and what accuracy 8 bits cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foretell.arrays import Floats
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, DataError
from foretell.export.formats import Answer
from foretell.export.source import ExportSource
from foretell.metrics.multi_label import label_accuracy
from foretell.runtime.labels.evaluation import check_any_known

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


def sample_texts(source: ExportSource) -> list[str]:
    """Return 200 texts made of the model's own words, unknown and unusual ones, the same in every
    call.

    Those of a classifier have up to twice as many words as it reads; a language model's are short.
    """
    rng = np.random.default_rng(0)
    tokenizer = source.model.tokenizer
    words = [tokenizer.word(i) for i in range(tokenizer.specials, tokenizer.size)]
    if tokenizer.unknown is not None:
        words += ["xyzzy", "Ünïcødé", "🙂"] * (1 + len(words) // 50)
    max_words = source.window + 30
    if source.kind == "classifier":
        max_words = min(2 * source.length, 1_000)
    # Words on white space have no end of line that an empty text would begin with.
    min_words = max(source.window, int(tokenizer.unknown is None))
    lengths = rng.integers(min_words, max_words + 1, N_TEXTS)
    lengths[0] = min_words
    # After a space foretell gives subwords that begin with one; a copy has no such rule.
    return [" ".join(rng.choice(words, length)).rstrip(" ") for length in lengths]


def check_same(source: ExportSource, answer: Answer, texts: Sequence[str]) -> float:
    """Compare the answers of an exported model with foretell's, and return the largest
    difference.
    """
    rows = source.answers(texts)
    copied = _last_answers(source, answer, texts)
    # Not of the words that foretell never predicts. NaN in the copy's answer is not below the
    # tolerance.
    difference = float(np.abs(rows - copied)[~np.isnan(rows)].max())
    if not difference <= TOLERANCE:
        raise ArtifactError(
            f"probabilities within {TOLERANCE} of foretell's on {len(texts)} texts",
            f"a difference of {difference:.2g}",
            where="the exported model",
            fix="nothing was written; report this with the output of foretell doctor",
        )
    return difference


def _last_answers(source: ExportSource, answer: Answer, texts: Sequence[str]) -> Floats:
    return np.stack([answer(source.ids(text), source.tfidf_scores(text))[-1] for text in texts])


def labels_loss(source: ExportSource, answer: Answer, data: Examples) -> Loss:
    """Return the accuracy of a classifier on labelled texts, before and after.

    Where texts may have several labels it is the share of right decisions.
    """
    check_any_known(data.label_names, source.labels, data.name)
    both = source.answers(data.texts), _last_answers(source, answer, data.texts)
    if data.sets is not None:
        targets = data.sets.aligned(source.labels)
        thresholds = np.array(source.thresholds, np.float32)
        before, after = (label_accuracy(targets, rows >= thresholds) for rows in both)
    else:
        index = {label: i for i, label in enumerate(source.labels)}
        true = np.array([index.get(label, -1) for label in data.labels])
        before, after = (float((rows.argmax(axis=1) == true).mean()) for rows in both)
    return Loss(before, after, len(data))


def words_loss(source: ExportSource, before: Answer, after: Answer, lines: Iterable[str]) -> Loss:
    """Return how often a language model's most probable word is the next one, in float32 and in 8
    bits.

    About 20,000 words of the lines are used.
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
        raise DataError("text with words of the model's vocabulary", "none", where="data")
    return Loss(hits[0] / count, hits[1] / count, count)


def _stretches(source: ExportSource, lines: Iterable[str]) -> Iterator[list[int]]:
    """Yield the ids of each line in stretches of known words that are long enough for one
    prediction.
    """
    for line in lines:
        ids = source.ids(line)
        for start in range(0, len(ids), _STRETCH):
            stretch = ids[start : start + _STRETCH]
            if len(stretch) > max(source.window, 1) and -1 not in stretch:
                yield stretch
