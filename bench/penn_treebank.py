"""The language model on the Penn Treebank: `--minutes 60`, perplexity with and without its
Kneser-Ney model.

Mikolov's split and words (10,000, the rest is <unk>), as in the literature: each sentence ends with
<eos>, and the text is one stream whose state is carried over the ends of sentences. The validation
part is used while training; the test part is read once for each row.

The last rows have the continuous cache, which learns from the text that is read. `--model DIR`
measures a model that is there instead of training one.
"""

from __future__ import annotations

import dataclasses
import io
import time
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import OUT, Results, archive, parser_of, train

if TYPE_CHECKING:
    from foretell.runtime.words.scoring import Score

PARTS = ("train", "valid", "test")
CACHES = (500, 2000)
"""Words in the caches that are measured."""

Scorer = Callable[[Iterable[str]], "Score"]


def main() -> None:
    """Train a model, or take one, and show its perplexities."""
    parser = parser_of(__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="time limit (default: 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--model", type=Path, help="measure this model, trained on the same files before"
    )
    options = parser.parse_args()
    folder: Path = OUT / "penn_treebank"
    paths = written(folder)
    model = folder / "model" if options.model is None else options.model
    if options.model is None:
        trained(paths, model, options.minutes, seed=options.seed)
    _show(model, paths)


def _show(model: Path, paths: dict[str, Path]) -> None:
    """Show the whole Kneser-Ney model, the network alone, both interpolated, and these with
    caches.
    """
    from foretell.artifacts.directory import read_model
    from foretell.runtime.words.predictor import WordsRuntime

    columns = ["model", "validation perplexity", "test perplexity", "microseconds a word"]
    opened = read_model(model)
    results = Results("penn_treebank", columns, [opened.settings.seed])
    results.add(
        "Kneser-Ney, up to 5 words, all n-grams",
        *(f"{each:.2f}" for each in _kneser_ney(paths)),
        "",
    )
    both = WordsRuntime(opened)
    ways: dict[str, Scorer] = {
        "the network alone": WordsRuntime(dataclasses.replace(opened, interpolation=None)).score,
        "network and Kneser-Ney model, interpolated": both.score,
    }
    for size in CACHES:
        ways[f"the same, cache of {size:,} words"] = partial(both.score, cache=size)
    for what, score in ways.items():
        valid = score(_lines(paths["valid"]))
        began = time.perf_counter()
        test = score(_lines(paths["test"]))
        microseconds = (time.perf_counter() - began) / test.tokens * 1e6
        cells = f"{valid.perplexity:.2f}", f"{test.perplexity:.2f}", f"{microseconds:,.0f}"
        results.add(what, *cells, metrics=opened.metrics)
    print(f"{opened.metrics['seconds']:.0f} s of training")


def written(folder: Path) -> dict[str, Path]:
    """Write each part with a word for the end of each sentence, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {part: folder / f"{part}.txt" for part in PARTS}
    with zipfile.ZipFile(archive("ptb.zip")) as file:
        for part, path in paths.items():
            name = next(
                n for n in file.namelist() if n.endswith(f"ptb.{part}.txt") and "__MACOSX" not in n
            )
            lines = [line.split() for line in io.TextIOWrapper(file.open(name), encoding="utf-8")]
            path.write_text(
                "\n".join(" ".join([*line, "<eos>"]) for line in lines), encoding="utf-8"
            )
    return paths


def trained(paths: dict[str, Path], out: Path, minutes: float, **settings: int) -> None:
    """Train a model with the words of the literature."""
    how: dict[str, object] = {
        "tokens": "white-space",
        "vocabulary": 10_000,
        "minutes": minutes,
        **settings,
    }
    train("words", paths["train"], out, valid=paths["valid"], **how)


def _kneser_ney(paths: dict[str, Path]) -> tuple[float, float]:
    """Return the validation and test perplexity of the Kneser-Ney model of all training n-grams."""
    import numpy as np

    from foretell.metrics import perplexity_of
    from foretell.training.words.kneser_ney_fit import count, log_probabilities

    numbers: dict[str, int] = {}
    words = {part: paths[part].read_text(encoding="utf-8").split() for part in PARTS}
    ids = {
        part: np.array([numbers.setdefault(word, len(numbers)) for word in words[part]], np.int32)
        for part in PARTS
    }
    model = count(ids["train"], len(numbers)).model
    valid, test = (
        perplexity_of(log_probabilities(model, ids[part])[0]) for part in ("valid", "test")
    )
    return valid, test


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")


if __name__ == "__main__":
    main()
