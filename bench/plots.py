"""The pictures of README and docs, drawn by matplotlib as SVG on a background of their own.

python -m bench.plots few_labels docs/few-labels.svg     of the kept results with 300 labels
python -m bench.plots sweep docs/sweep.svg               of the kept results of all sizes
python -m bench.plots lstm docs/lstm                     by the code of docs/what-is-an-lstm.md
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from bench.harness import require
from bench.results import FOLDER, Result, read
from foretell.runtime.gates import Gates

OURS = "#0b6e4f"
THEIRS = "#8a8a8a"
PAGE = Path(__file__).parent.parent / "docs" / "what-is-an-lstm.md"
OPINIONS = frozenset({"good", "bad"})
SETS = ("TREC", "MR", "CR")
"""The sets of English sentences, whose mean the README's chart shows."""
TABLES = ("few_labels_300", "few_labels_300_peers", "few_labels_300_outside")
NO_SYSTEM = "best of four"


def main(what: str, path: str) -> None:
    """Draw one of the pictures."""
    require(["matplotlib"])
    if what == "few_labels":
        bars(few_labels(), Path(path))
    elif what == "sweep":
        sweep(read(FOLDER / "sweep.json"), Path(path))
    else:
        lstm(Path(path))


def _axes(width: float, height: float) -> Any:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "foretell", "font.size": 10})
    axes = Figure(figsize=(width, height), layout="constrained").subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _save(axes: Any, path: Path) -> None:
    axes.figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


def few_labels() -> dict[str, float]:
    """Return the mean accuracy of each system with 300 labels; see `means`."""
    return means((read(FOLDER / f"{name}.json") for name in TABLES), SETS)


def means(tables: Iterable[Result], sets: Sequence[str]) -> dict[str, float]:
    """Return the mean accuracy in % of each system that was measured on all sets, lowest first.

    A row is of the sets that its first cell names, a column of a system. A cell begins with the
    accuracy in %.
    """
    found: dict[str, dict[str, float]] = {}
    for table in tables:
        for row in table.rows:
            names = row.cells[0].split(", ")
            for system, cell in zip(table.columns[1:], row.cells[1:], strict=True):
                if number := re.match(r"\**([\d.]+)", cell):
                    of_system = found.setdefault(system, {})
                    of_system |= dict.fromkeys(names, float(number[1]))
    found.pop(NO_SYSTEM, None)
    whole = {
        system: mean(each[name] for name in sets)
        for system, each in found.items()
        if each.keys() >= set(sets)
    }
    return dict(sorted(whole.items(), key=lambda item: item[1]))


def bars(accuracies: Mapping[str, float], path: Path) -> None:
    """Draw a bar for each system, from 0 to 100 %."""
    axes = _axes(8, 0.4 + 0.28 * len(accuracies))
    colours = [OURS if name.startswith("foretell") else THEIRS for name in accuracies]
    shown = axes.barh(list(accuracies), list(accuracies.values()), color=colours)
    axes.bar_label(shown, fmt="%.1f %%", padding=4)
    axes.set(xlim=(0, 100), xlabel="mean test accuracy in %")
    _save(axes, path)


def sweep(result: Result, path: Path) -> None:
    """Draw the test accuracy of each system by the number of training texts."""
    axes = _axes(8, 4.2)
    for name in result.columns[1:]:
        measured = [row.values for row in result.rows if name in row.values]
        sizes = [values["size"] for values in measured]
        accuracies = [100 * values[name]["accuracy"] for values in measured]
        is_ours = name.startswith("foretell")
        line = axes.plot(sizes, accuracies, "o-", label=name, lw=2 if is_ours else 1)[0]
        if is_ours:
            line.set_color(OURS)
    axes.set(xscale="log", xlabel="training texts", ylabel="test accuracy in %")
    axes.legend(frameon=False)
    _save(axes, path)


def lstm(folder: Path) -> None:
    """Run the page's code in a temporary folder, and draw influence.svg and gates.svg."""
    names: dict[str, Any] = {}
    blocks = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    target = folder.resolve()
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        for block in blocks:
            exec(block, names)
    target.mkdir(exist_ok=True)
    axes = _axes(8, 3.6)
    axes.plot(range(1, 101), names["of_rnn"], label="plain RNN", color="#b3541e")
    for (bias, left), style in zip(names["of_lstm"].items(), ("--", ":", "-"), strict=True):
        gate = 1 / (1 + np.exp(-bias))
        axes.plot(
            range(1, 101), left, style, label=f"LSTM, forget gates near {gate:.2f}", color=OURS
        )
    axes.set(
        yscale="log", ylim=(1e-8, 2), xlabel="words read", title="What is left of a small change"
    )
    axes.legend(frameon=False)
    _save(axes, target / "influence.svg")
    first, second = names["gates"]
    gates(names["EXAMPLES"], first, second, target / "gates.svg")


def memory_units(first: Gates, second: Gates) -> tuple[int, int]:
    """Return the unit that holds the first opinion most clearly, and the one that erases its cell
    state most.

    Both texts are alike up to the first opinion. The first unit is the one whose cell states have
    opposite signs from there to the end, and are furthest from 0.
    """
    start = int(np.flatnonzero(np.abs(first.cell - second.cell).sum(axis=1) > 0)[0])
    one = first.cell[start:]
    other = second.cell[start:]
    opposite = np.where(one * other < 0, np.minimum(np.abs(one), np.abs(other)), 0).min(axis=0)
    held = int(opposite.argmax())
    erased = np.minimum(first.forget.min(axis=0), second.forget.min(axis=0))
    erased[held] = 1
    return held, int(erased.argmin())


def gates(texts: Sequence[str], first: Gates, second: Gates, path: Path) -> None:
    """Draw gates and cell states of two units along two texts: a row for each, a column for each
    word.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    units = memory_units(first, second)
    rows = [f"unit {unit}: {kind}" for unit in units for kind in ("forget", "input", "cell")]
    for axes, text, each in zip(figure.subplots(2, 1), texts, (first, second), strict=True):
        values = np.stack(
            [side[:, unit] for unit in units for side in (each.forget, each.input, each.cell)]
        )
        axes.imshow(values, cmap="BrBG", vmin=-1, vmax=1, aspect="auto")
        axes.set_xticks(range(len(text.split())), text.split())
        for label in axes.get_xticklabels():
            label.set_fontweight("bold" if label.get_text() in OPINIONS else "normal")
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
        for (row, column), value in np.ndenumerate(values):
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=7)
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
