"""Draw the pictures of docs/what-is-an-lstm.md, by running the code of that page.

python -m bench.lstm_plots      writes docs/lstm/influence.svg and docs/lstm/gates.svg
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.gate_strips import Row, Strip, gate_strips
from bench.line_chart import Line, line_chart
from foretell.runtime.gates import Gates

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "what-is-an-lstm.md"
OPINIONS = frozenset({"good", "bad"})


def code_of(page: str) -> list[str]:
    """Return the Python blocks of a Markdown page."""
    return re.findall(r"^```python\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)


def influence_chart(names: dict[str, Any]) -> str:
    """Return how far an influence reaches: the plain network, and LSTMs by their forget gates."""
    gates = {0: "at 0.5", 1: "near 0.73", 3: "near 0.95"}
    lines = [Line("plain RNN", names["of_rnn"])]
    lines += [Line(f"LSTM, forget gates {gates[bias]}", left) for bias, left in names["of_lstm"].items()]
    title = "What is left of a small change of the first state"
    return line_chart(lines, title=title, across="words read", lowest=1e-8)


def memory_units(first: Gates, second: Gates) -> tuple[int, int]:
    """Return the unit that holds the first opinion most clearly, and the one that erases its cell state most.

    Both texts are alike up to the first opinion. The first unit is the one whose cell states have opposite
    signs from there to the end, and are furthest from 0.
    """
    start = int(np.flatnonzero(np.abs(first.cell - second.cell).sum(axis=1) > 0)[0])
    one, other = first.cell[start:], second.cell[start:]
    opposite = np.where(one * other < 0, np.minimum(np.abs(one), np.abs(other)), 0).min(axis=0)
    held = int(opposite.argmax())
    erased = np.minimum(first.forget.min(axis=0), second.forget.min(axis=0))
    erased[held] = 1
    return held, int(erased.argmin())


def gates_picture(names: dict[str, Any]) -> str:
    """Return both examples with the cell states and gates of two units."""
    first, second = names["gates"]
    held, erasing = memory_units(first, second)
    cells = np.concatenate([first.cell, second.cell])
    strips = []
    for text, gates in zip(names["EXAMPLES"], (first, second), strict=True):
        rows = []
        for unit in (held, erasing):
            largest = float(np.abs(cells[:, unit]).max())
            rows.append(Row(f"unit {unit}: forget", gates.forget[:, unit].tolist(), True))
            rows.append(Row(f"unit {unit}: input", gates.input[:, unit].tolist(), True))
            rows.append(Row(f"unit {unit}: cell", gates.cell[:, unit].tolist(), False, largest))
        strips.append(Strip(text.split(), OPINIONS, rows))
    return gate_strips(strips, title="Gates and cell states of two units along two texts")


def main() -> None:
    """Run the page's code in a temporary folder, draw, and print the figures that the page quotes."""
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block in code_of(PAGE.read_text(encoding="utf-8")):
            exec(block, names)
    (DOCS / "lstm").mkdir(exist_ok=True)
    (DOCS / "lstm" / "influence.svg").write_text(influence_chart(names), encoding="utf-8")
    (DOCS / "lstm" / "gates.svg").write_text(gates_picture(names), encoding="utf-8")
    of_rnn, of_lstm = names["of_rnn"], names["of_lstm"]
    for words in (1, 10, 20, 40, 100):
        print(words, *(f"{left[words - 1]:.1e}" for left in (of_rnn, *of_lstm.values())))
    print(names["accuracy"])
    print("units", *memory_units(*names["gates"]))
    np.set_printoptions(precision=2, suppress=True, linewidth=200)
    for gates in names["gates"]:
        print(gates.cell.T, gates.forget.T, gates.input.T, sep="\n")


if __name__ == "__main__":
    main()
