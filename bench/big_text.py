"""Text of any size through the data stage of training, and through `score`: speed and memory of `base`.

The text is generated, and its vocabulary grows: about 3 % of its words are not among the 20,000 most
frequent ones, and new words appear to the end. The preset is `base` at its own sizes: 20,000 words, 256
units, and a Kneser-Ney model. Its training is one pass over a small text: the time for `score` depends on the
sizes, not on what was learned.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.commands import Finished, foretell, measure, run, train
from bench.record import OUT, Results
from bench.texts import TextSize, write_growing_text

MEGABYTE = 1_000_000
# Enough for 20,000 words, and for more than the million n-grams that the Kneser-Ney model is pruned to.
TRAINED_ON = 12
TOKENISED = 20
# Few and wide steps: one pass takes a minute, and the model has the same sizes.
ONE_PASS = {"preset": "base", "streams": 256, "epochs": 1, "min_steps": 1}


def read_only(path: Path, out: Path) -> None:
    """Train `base` on `path` for one step: everything before it is the data stage."""
    from foretell.data.corpus import open_corpus
    from foretell.errors import Interrupted
    from foretell.presets import WORDS_PRESETS
    from foretell.training.options import TrainOptions
    from foretell.training.words.train import train_words

    try:
        train_words(open_corpus(path), WORDS_PRESETS["base"], TrainOptions(out=out, stop_after_steps=1))
    except Interrupted:
        return


def tokenising(path: Path) -> float:
    """Return the seconds for encoding a text with the vocabulary of `base`, in this process."""
    from foretell.presets import WORDS_PRESETS
    from foretell.text.line_encoder import LineEncoder
    from foretell.text.tokenizer import Tokenizer

    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    size = WORDS_PRESETS["base"].vocabulary
    encoder = LineEncoder(Tokenizer.train(lines, "words", lowercase=False, vocabulary=size, min_count=1))
    start = time.perf_counter()
    for first in range(0, len(lines), 10_000):
        encoder.encode("".join(lines[first : first + 10_000]))
    return time.perf_counter() - start


def main() -> None:
    """Show tokenising on one core, then the data stage and `score` at growing sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--megabytes", type=float, nargs="+", default=[100, 300, 1000], help="sizes for the data stage"
    )
    parser.add_argument(
        "--score-megabytes", type=float, nargs="+", default=[2, 6, 20], help="sizes for score"
    )
    parser.add_argument("--read-only", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tokenise", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read_only:
        read_only(*options.read_only)
    elif options.tokenise:
        print(json.dumps(tokenising(options.tokenise)))
    else:
        # Not in /tmp, which may be in memory.
        OUT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=OUT) as folder:
            _all(Path(folder), options.megabytes, options.score_megabytes)


def _all(folder: Path, sizes: Sequence[float], score_sizes: Sequence[float]) -> None:
    columns = ["what", "text", "words", "distinct words", "time", "words/s", "MB/s", "peak memory"]
    results, path = Results("big_text", columns), folder / "text.txt"
    print(
        "Generated text with a growing vocabulary; preset base at its own sizes, Kneser-Ney model included."
    )
    size = write_growing_text(path, round(TOKENISED * MEGABYTE))
    seconds, done = measure(__spec__.name, "--tokenise", str(path), variables={"RAYON_NUM_THREADS": "1"})
    _show(results, "tokenising, one core", size, seconds, done)
    for megabytes in sizes:
        size = write_growing_text(path, round(megabytes * MEGABYTE))
        done = run([sys.executable, "-m", __spec__.name, "--read-only", str(path), str(folder / "read")])
        _show(results, "train words, data stage", size, done.seconds, done)
        shutil.rmtree(folder / "read.run", ignore_errors=True)
    write_growing_text(path, round(TRAINED_ON * MEGABYTE))
    train("words", path, folder / "model", **ONE_PASS)
    for megabytes in score_sizes:
        size = write_growing_text(path, round(megabytes * MEGABYTE), seed=2)
        done = foretell("score", folder / "model", path)
        _show(results, "score, base", size, done.seconds, done)


def _show(results: Results, what: str, size: TextSize, seconds: float, done: Finished) -> None:
    results.add(
        what,
        f"{size.bytes / MEGABYTE:,.4g} MB",
        f"{size.words:,}",
        f"{size.distinct:,}",
        f"{seconds:.1f} s",
        f"{size.words / seconds:,.0f}",
        f"{size.bytes / MEGABYTE / seconds:.2f}",
        f"{done.peak_memory / 1e9:.2f} GB",
        seconds=seconds, size=size._asdict(), peak_memory=done.peak_memory,
    )  # fmt: skip


if __name__ == "__main__":
    main()
