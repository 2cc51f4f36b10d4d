"""`base` on eight small sets: test accuracy beside its own linear model and scikit-learn's TF-IDF.

Few records, many labels, short texts, uneven labels: made of IMDB's training reviews and of the docstrings of
installed packages. The label of a docstring is its package.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

from bench.classifiers import Peer, choose, tfidf
from bench.ensembles import measure_seeds
from bench.record import OUT, Results
from bench.records import DataSet, Records, accuracy, imdb, texts_of, write
from bench.requirements import require

PACKAGES = ("keras", "numpy", "pandas", "scipy", "sklearn")
MAX_TESTED = 5_000
TFIDF = Peer("sklearn", "TF-IDF of 1-2 grams of words", tfidf, tuple({"c": c} for c in (1, 3, 10, 30)))


def main() -> None:
    """Train on each set with each seed, and show the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to N (default: 3)")
    parser.add_argument("--preset", default="base")
    options = parser.parse_args()
    require(PACKAGES)
    columns = ["set", "records", "TF-IDF, logistic regression", "linear model"]
    results = Results("other_sets", [*columns, f"{options.preset}: mean (range)", "seconds"])
    for name in options.sets:
        data = SETS[name]()
        folder: Path = OUT / "other_sets" / name.replace(" ", "-").replace(",", "")
        over = measure_seeds(write(folder, data), folder / "model", options.seeds, "--preset", options.preset)
        chosen = choose(TFIDF, data.train).settings
        beside = accuracy(TFIDF.predict(data.train, texts_of(data.test), 1, **chosen), data.test)
        cells = f"{beside:.1%}", f"{over.mean.linear:.1%}", over.ensemble, f"{over.mean.seconds:.0f}"
        results.add(name, f"{len(data.train):,}", *cells, tfidf=beside, settings=chosen, runs=over.figures)


# ---- The sets


def _data(records: Records, n: int) -> DataSet:
    shuffled = records.copy()
    random.Random(1).shuffle(shuffled)
    return DataSet(shuffled[:n], shuffled[n : n + MAX_TESTED])


def _docstrings(*, first_paragraphs: bool) -> Records:
    labels: dict[str, str] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            for text in _of_file(path):
                text = text.split("\n\n")[0] if first_paragraphs else text
                # The name of a package would give its label away.
                words = [word for word in text.split() if not any(name in word.lower() for name in PACKAGES)]
                if len(words) >= 4:
                    labels.setdefault(" ".join(words), package)
    return list(labels.items())


def _of_file(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [text for node in ast.walk(tree) if isinstance(node, kinds) and (text := ast.get_docstring(node))]


def docstrings(n: int, *, first_paragraphs: bool = False) -> DataSet:
    """Docstrings of five packages, uneven labels; whole, or their first paragraphs of about ten words."""
    return _data(_docstrings(first_paragraphs=first_paragraphs), n)


def reviews(n: int, *, unlabelled: int = 0) -> DataSet:
    """Film reviews, as many positive as negative; with others whose labels are not used."""
    records = imdb("train")
    data = _data(records, n)
    used = {*data.train, *data.test}
    rest = [text for text, label in records if (text, label) not in used]
    return DataSet(data.train, data.test, random.Random(3).sample(rest, unlabelled))


def openings(n: int) -> DataSet:
    """The first ten words of film reviews."""
    return _data([(" ".join(text.split()[:10]), label) for text, label in imdb("train")], n)


def uneven(n: int) -> DataSet:
    """Film reviews, one in ten of them positive."""
    records = imdb("train")
    negative = [record for record in records if record[1] == "neg"]
    positive = [record for record in records if record[1] == "pos"]
    return _data(negative + random.Random(2).sample(positive, len(negative) // 9), n)


SETS: dict[str, Callable[[], DataSet]] = {
    "docstrings, 500": lambda: docstrings(500),
    "docstrings, 5000": lambda: docstrings(5_000),
    "first paragraphs, 5000": lambda: docstrings(5_000, first_paragraphs=True),
    "reviews, 500": lambda: reviews(500),
    "reviews, 500, and 10000 unlabelled": lambda: reviews(500, unlabelled=10_000),
    "reviews, 5000": lambda: reviews(5_000),
    "ten words of reviews, 5000": lambda: openings(5_000),
    "reviews, one in ten positive, 2000": lambda: uneven(2_000),
}


if __name__ == "__main__":
    main()
