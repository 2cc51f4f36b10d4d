"""The command line. One module for each command; `app.py` lists them and `entry.py` runs them.

Data goes to stdout, everything else to stderr, all of it through `output.py`. Exit codes: 0 done, 1 failed,
2 wrong usage, 130 interrupted by Ctrl-C (128 + n by signal n).
"""

from __future__ import annotations

from foretell.cli.entry import command, main

__all__ = ["command", "main"]
