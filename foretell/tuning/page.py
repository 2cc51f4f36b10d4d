"""The report of a search: one self-contained HTML page, with the plots and every trial.

It has no script and loads nothing; its Content-Security-Policy permits only its own style sheet, by hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.artifacts.replacement import replace_file
from foretell.readable import duration, visible
from foretell.tuning.plots import draw_history, draw_importance, draw_latency

if TYPE_CHECKING:
    from foretell.tuning.result import Tuned

REPORT = "report.html"
_STYLE = files("foretell.training").joinpath("report.css").read_text(encoding="utf-8")


def write_page(result: Tuned, path: Path) -> None:
    """Write the report of a search, whole or not at all."""
    replace_file(path, to_page(result).encode("utf-8", "replace"))


def to_page(result: Tuned) -> str:
    """Return the report of a search as an HTML page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    plots = [
        draw_history(result.trials, result.objective),
        draw_latency(result.trials, result.objective, result.chosen.trial.number),
        draw_importance(result.importance),
    ]
    about = f"foretell tune · preset {result.preset} · {result.objective.title}"
    parts = [
        f'<header><h1>{_shown(result.data)}</h1><p class="soft">{_shown(about)}</p></header>',
        _tiles(result),
        f"<h2>Result</h2><p>{_shown(result.chosen.reason)}.</p>"
        f'<div class="card"><p><code>{_shown(result.command)}</code></p></div>',
        f'<h2>Plots</h2><div class="charts">{"".join(plots)}</div>',
        _trials(result),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_plain(result.data)} · foretell tune</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n"
        + "\n".join(parts)
        + '\n<footer class="soft">Every figure is of validation data, on '
        "which the trials were compared, so the best ones are optimistic. <code>foretell evaluate</code> "
        "measures on other data.</footer>\n</main>\n</body>\n</html>\n"
    )


def _tiles(result: Tuned) -> str:
    chosen = result.chosen.trial
    assert chosen.value is not None
    tiles = [(result.objective.shown(chosen.value), f"{result.objective.title}, trial {chosen.number}")]
    preset = result.chosen.preset
    if preset is not None and preset.value is not None:
        tiles.append((result.objective.shown(preset.value), f"{result.objective.title}, preset"))
    states = [each.state for each in result.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    tiles.append((str(len(states)), f"trials: {counts}"))
    if chosen.ms is not None:
        tiles.append((f"{chosen.ms:.2f} ms", "one prediction, one thread"))
    if chosen.size_mb is not None:
        tiles.append((f"{chosen.size_mb:.2f} MB", "model directory"))
    drawn = "".join(f'<div class="tile"><b>{_plain(a)}</b><span>{_plain(b)}</span></div>' for a, b in tiles)
    return f'<section class="tiles">{drawn}</section>'


def _trials(result: Tuned) -> str:
    head = ("trial", "settings", "state", result.objective.title, "seconds", "MB", "ms")
    rows = [
        (
            each.number,
            each.described(),
            each.error or ("complete, time limit" if each.is_limited else each.state),
            "–" if each.value is None else result.objective.shown(each.value),
            duration(each.seconds),
            "–" if each.size_mb is None else f"{each.size_mb:.2f}",
            "–" if each.ms is None else f"{each.ms:.2f}",
        )
        for each in result.trials
    ]
    return f'<h2>Trials</h2><div class="card wide">{_table(head, rows)}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    columns = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f"<tr><th>{_shown(row[0])}</th>{''.join(f'<td>{_shown(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: object) -> str:
    """Escape a text and isolate it, so that it does not reorder the text around it."""
    return f"<bdi>{_plain(value)}</bdi>"


def _plain(value: object) -> str:
    return escape(visible(str(value)))
