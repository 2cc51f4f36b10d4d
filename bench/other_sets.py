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

from bench.parts import Records, measure_seeds, tfidf_accuracy, write
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
        found = measure_seeds(files, folder / "model", options.seeds, "--preset", options.preset)
        means = found.mean
        shown = [f"{each:.1%}" for each in (tfidf_accuracy(learned, tested), means.linear, means.whole)]
        runs = [dataclasses.asdict(run) for run in found.runs]
        results.add(name, f"{len(learned):,}", *shown, found.spread, f"{means.seconds:.0f}", runs=runs)


# ---- The sets: each returns records to learn from, records to test on, and texts without labels


def _parted(records: Records, n: int) -> tuple[Records, Records]:
    shuffled = records.copy()
    random.Random(1).shuffle(shuffled)
    return shuffled[:n], shuffled[n : n + MOST_TESTED]


def _reviews() -> Records:
    from foretell.data.named import imdb

    examples = imdb("train")
    return list(zip(examples.texts, examples.labels, strict=True))


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
    records = _reviews()
    learned, tested = _parted(records, n)
    used = {*learned, *tested}
    rest = [record[0] for record in records if record not in used]
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
