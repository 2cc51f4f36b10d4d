"""Run benchmarks one after another, each in a process of its own.

python -m bench                              all of them (hours: two of them train on all of IMDB)
python -m bench predict article_words        those named
python -m bench article_labels --seeds 1     one, with its own options
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "predict",
    "explain",
    "serve",
    "pipe",
    "article_words",
    "article_labels",
    "cnn_lstm",
    "imdb_presets",
    "peers",
    "lstm_layer",
    "language_model",
    "penn_treebank",
    "other_sets",
    "ablation",
    "big_text",
)


def main(arguments: list[str]) -> int:
    """Run the benchmarks that `arguments` name and return how many failed."""
    first_option = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    names, options = arguments[:first_option] or list(BENCHMARKS), arguments[first_option:]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"expected benchmarks ({', '.join(BENCHMARKS)}), found {', '.join(unknown)}", file=sys.stderr)
        return 2
    failed = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
