"""The code blocks of README and docs, and the commands in them."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted(DOCS.rglob("*.md")),
)
_BLOCK = re.compile(r"^( *)```([\w{}-]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_SEPARATORS = frozenset("|;&><()")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page it is on, the language after the fence, its text without the
    indent.
    """

    page: Path
    language: str
    text: str


def blocks(page: Path, language: str) -> list[Block]:
    """Return the blocks of a page in one language, in order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(page, language, textwrap.dedent(m[3])) for m in found if m[2] == language]


def python_of(page: Path) -> list[str]:
    """Return the Python of a page, block by block."""
    return [block.text for block in blocks(page, "python")]


def foretell_commands(script: str) -> list[list[str]]:
    """Return the arguments of each call of `foretell` in a shell script, without redirections."""
    return [
        call[1:]
        for line in script.replace("\\\n", " ").splitlines()
        for call in _calls(line)
        if call[0] == "foretell"
    ]


def _calls(line: str) -> list[list[str]]:
    """Return the commands of one line, each with its arguments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&><()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    calls: list[list[str]] = []
    is_first = True
    is_target = False
    for token in lexer:
        if set(token) <= _SEPARATORS:
            is_target = set(token) <= {">", "<"}
            is_first = not is_target
        elif is_target:
            is_target = False
        elif is_first:
            calls.append([token])
            is_first = False
        else:
            calls[-1].append(token)
    return calls
