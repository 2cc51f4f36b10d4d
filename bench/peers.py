"""foretell's presets beside other ways to classify IMDB's reviews: test accuracy against time, in one run.

Each way is a process of its own, which reads the 25,000 training reviews, learns, and answers the 25,000 test
reviews; its time is that of the whole process. Peers that are not installed are named and left out: they come
with `pip install 'foretell[bench]'`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.chart import scatter
from bench.commands import evaluate, foretell, run
from bench.parts import tfidf_accuracy
from bench.record import OUT, Results

LENGTH, WORDS = 400, 30_000
"""What the other LSTMs read: the last words of a review, the most frequent words."""


def main() -> None:
    """Show each way, then draw them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--one", choices=list(PEERS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps({"accuracy": PEERS[options.one][1]()}))
        return
    results = Results("peers", ["what", "test accuracy", "seconds, all of it"])
    found = []
    for name in options.ways:
        needs = PEERS[name][0] if name in PEERS else "tensorflow"
        if find_spec(needs) is None:
            print(f"{name}: {needs} is not installed", file=sys.stderr)
            continue
        accuracy, seconds = _of_peer(name) if name in PEERS else _of_preset(name)
        results.add(name, f"{accuracy:.2%}", f"{seconds:.0f}", accuracy=accuracy, seconds=seconds)
        found.append((name, seconds, accuracy, name not in PEERS))
    path = OUT / "peers.svg"
    path.write_text(scatter(found), encoding="utf-8")
    print(f"\n{path}")


def _of_peer(name: str) -> tuple[float, float]:
    done = run([sys.executable, "-m", "bench.peers", "--one", name])
    return json.loads(done.stdout.splitlines()[-1])["accuracy"], done.seconds


def _of_preset(name: str) -> tuple[float, float]:
    _, preset, *unlabelled = name.split()
    out: Path = OUT / "peers" / name.replace(" ", "-")
    out.parent.mkdir(parents=True, exist_ok=True)
    more = ("--unlabelled", "imdb") if unlabelled else ()
    done = foretell("train", "labels", "imdb", *more, "--preset", preset, "--out", out, "--restart")
    return evaluate(out, "imdb")["accuracy"], done.seconds


# ---- The peers: each returns its accuracy on the test reviews


def _reviews() -> tuple[list[str], list[int], list[str], list[int]]:
    from foretell.data.named import imdb

    train, test = imdb("train"), imdb("test")
    places = {label: i for i, label in enumerate(sorted(set(train.labels or ())))}
    return (
        list(train.texts), [places[label] for label in train.labels or ()],
        list(test.texts), [places[label] for label in test.labels or ()],
    )  # fmt: skip


def fasttext_ngrams(longest: int, rate: float) -> float:
    """fastText: hashed n-grams of words, averaged (Joulin et al. 2017)."""
    import random
    import re
    import tempfile

    import fasttext

    texts, labels, test_texts, test_labels = _reviews()
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, some, of in (("train", texts, labels), ("test", test_texts, test_labels)):
            path = Path(folder) / name
            words = (" ".join(re.findall(r"[\w']+", text.lower())) for text in some)
            lines = [f"__label__{y} {text}" for y, text in zip(of, words, strict=True)]
            # It reads the lines as they come, and these come label by label.
            random.Random(1).shuffle(lines)
            path.write_text("\n".join(lines), encoding="utf-8")
            paths.append(str(path))
        model = fasttext.train_supervised(
            paths[0], epoch=10, lr=rate, wordNgrams=longest, thread=2, verbose=0, minCount=2
        )
        accuracy: float = model.test(paths[1])[1]
        return accuracy


def tfidf() -> float:
    """TF-IDF of 1-2 grams and logistic regression, as scikit-learn's users write it."""
    texts, labels, test_texts, test_labels = _reviews()
    learned, tested = zip(texts, labels, strict=True), zip(test_texts, test_labels, strict=True)
    return tfidf_accuracy(list(learned), list(tested), min_df=2)


def nbsvm() -> float:
    """Naive-Bayes-weighted binary 1-3 grams and logistic regression (Wang and Manning 2012)."""
    import numpy as np
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels, test_texts, test_labels = _reviews()
    counter = CountVectorizer(ngram_range=(1, 3), binary=True, token_pattern=r"\w+|[^\w\s]", min_df=2)
    x, y = counter.fit_transform(texts), np.array(labels)
    p, q = (1 + np.asarray(x[y == label].sum(axis=0)).ravel() for label in (1, 0))
    ratio = sparse.diags(np.log(p / p.sum()) - np.log(q / q.sum()))
    model = LogisticRegression(C=1, solver="liblinear").fit(x @ ratio, y)
    return float(model.score(counter.transform(test_texts) @ ratio, test_labels))


def _padded() -> tuple[Any, Any, Any, Any, int]:
    """Return ids [text, step] and labels of both parts, and the number of ids; the same for every LSTM."""
    import numpy as np

    from foretell.text.tokenizer import Tokenizer

    texts, labels, test_texts, test_labels = _reviews()
    tokenizer, _, _ = Tokenizer.train_encoded(texts, "words", lowercase=True, vocabulary=WORDS, min_count=1)

    def ids(some: list[str]) -> Any:
        padded = np.zeros((len(some), LENGTH), np.int64)
        for row, text in zip(padded, tokenizer.encode_batch(some), strict=True):
            last = text[-LENGTH:]
            row[: len(last)] = last
        return padded

    return ids(texts), np.array(labels), ids(test_texts), np.array(test_labels), tokenizer.size


def keras_bilstm(epochs: int = 2) -> float:
    """The bidirectional LSTM of Keras's own examples, on TensorFlow."""
    import keras

    keras.utils.set_random_seed(1)
    x, y, test_x, test_y, size = _padded()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            layers.Embedding(size, 128),
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return float(model.evaluate(test_x, test_y, batch_size=256, verbose=0)[1])


def torch_bilstm(epochs: int = 2) -> float:
    """A bidirectional LSTM of PyTorch's layers, max and mean pooled, one-cycle learning rate."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    x, y, test_x, test_y, size = (torch.as_tensor(v) if not isinstance(v, int) else v for v in _padded())

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(size, 128, padding_idx=0)
            self.lstm = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
            self.drop, self.output = nn.Dropout(0.3), nn.Linear(256, 1)

        def forward(self, ids: Any) -> Any:
            ids = ids[:, : int((ids > 0).sum(dim=1).max())]
            mask = (ids > 0)[:, :, None]
            hidden, _ = self.lstm(self.drop(self.embedding(ids)))
            largest = hidden.masked_fill(~mask, -2.0).amax(dim=1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            return self.output(self.drop(torch.cat([largest, mean], dim=1)))[:, 0]

    model, batch = Classifier(), 64
    # Texts of like length together, as foretell's batches are.
    steps = epochs * (len(x) // batch)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    loss_of = nn.BCEWithLogitsLoss()
    lengths = (x > 0).sum(dim=1)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        pools = [pool[lengths[pool].argsort()] for pool in order.split(50 * batch)]
        rows = [part for pool in pools for part in pool.split(batch) if len(part) == batch]
        for place in torch.randperm(len(rows)).tolist():
            optimizer.zero_grad()
            loss = loss_of(model(x[rows[place]]), y[rows[place]].float())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()
    right = 0
    with torch.no_grad():
        by_length = (test_x > 0).sum(dim=1).argsort()
        for rows_now in by_length.split(256):
            right += int(((model(test_x[rows_now]) > 0) == (test_y[rows_now] > 0)).sum())
    return right / len(test_x)


PEERS: dict[str, tuple[str, Callable[[], float]]] = {
    "fastText, 1-2 grams": ("fasttext", lambda: fasttext_ngrams(2, 0.5)),
    "fastText, 1-3 grams": ("fasttext", lambda: fasttext_ngrams(3, 0.1)),
    "scikit-learn: TF-IDF, logistic regression": ("sklearn", tfidf),
    "scikit-learn: NB-weighted 1-3 grams": ("sklearn", nbsvm),
    "Keras: bidirectional LSTM, 2 epochs": ("keras", keras_bilstm),
    "PyTorch: bidirectional LSTM, 2 epochs": ("torch", torch_bilstm),
}

WAYS = (*PEERS, "foretell quick", "foretell base", "foretell quick unlabelled", "foretell base unlabelled")


if __name__ == "__main__":
    main()
