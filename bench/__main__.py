"""Run benchmarks one after another, each in a process of its own.

python -m bench                              all of them (hours: several train on all of IMDB)
python -m bench predict article_words        those named
python -m bench article_labels --seeds 1     one, with its own options
"""

from __future__ import annotations

import subprocess
import sys

from bench.harness import require

BENCHMARKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "predict": ((), ()),
    "serve": ((), ()),
    "article_words": ((), ()),
    "article_labels": ((), ()),
    "peers": (("fasttext", "torch"), ()),
    "language_model": (("torch",), ()),
    "penn_treebank": ((), ("ptb.zip",)),
    "keyboard": (("playwright",), ("ptb.zip", "aclImdb_v1.tar.gz")),
    "few_labels": (("fasttext",), ("few-labels.zip",)),
    "distil": (("setfit",), ("few-labels.zip",)),
    "first_model": (("fasttext",), ("few-labels.zip",)),
    "sweep": (("fasttext",), ("arxiv.train.csv.xz", "arxiv.test.csv.xz")),
    "multi_label": ((), ("few-labels.zip",)),
    "cluster": (("ray", "psutil"), ()),
}
"""Every benchmark in the order in which they run, with the packages and archives that it needs."""


def main(arguments: list[str]) -> int:
    """Run the benchmarks that `arguments` name, after a check that each has what it needs.

    The exit code is 0: done, 1: a benchmark failed, 2: no such benchmark.
    """
    first_option = next(
        (i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments)
    )
    names = arguments[:first_option] or list(BENCHMARKS)
    options = arguments[first_option:]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(
            f"expected benchmarks ({', '.join(BENCHMARKS)}), found {', '.join(unknown)}",
            file=sys.stderr,
        )
        return 2
    if not options:
        # With options a benchmark may need less; it checks that itself before it starts.
        needs = [BENCHMARKS[name] for name in names]
        require(
            [each for packages, _ in needs for each in packages],
            [each for _, a in needs for each in a],
        )
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *options], check=False
        ).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
