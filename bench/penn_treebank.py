"""The language model on the Penn Treebank: `--minutes 60`, perplexity with and without its Kneser-Ney model.

Mikolov's split and words (10,000, the rest is <unk>), as in the literature: each sentence ends with <eos>,
and the text is one stream whose state is carried over the ends of sentences. The validation part is used
while training; the test part is read once for each row.

A second table has what learns from the text that is read: the continuous cache, dynamic evaluation, and both.
`--model DIR` measures a model that is there instead of training one.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import time
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import foretell
from bench.record import OUT, Results
from bench.requirements import archive

if TYPE_CHECKING:
    from foretell.runtime.words.scoring import Score

PARTS = ("train", "valid", "test")
CACHES = (500, 2000)
"""Words in the caches that are measured."""

Scorer = Callable[[Iterable[str]], "Score"]


def main() -> None:
    """Train a model, or take one, and show its perplexities."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="time limit (default: 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="measure this model, trained on the same files before")
    options = parser.parse_args()
    folder: Path = OUT / "penn_treebank"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {part: _written(archive("ptb.zip"), part, folder) for part in PARTS}
    model = folder / "model" if options.model is None else options.model
    if options.model is None:
        foretell(
            "train", "words", paths["train"], "--valid", paths["valid"], "--tokens", "white-space",
            "--vocabulary", "10000", "--minutes", str(options.minutes), "--seed", str(options.seed),
            "--out", model, "--restart",
        )  # fmt: skip
    _show_models(model, paths)
    _show_learning(model, paths)


def _show_models(model: Path, paths: dict[str, Path]) -> None:
    """Show the whole Kneser-Ney model, the network alone and both interpolated."""
    from foretell.artifacts.directory import open_verified
    from foretell.runtime.words.predictor import WordsRuntime

    columns = ["model", "validation perplexity", "test perplexity", "seconds of the training"]
    results = Results("penn_treebank", columns)
    results.add("Kneser-Ney, up to 5 words, all n-grams", *map(_shown, _kneser_ney(paths)), "")
    opened = open_verified(model)
    alone = WordsRuntime(dataclasses.replace(opened, interpolation=None))
    both = WordsRuntime(opened)
    for what, runtime in (("the network alone", alone), ("network and Kneser-Ney model, interpolated", both)):
        cells = (_shown(runtime.score(_lines(paths[part])).perplexity) for part in ("valid", "test"))
        results.add(what, *cells, f"{opened.metrics['seconds']:.0f}", metrics=opened.metrics)


def _show_learning(model: Path, paths: dict[str, Path]) -> None:
    """Show what the cache and dynamic evaluation add to the interpolated model, and their time."""
    from foretell.adaptation.dynamic_evaluation import score_dynamically
    from foretell.artifacts.directory import open_verified
    from foretell.runtime.words.predictor import WordsRuntime

    opened = open_verified(model)
    runtime = WordsRuntime(opened)
    ways: dict[str, Scorer] = {"neither": runtime.score}
    for size in CACHES:
        ways[f"cache of {size:,} words"] = partial(runtime.score, cache=size)
    ways["dynamic evaluation"] = partial(score_dynamically, opened)
    both = f"dynamic evaluation, cache of {CACHES[0]:,} words"
    ways[both] = partial(score_dynamically, opened, cache=CACHES[0])
    columns = ["what learns from the text", "validation perplexity", "test perplexity", "microseconds a word"]
    results = Results("penn_treebank_learning", columns)
    for what, score in ways.items():
        valid = score(_lines(paths["valid"]))
        began = time.perf_counter()
        test = score(_lines(paths["test"]))
        microseconds = (time.perf_counter() - began) / test.tokens * 1e6
        perplexities = (_shown(each.perplexity) for each in (valid, test))
        results.add(what, *perplexities, f"{microseconds:,.0f}")


def _written(source: Path, part: str, folder: Path) -> Path:
    """Write a part with a word for the end of each sentence, and return its path."""
    with zipfile.ZipFile(source) as file:
        name = next(n for n in file.namelist() if n.endswith(f"ptb.{part}.txt") and "__MACOSX" not in n)
        lines = [line.split() for line in io.TextIOWrapper(file.open(name), encoding="utf-8")]
    path = folder / f"{part}.txt"
    path.write_text("\n".join(" ".join([*line, "<eos>"]) for line in lines), encoding="utf-8")
    return path


def _kneser_ney(paths: dict[str, Path]) -> tuple[float, float]:
    """Return the validation and test perplexity of the Kneser-Ney model of all training n-grams."""
    import numpy as np

    from foretell.training.words.kneser_ney_fit import count, perplexity

    numbers: dict[str, int] = {}
    words = {part: paths[part].read_text(encoding="utf-8").split() for part in PARTS}
    ids = {
        part: np.array([numbers.setdefault(word, len(numbers)) for word in words[part]], np.int32)
        for part in PARTS
    }
    model = count(ids["train"], len(numbers)).model
    return perplexity(model, ids["valid"]), perplexity(model, ids["test"])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")


def _shown(perplexity: float) -> str:
    return f"{perplexity:.2f}"


if __name__ == "__main__":
    main()
