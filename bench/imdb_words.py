"""The language model `base` on IMDB's 20 million words within ten minutes: validation perplexity by model."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands import train
from bench.record import OUT, Results

ROWS = {
    "single words": "unigram_perplexity",
    "Kneser-Ney, up to 5 words": "baseline_perplexity",
    "the network alone": "network_perplexity",
    "network and Kneser-Ney model, interpolated": "perplexity",
}


def main() -> None:
    """Train once; every perplexity is of the same validation text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="time limit (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    out: Path = OUT / "imdb_words"
    figures = train("words", "imdb", out, preset="base", minutes=options.minutes, seed=options.seed)
    results = Results("imdb_words", ["model", "validation perplexity"])
    for model, name in ROWS.items():
        results.add(model, f"{figures[name]:.1f}", figures=figures)
    print(
        f"\n{figures['steps']:,} steps in {figures['precision']}, {figures['seconds']:.0f} s, "
        f"{figures['words_per_second']:,.0f} words per second"
    )


if __name__ == "__main__":
    main()
