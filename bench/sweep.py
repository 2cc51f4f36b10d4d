"""From 300 texts to 120,000: foretell beside linear models and fastText on abstracts of arXiv.

167 categories, 160 words each. The first texts of the training file are learned from, as many as a
row says, and all 5,000 test texts are predicted. Settings of the other systems are chosen on a
tenth of at most 20,000 training texts. Seconds are those of the whole process, with reading and
predicting, without the choice of settings; a system that takes longer than `--most` seconds for one
size is left out of the larger ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import NamedTuple

from bench.classifiers import Peer, Settings, choose, fasttext, nb_weighted
from bench.data import Records, accuracy, arxiv, labels_of, texts_of, write_csv
from bench.harness import OUT, Results, foretell, measure, parser_of, require

SIZES = (300, 1_000, 3_000, 5_000, 6_000, 10_000, 20_000, 50_000, 120_000)
CHOSEN_ON = 20_000
OURS = "foretell"


def support_vectors(train: Records, texts: Sequence[str], seed: int, *, c: float) -> list[str]:
    """TF-IDF of 1-2 grams of words, the 500,000 most frequent, and a linear SVM."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=500_000)
    x = vectorizer.fit_transform(texts_of(train))
    model = LinearSVC(C=c, random_state=seed).fit(x, labels_of(train))
    predicted: list[str] = model.predict(vectorizer.transform(texts)).tolist()
    return predicted


PEERS = {
    "LinearSVC": Peer(
        "sklearn",
        "TF-IDF of 1-2 grams, at most 500,000",
        support_vectors,
        tuple({"c": c} for c in (0.1, 0.3, 1, 3)),
    ),
    "NB-LR": Peer(
        "sklearn",
        "1-3 grams in at least 2 texts, one model for each label",
        lambda *given, **settings: nb_weighted(*given, min_df=2, **settings),
        tuple({"c": c} for c in (0.3, 1, 3)),
    ),
    "fastText": Peer(
        "fasttext",
        "1-2 grams, 100 dimensions",
        lambda *given, **settings: fasttext(
            *given, ngrams=2, buckets=2_000_000, min_count=2, **settings
        ),
        tuple({"rate": rate, "epochs": epochs} for rate in (0.5, 1.0) for epochs in (10, 25, 50)),
        is_deterministic=False,
    ),
}


class Tested(NamedTuple):
    """Test accuracy, and the seconds of reading, training and predicting."""

    accuracy: float
    seconds: float

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.1f} %, {self.seconds:.0f} s"


def main() -> None:
    """Show a row for each size."""
    parser = parser_of(__doc__)
    systems = [OURS, *PEERS]
    parser.add_argument("--systems", nargs="+", default=systems, choices=systems)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument(
        "--how", default="--preset=base", help="of foretell (default: --preset=base)"
    )
    parser.add_argument("--most", type=float, default=1800.0, help="seconds (default: 1800)")
    parser.add_argument("--one", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_of_peer(options.one, options.sizes[0], options.settings)))
        return
    require([PEERS[name].package for name in options.systems if name in PEERS])
    _sweep(options.systems, options.sizes, options.how, options.most)


def _of_peer(name: str, size: int, settings: Settings | None) -> dict[str, object]:
    """Choose settings, where there are none; else train, and return the test accuracy."""
    train = arxiv("train")[:size]
    peer = PEERS[name]
    if settings is None:
        return {"chosen": choose(peer, train[:CHOSEN_ON]).settings}
    test = arxiv("test")
    return {"accuracy": accuracy(peer.predict(train, texts_of(test), 1, **settings), test)}


def _sweep(systems: Sequence[str], sizes: Sequence[int], how: str, most: float) -> None:
    results = Results("sweep", ["texts", *systems], [1])
    late = set[str]()
    for size in sizes:
        cells = [f"{size:,}"]
        values = dict[str, object]()
        for name in systems:
            if name in late:
                cells.append("not run")
                continue
            tested = _foretell(size, how) if name == OURS else _peer(name, size, values)
            cells.append(str(tested))
            values[name] = tested._asdict()
            if tested.seconds > most:
                late.add(name)
        results.add(*cells, size=size, **values)


def _peer(name: str, size: int, values: dict[str, object]) -> Tested:
    given = "--one", name, "--sizes", str(size)
    chosen, _ = measure("bench.sweep", *given)
    values[f"{name}, settings"] = chosen["chosen"]
    found, done = measure("bench.sweep", *given, "--settings", json.dumps(chosen["chosen"]))
    return Tested(found["accuracy"], done.seconds)


def _foretell(size: int, how: str) -> Tested:
    folder = OUT / "sweep" / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "train.csv", arxiv("train")[:size])
    write_csv(folder / "test.csv", arxiv("test"))
    out = folder / "model"
    where = "--out", out, "--restart", "--overwrite"
    trained = foretell("train", "labels", folder / "train.csv", *how.split(), *where)
    tested = foretell("evaluate", out, folder / "test.csv", "--json")
    return Tested(json.loads(tested.stdout)["accuracy"], trained.seconds + tested.seconds)


if __name__ == "__main__":
    main()
