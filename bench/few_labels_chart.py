"""The chart of `few_labels`: mean test accuracy of each system with some number of labels, as SVG.

python -m bench.few_labels_chart docs/few-labels.svg --size 300 --sets TREC MR CR banking77

It reads out/bench/few_labels.jsonl; of several rows of a set and size the last one counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import mean
from typing import Any

from bench.chart import STYLE
from bench.record import OUT, rows_in

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 26, 320, 60, 10


def main() -> None:
    """Write the chart."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", default="300")
    parser.add_argument("--sets", nargs="+", required=True)
    options = parser.parse_args()
    rows = rows_in(OUT / "few_labels.jsonl")
    options.file.write_text(bars(means(rows, options.size, options.sets), options.size), encoding="utf-8")


def means(rows: Sequence[Mapping[str, Any]], size: str, sets: Sequence[str]) -> dict[str, float]:
    """Return the mean accuracy of each system that was measured on all sets, 0 to 1, highest first."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        name, labels = row["cells"][:2]
        if name in sets and labels == size:
            for system, draws in row["figures"]["draws"].items():
                if draws:
                    found.setdefault(system, {})[name] = mean(draw["accuracy"] for draw in draws)
    whole = {system: mean(each.values()) for system, each in found.items() if len(each) == len(sets)}
    return dict(sorted(whole.items(), key=lambda item: -item[1]))


def bars(accuracies: dict[str, float], size: str) -> str:
    """Return a bar for each system as SVG, from 0 to 100 %."""
    height = TOP + ROW * len(accuracies) + 10
    body = "\n".join([f"<style>{STYLE}</style>", *_rows(accuracies)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Mean test accuracy with {size} labels">\n{body}\n</svg>\n'
    )


def _rows(accuracies: dict[str, float]) -> Iterator[str]:
    for place, (system, accuracy) in enumerate(accuracies.items()):
        y, is_ours = TOP + ROW * place, system.startswith("foretell")
        length = accuracy * (WIDTH - LEFT - RIGHT)
        kind, named = ("ours", ' class="ours-name"') if is_ours else ("theirs", "")
        yield f'<text{named} x="{LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(system)}</text>'
        yield f'<rect class="{kind}" x="{LEFT}" y="{y + 4}" width="{length:.1f}" height="{ROW - 8}" rx="2"/>'
        yield f'<text x="{LEFT + length + 8:.1f}" y="{y + 17}">{accuracy:.1%}</text>'


if __name__ == "__main__":
    main()
