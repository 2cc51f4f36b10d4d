"""foretell's presets beside other ways to classify IMDB's reviews: test accuracy and time, three
seeds each.

The work is the same for all: read the 25,000 training reviews, train, predict the 25,000 test
reviews. Each training is a process of its own, and its seconds are those of the whole process,
start-up included. Those of foretell are of `foretell train` and `foretell evaluate` together.
Systems take turns, seed by seed.

Settings of the other systems that are not fixed are chosen first, on a tenth of the training
reviews. The seconds of this choice are not counted, as those of choosing foretell's presets are
not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import lstms
from bench.classifiers import Choice, Peer, Settings, choose, fasttext, nb_weighted, shown, tfidf
from bench.data import accuracy, imdb, texts_of
from bench.harness import (
    OUT,
    Results,
    foretell,
    mean_and_range,
    measure,
    parser_of,
    require,
)
from bench.results import Row, read

LSTM = (
    f"{lstms.WORDS:,} words, the last {lstms.LENGTH}, embeddings of {lstms.EMBEDDING_SIZE}, "
    f"{lstms.UNITS} units, max and mean pooled without padding, dropout {lstms.DROPOUT}, "
    f"Adam, one cycle up to {lstms.PEAK_RATE}, gradient norm at most {lstms.CLIP_NORM:g}, "
    f"batches of {lstms.BATCH} texts of similar length"
)
BUCKETS = 2_000_000
EPOCHS: tuple[Settings, ...] = tuple({"epochs": epochs} for epochs in (2, 3, 4, 5, 6))


def _fasttext(ngrams: int) -> Peer:
    candidates = [
        {"rate": rate, "epochs": epochs}
        for rate in (0.05, 0.1, 0.25, 0.5, 1.0)
        for epochs in (10, 25, 50)
    ]
    return Peer(
        "fasttext",
        f"words in lower case that occur at least twice, {BUCKETS:,} buckets, 100 dimensions, "
        f"12 threads",
        lambda *given, **settings: fasttext(
            *given, ngrams=ngrams, buckets=BUCKETS, min_count=2, **settings
        ),
        tuple(candidates),
        is_deterministic=False,
    )


PEERS: dict[str, Peer] = {
    "fastText, 1-2 grams": _fasttext(2),
    "fastText, 1-3 grams": _fasttext(3),
    "scikit-learn: TF-IDF": Peer(
        "sklearn",
        "TF-IDF of 1-2 grams of words, sublinear, in at least 2 texts; logistic regression",
        lambda *given, **settings: tfidf(*given, min_df=2, **settings),
        tuple({"c": c} for c in (1, 3, 10, 30, 100, 300, 1000)),
    ),
    "scikit-learn: NB-weighted 1-3 grams": Peer(
        "sklearn",
        "binary counts of 1-3 grams with punctuation, in at least 2 texts, weighted by "
        "log-count ratio; "
        "logistic regression (liblinear)",
        lambda *given, **settings: nb_weighted(*given, min_df=2, **settings),
        tuple({"c": c} for c in (0.1, 0.3, 1, 3, 10)),
    ),
    "Keras: bidirectional LSTM": Peer(
        "keras", LSTM, lstms.keras_bilstm, EPOCHS, is_deterministic=False
    ),
    "PyTorch: bidirectional LSTM": Peer(
        "torch", LSTM, lstms.torch_bilstm, EPOCHS, is_deterministic=False
    ),
}

PRESETS: dict[str, tuple[str, ...]] = {
    "foretell quick": ("--preset", "quick"),
    "foretell base": ("--preset", "base"),
    "foretell quick, with unlabelled": ("--preset", "quick", "--unlabelled", "imdb"),
    "foretell base, with unlabelled": ("--preset", "base", "--unlabelled", "imdb"),
}


class Tested(NamedTuple):
    """Test accuracy of one training, and the seconds of reading, training and predicting."""

    accuracy: float
    seconds: float


def main() -> None:
    """Choose the settings of the peers, then show each system."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--systems", nargs="+", default=[*PEERS, *PRESETS], choices=[*PEERS, *PRESETS]
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1, 2, 3], help="seeds (default: 1 2 3)"
    )
    help = (
        "settings that an earlier run chose: its out/bench/peers_settings.json (default: "
        "choose all)"
    )
    parser.add_argument("--chosen", type=Path, metavar="FILE", help=help)
    parser.add_argument("--choose", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--one", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, default={}, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.choose:
        chosen = choose(PEERS[options.choose], imdb("train"))
        print(json.dumps({"settings": chosen.settings, "accuracies": chosen.accuracies}))
    elif options.one:
        print(json.dumps(_accuracy(PEERS[options.one], options.seed, options.settings)))
    else:
        _compare(options.systems, options.seeds, options.chosen)


def _accuracy(peer: Peer, seed: int, settings: Settings) -> float:
    """Train on the training reviews and return the accuracy on the test reviews."""
    test = imdb("test")
    return accuracy(peer.predict(imdb("train"), texts_of(test), seed, **settings), test)


def _compare(systems: Sequence[str], seeds: Sequence[int], earlier: Path | None) -> None:
    require(PEERS[name].package for name in systems if name in PEERS)
    rows = [] if earlier is None else read(earlier).rows
    chosen = _choose([name for name in systems if name in PEERS], rows)
    runs: dict[str, list[Tested]] = {name: [] for name in systems}
    for seed in seeds:
        for name, tested in runs.items():
            tested.append(
                _of_preset(name, seed) if name in PRESETS else _of_peer(name, seed, chosen[name])
            )
            last = tested[-1]
            print(
                f"{name}, seed {seed}: {last.accuracy:.2%}, {last.seconds:.0f} s", file=sys.stderr
            )
    results = Results(
        "peers",
        ["system", "test accuracy: mean (range)", "seeds", "seconds: mean (range)"],
        seeds,
    )
    for name, tested in runs.items():
        accuracies = [run.accuracy for run in tested]
        seconds = [run.seconds for run in tested]
        cells = mean_and_range(accuracies, ".2%"), len(tested), mean_and_range(seconds, ".0f")
        results.add(name, *cells, accuracies=accuracies, seconds=seconds, settings=chosen.get(name))


def _choose(names: Sequence[str], earlier: Sequence[Row]) -> dict[str, Settings]:
    """Return the settings of each peer, chosen in a process of its own where `earlier` has none.

    What was tried is shown, that of earlier runs too.
    """
    columns = ["system", "fixed settings", "candidates and their validation accuracy", "chosen"]
    results = Results("peers_settings", columns)
    chosen: dict[str, Settings] = {}
    for row in earlier:
        results.add(*row.cells, **row.values)
        chosen[row.cells[0]] = row.values["chosen"]
    for name in names:
        if name in chosen:
            continue
        choice = Choice(**measure("bench.peers", "--choose", name)[0])
        peer = PEERS[name]
        chosen[name] = choice.settings
        values = zip(peer.candidates, choice.accuracies, strict=False)
        tried = ", ".join(f"{shown(settings)}: {value:.2%}" for settings, value in values)
        results.add(
            name,
            peer.description,
            tried,
            shown(choice.settings),
            candidates=peer.candidates,
            accuracies=choice.accuracies,
            chosen=choice.settings,
        )
    return chosen


def _of_peer(name: str, seed: int, settings: Settings) -> Tested:
    arguments = "--one", name, "--seed", str(seed), "--settings", json.dumps(settings)
    value, done = measure("bench.peers", *arguments)
    return Tested(float(value), done.seconds)


def _of_preset(name: str, seed: int) -> Tested:
    out: Path = OUT / "peers" / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    out.parent.mkdir(parents=True, exist_ok=True)
    options = (*PRESETS[name], "--seed", str(seed))
    trained = foretell(
        "train", "labels", "imdb", *options, "--out", out, "--restart", "--overwrite"
    )
    tested = foretell("evaluate", out, "imdb", "--json")
    return Tested(json.loads(tested.stdout)["accuracy"], trained.seconds + tested.seconds)


if __name__ == "__main__":
    main()
