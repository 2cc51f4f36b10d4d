"""Make the tables of README and docs/benchmarks.md from the kept results.

python -m bench.tables                  all tables, from bench/results/NAME.json
python -m bench.tables predict serve    first keep the results of these, which the last runs wrote
                                        to out/bench/NAME.json, in place of the published ones

A table stands between two comments, which no page shows: `<!-- bench: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.harness import OUT
from bench.results import FOLDER, markdown, read

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")
TABLE = re.compile(r"^<!-- bench: (\w+) -->$.*?^<!-- end -->$", re.DOTALL | re.MULTILINE)


def main(names: Sequence[str]) -> None:
    """Keep the results of `names`, and write the pages anew."""
    for name in names:
        shutil.copyfile(OUT / f"{name}.json", FOLDER / f"{name}.json")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(rendered(text), encoding="utf-8")


def rendered(page: str) -> str:
    """Return a page with each table made from its result."""
    return TABLE.sub(lambda found: _table(found[1]), page)


def _table(name: str) -> str:
    table = markdown(read(FOLDER / f"{name}.json"))
    return f"<!-- bench: {name} -->\n\n{table}\n\n<!-- end -->"


if __name__ == "__main__":
    main(sys.argv[1:])
