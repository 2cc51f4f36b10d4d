"""The classifiers of other libraries that foretell is compared with, and the choice of their
settings.

Each takes records for training and texts, and returns a label for each text. Where a setting is not
fixed, it is chosen on validation data: a part of the training records.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bench.data import Records, accuracy, labels_of, texts_of
from foretell.runtime.encoder import SentenceEncoder

Settings = Mapping[str, Any]

WORDS_AND_PUNCTUATION = r"\w+|[^\w\s]"
FASTTEXT_THREADS = 12
"""The default of fastText's own command. In version 0.9.3 each thread initialises a tenth of the
embeddings. With fewer than ten threads the rest is what the memory held before: training can end in
NaN or stay at chance."""
CHOICE_SEED = 1
"""Of the choice of validation records, and of training while settings are chosen."""


@dataclass(frozen=True)
class Peer:
    """A classifier that foretell is compared with.

    Attributes:
        package: the module that it needs.
        description: its fixed settings, for the output.
        predict: (train, texts, seed, **settings) to a label for each text.
        candidates: the settings that are tried on validation data; one: nothing is chosen.
        is_deterministic: whether its seed has no effect.
    """

    package: str
    description: str
    predict: Callable[..., list[str]]
    candidates: tuple[Settings, ...] = ({},)
    is_deterministic: bool = True


class Choice(NamedTuple):
    """Settings that were chosen, and the validation accuracy of each candidate."""

    settings: Settings
    accuracies: Sequence[float]


def shown(settings: Settings) -> str:
    """Return settings as a cell of a table."""
    return " ".join(f"{name}={value}" for name, value in settings.items())


def choose(peer: Peer, records: Records, *, folds: int = 1) -> Choice:
    """Return the candidate with the best validation accuracy on training records; the first of
    equal ones.

    With one fold a tenth of the records, drawn once, is used for validation.
    """
    if len(peer.candidates) == 1:
        return Choice(peer.candidates[0], ())
    splits = list(_splits(records, folds))
    accuracies = tuple(
        mean(
            accuracy(peer.predict(train, texts_of(valid), CHOICE_SEED, **settings), valid)
            for train, valid in splits
        )
        for settings in peer.candidates
    )
    return Choice(peer.candidates[accuracies.index(max(accuracies))], accuracies)


def _splits(records: Records, folds: int) -> Iterator[tuple[Records, Records]]:
    """Yield (train, validation) of each fold."""
    shuffled = random.Random(CHOICE_SEED).sample(records, len(records))
    parts = folds if folds > 1 else 10
    for fold in range(folds):
        train = [record for place, record in enumerate(shuffled) if place % parts != fold]
        yield train, shuffled[fold::parts]


def tfidf(
    train: Records,
    texts: Sequence[str],
    seed: int,
    *,
    c: float,
    analyzer: str = "word",
    ngrams: tuple[int, int] = (1, 2),
    min_df: int = 1,
) -> list[str]:
    """TF-IDF of n-grams and logistic regression, as scikit-learn's users write it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    del seed
    vectorizer = TfidfVectorizer(
        analyzer=analyzer, ngram_range=ngrams, min_df=min_df, sublinear_tf=True
    )
    x = vectorizer.fit_transform(texts_of(train))
    # The vectors are short: more threads of BLAS only wait for each other, fifty times as long.
    with threadpool_limits(1):
        model = LogisticRegression(C=c, max_iter=2000).fit(x, labels_of(train))
    predicted: list[str] = model.predict(vectorizer.transform(texts)).tolist()
    return predicted


def embedded(folder: Path, train: Records, texts: Sequence[str], *, c: float) -> list[str]:
    """Embeddings of a sentence encoder and logistic regression; `folder` is the encoder's."""
    return logistic_regression(_encoder(folder), train, texts, c=c)


def logistic_regression(
    encode: Callable[[list[str]], Any], train: Records, texts: Sequence[str], *, c: float
) -> list[str]:
    """Logistic regression on embeddings; `encode` gives those of texts, [text, dimension]."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    x = encode(texts_of(train))
    x_texts = encode(list(texts))
    with threadpool_limits(1):
        model = LogisticRegression(C=c, max_iter=2000).fit(x, labels_of(train))
    predicted: list[str] = model.predict(x_texts).tolist()
    return predicted


@lru_cache(maxsize=1)
def _encoder(folder: Path) -> Callable[[list[str]], Any]:
    """Return what gives embeddings [text, dimension]; each text is encoded once."""
    import numpy as np

    encoder = SentenceEncoder.open(folder)
    known = dict[str, Any]()

    def encode(texts: list[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, encoder.encode(new), strict=True))
        return np.stack([known[text] for text in texts])

    return encode


def nb_weighted(
    train: Records, texts: Sequence[str], seed: int, *, c: float, min_df: int = 1
) -> list[str]:
    """Naive-Bayes-weighted binary 1-3 grams and logistic regression (Wang and Manning 2012).

    With more than two labels: one model for each label against the rest.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        ngram_range=(1, 3), binary=True, token_pattern=WORDS_AND_PUNCTUATION, min_df=min_df
    )
    x = counter.fit_transform(texts_of(train))
    x_texts = counter.transform(texts)
    labels, y = np.unique(labels_of(train), return_inverse=True)
    positives = range(len(labels)) if len(labels) > 2 else [1]
    scores = np.stack([_nb_scores(x, y == label, x_texts, c, seed) for label in positives], axis=1)
    places = scores.argmax(axis=1) if len(labels) > 2 else (scores[:, 0] > 0).astype(int)
    predicted: list[str] = labels[places].tolist()
    return predicted


def _nb_scores(x: Any, is_positive: Any, x_texts: Any, c: float, seed: int) -> Any:
    """Return the score [text] of one label, of counts [record, n-gram] and is_positive [record]."""
    import numpy as np
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    p, q = (1 + np.asarray(x[rows].sum(axis=0)).ravel() for rows in (is_positive, ~is_positive))
    ratio = sparse.diags(np.log(p / p.sum()) - np.log(q / q.sum()))
    model = LogisticRegression(C=c, solver="liblinear", random_state=seed).fit(
        x @ ratio, is_positive
    )
    return model.decision_function(x_texts @ ratio)


def fasttext(
    train: Records,
    texts: Sequence[str],
    seed: int,
    *,
    ngrams: int,
    rate: float,
    epochs: int,
    buckets: int,
    min_count: int = 1,
) -> list[str]:
    """fastText: averaged embeddings of words and of hashed word n-grams (Joulin et al. 2017)."""
    import fasttext as library

    labels = sorted(set(labels_of(train)))
    lines = [f"__label__{labels.index(label)} {_words(text)}" for text, label in train]
    # fastText reads the lines in the order of the file.
    random.Random(seed).shuffle(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        model = library.train_supervised(
            str(path),
            epoch=epochs,
            lr=rate,
            wordNgrams=ngrams,
            minCount=min_count,
            bucket=buckets,
            seed=seed,
            thread=FASTTEXT_THREADS,
            verbose=0,
        )
    predicted, _ = model.predict([_words(text) for text in texts])
    # Nothing is predicted for a text without a known word.
    return [labels[int(names[0].removeprefix("__label__"))] if names else "" for names in predicted]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))
