"""The language model `base` on IMDB's 20 million words within ten minutes: validation perplexity by model.

python -m bench imdb_words --minutes 5 --reviews 4000 --tokens words subword char

compares kinds of tokens on the first reviews instead: bits per byte of the same validation text, its last
    part.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.commands import evaluate, foretell, train
from bench.record import OUT, Results

ROWS = {
    "single words": "unigram_perplexity",
    "Kneser-Ney, up to 5 words": "baseline_perplexity",
    "the network alone": "network_perplexity",
    "network and Kneser-Ney model, interpolated": "perplexity",
}


def main() -> None:
    """Train once; every perplexity is of the same validation text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="time limit (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", nargs="+", help="compare these, such as subword or subword:16000")
    parser.add_argument("--reviews", type=int, default=4_000, help="with --tokens (default: 4,000)")
    options = parser.parse_args()
    if options.tokens:
        compare_tokens(options.tokens, options.reviews, options.minutes, options.seed)
        return
    out: Path = OUT / "imdb_words"
    figures = train("words", "imdb", out, preset="base", minutes=options.minutes, seed=options.seed)
    results = Results("imdb_words", ["model", "validation perplexity"])
    for model, name in ROWS.items():
        results.add(model, f"{figures[name]:.1f}", figures=figures)
    print(
        f"\n{figures['steps']:,} steps in {figures['precision']}, {figures['seconds']:.0f} s, "
        f"{figures['words_per_second']:,.0f} words per second"
    )


def compare_tokens(kinds: Sequence[str], n_reviews: int, minutes: float, seed: int) -> None:
    """Train once for each kind of tokens and show bits per byte of the validation text, the last tenth."""
    from foretell.data.named import imdb

    # Unlabelled reviews: their order does not depend on a label.
    lines = [" ".join(text.split()) for text in imdb("unsup").texts[:n_reviews]]
    border = len(lines) - len(lines) // 10
    out: Path = OUT / "imdb_tokens"
    out.mkdir(parents=True, exist_ok=True)
    paths = {"train": lines[:border], "valid": lines[border:]}
    for part, texts in paths.items():
        (out / f"{part}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    columns = ["tokens", "bits per byte", "perplexity per token", "unknown words", "bytes per token"]
    results = Results("imdb_tokens", columns)
    for kind in kinds:
        tokens, _, vocabulary = kind.partition(":")
        model = out / "model"
        foretell(
            "train", "words", out / "train.txt", "--valid", out / "valid.txt", "--tokens", tokens,
            *(["--vocabulary", vocabulary] if vocabulary else []), "--preset", "base",
            "--minutes", str(minutes), "--seed", str(seed), "--out", model, "--restart",
        )  # fmt: skip
        figures = evaluate(model, out / "valid.txt")
        unknown = figures["unknown"] / figures["words"]
        results.add(
            kind, f"{figures['bits_per_byte']:.3f}", f"{figures['perplexity']:.1f}", f"{unknown:.2%}",
            f"{figures['bytes'] / figures['tokens']:.2f}", figures=figures,
        )  # fmt: skip


if __name__ == "__main__":
    main()
