"""`base` on small sets that it was not made for: test accuracy beside its linear model's and scikit-learn's.

Few records, many labels, short texts, uneven classes: made of IMDB's reviews (never its test part) and of the
docstrings of installed packages, which anyone has. Which package a docstring is from is a topic to be told.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from bench.parts import Records, measure, write
from bench.record import OUT, Results

PACKAGES = ("keras", "numpy", "pandas", "scipy", "sklearn")
MOST_TESTED = 5_000


def main() -> None:
    """Train on each set with each seed, and show the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=3, help="train with the seeds 1 to this")
    parser.add_argument("--preset", default="base")
    options = parser.parse_args()
    columns = ["set", "records", "TF-IDF, logistic regression", "linear model alone", options.preset]
    results = Results("other_sets", [*columns, "spread", "seconds"])
    for name in options.sets:
        learned, tested, unlabelled = SETS[name]()
        folder: Path = OUT / "other_sets" / name.replace(" ", "-").replace(",", "")
        files = write(folder, learned, tested, unlabelled)
        found = [
            measure(files, folder / "model", "--preset", options.preset, "--seed", str(k + 1))
            for k in range(options.seeds)
        ]
        whole = [each.whole for each in found]
        cells = (_tfidf(learned, tested), mean(each.linear for each in found), mean(whole))
        shown = [f"{cell:.1%}" for cell in cells]
        spread = f"{min(whole):.1%} to {max(whole):.1%}"
        seconds = f"{mean(each.seconds for each in found):.0f}"
        runs = [dataclasses.asdict(each) for each in found]
        results.add(name, f"{len(learned):,}", *shown, spread, seconds, runs=runs)


def _tfidf(learned: Records, tested: Records) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    (texts, labels), (test_texts, test_labels) = zip(*learned, strict=True), zip(*tested, strict=True)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000)).fit(texts, labels)
    return float(model.score(test_texts, test_labels))


# ---- The sets: each returns records to learn from, records to test on, and texts without labels


def _parted(records: Records, n: int) -> tuple[Records, Records]:
    random.Random(1).shuffle(records)
    return records[:n], records[n : n + MOST_TESTED]


def _reviews() -> Records:
    from foretell.data.named import imdb

    examples = imdb("train")
    return list(zip(examples.texts, examples.labels or (), strict=True))


def _docstrings(*, first_lines: bool) -> Records:
    found: dict[str, str] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            print(f"{package} is not installed: its docstrings are left out", file=sys.stderr)
            continue
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            for text in _of_file(path):
                text = text.split("\n\n")[0] if first_lines else text
                # Names of packages would tell it all.
                words = [word for word in text.split() if not any(name in word.lower() for name in PACKAGES)]
                if len(words) >= 4:
                    found.setdefault(" ".join(words), package)
    return list(found.items())


def _of_file(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [text for node in ast.walk(tree) if isinstance(node, kinds) and (text := ast.get_docstring(node))]


def docstrings(n: int, *, first_lines: bool = False) -> tuple[Records, Records, list[str]]:
    """Docstrings of five packages, uneven; whole or their first paragraphs, some ten words."""
    return *_parted(_docstrings(first_lines=first_lines), n), []


def reviews(n: int, *, unlabelled: int = 0) -> tuple[Records, Records, list[str]]:
    """Film reviews, positive and negative alike often; with others whose labels are kept back."""
    learned, tested = _parted(_reviews(), n)
    used = {*learned, *tested}
    rest = [text for text, label in _reviews() if (text, label) not in used]
    return learned, tested, random.Random(3).sample(rest, unlabelled)


def openings(n: int) -> tuple[Records, Records, list[str]]:
    """The first ten words of film reviews."""
    return *_parted([(" ".join(text.split()[:10]), label) for text, label in _reviews()], n), []


def uneven(n: int) -> tuple[Records, Records, list[str]]:
    """Film reviews, one in ten of them positive."""
    records = _reviews()
    negative = [record for record in records if record[1] == "neg"]
    positive = [record for record in records if record[1] == "pos"]
    return *_parted(negative + random.Random(2).sample(positive, len(negative) // 9), n), []


SETS: dict[str, Callable[[], tuple[Records, Records, list[str]]]] = {
    "docstrings, 500": lambda: docstrings(500),
    "docstrings, 5000": lambda: docstrings(5_000),
    "first paragraphs, 5000": lambda: docstrings(5_000, first_lines=True),
    "reviews, 500": lambda: reviews(500),
    "reviews, 500, and 10000 without labels": lambda: reviews(500, unlabelled=10_000),
    "reviews, 5000": lambda: reviews(5_000),
    "ten words of reviews, 5000": lambda: openings(5_000),
    "reviews, one in ten positive, 2000": lambda: uneven(2_000),
}


if __name__ == "__main__":
    main()
