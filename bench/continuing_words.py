"""A language model that is continued with text of another kind: bits per byte on old and on new text.

The old text is the first lines of the Penn Treebank's training part (newspaper), the new text film reviews of
MR's training part, one sentence a line. Both are measured on lines of the same files that no model reads.

| row | what is trained |
|---|---|
| old model | on the old text |
| new alone | on the new text only |
| continued, rate R | on with the new text at R times the old model's learning rate; the old text is gone |
| continued, with old | at a quarter of the rate, with the old text |
| all | on both texts, from the start |

python -m bench continuing_words --seeds 1                     one seed
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zipfile
from typing import Any

from bench.commands import environment
from bench.record import Results, mean_and_range
from bench.records import few_labels, texts_of
from bench.requirements import archive

RATES = (1.0, 0.25, 0.0625)
MEASURED = 500


def main() -> None:
    """Show one row for each training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=3_000, help="of each text (default: 3000)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    os.environ.update(environment())
    names = ["bits per byte, old text", "bits per byte, new text", "perplexity, old", "perplexity, new"]
    results = Results("continuing_words", ["training", *names])
    draws = [_trained(seed, options.lines, options.epochs) for seed in options.seeds]
    for row in draws[0]:
        columns = zip(*(draw[row] for draw in draws), strict=True)
        cells = [mean_and_range(list(values), ".3f" if i < 2 else ".1f") for i, values in enumerate(columns)]
        results.add(row, *cells)


def treebank(count: int) -> list[str]:
    """Return the first lines of the Penn Treebank's training part."""
    with zipfile.ZipFile(archive("ptb.zip")) as file:
        name = next(n for n in file.namelist() if n.endswith("ptb.train.txt") and "__MACOSX" not in n)
        return file.read(name).decode().splitlines()[:count]


def _trained(seed: int, lines: int, epochs: int) -> dict[str, list[float]]:
    """Return the four figures of each training."""
    from foretell import LanguageModel

    old, new = treebank(lines + MEASURED), texts_of(few_labels("MR").train)[: lines + MEASURED]
    old, old_test, new, new_test = old[:lines], old[lines:], new[:lines], new[lines:]
    settings: dict[str, Any] = {"seed": seed, "epochs": epochs, "units": 128, "embedding_size": 128}
    began, found = time.perf_counter(), dict[str, list[float]]()

    def add(row: str, model: Any) -> Any:
        figures = [model.evaluate(text) for text in (old_test, new_test)]
        keys = ("bits_per_byte", "perplexity")
        found[row] = [figure[key] for key in keys for figure in figures]
        print(f"{row}, seed {seed}: {found[row]}, {time.perf_counter() - began:.0f} s", file=sys.stderr)
        return model

    first = add("old model", LanguageModel.train(old, **settings))
    add("new alone", LanguageModel.train(new, **settings))
    more = {"continue_from": first, "seed": seed, "epochs": epochs}
    for rate in RATES:
        chosen = rate * first.settings["learning_rate"]
        add(f"continued, rate {rate:g}", LanguageModel.train(new, learning_rate=chosen, **more))
    add("continued, with old", LanguageModel.train(new, old=old, **more))
    add("all", LanguageModel.train([*old, *new], **settings))
    return found


if __name__ == "__main__":
    main()
