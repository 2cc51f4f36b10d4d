"""What the site changes in the Markdown of the repository while it is read.

On GitHub a link can lead to any file of the repository, and the README links to pages by their full
address, as PyPI needs it. In the site the first becomes a full address, the second a link between
pages. A comment such as `<!-- section: README.md, Install -->`, which GitHub does not show, stands
for that section.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = PROJECT["urls"]["Homepage"] + "/blob/main/"

_SECTION = re.compile(r"^<!-- section: ([\w./]+), (.+?) -->$", re.MULTILINE)
_UP = re.compile(r'(\]\(|href=")\.\./([^)"\s]+)')


def for_site(text: str) -> str:
    """Return a page of docs/ with the sections that it names, and with links that work in the
    site.
    """
    text = _SECTION.sub(lambda found: section(ROOT / found[1], found[2]), text)
    return _UP.sub(rf"\g<1>{FILES}\g<2>", text.replace(f"]({FILES}docs/", "]("))


def section(path: Path, title: str) -> str:
    """Return a section of a Markdown file of the top folder, with its heading and with links as in
    docs/.

    Raises:
        ValueError: the file has no such section of the second level.
    """
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError(
            f"{path.name}: expected a section {title!r}, found none; correct the page in docs/"
        )
    # From docs/, a file of the top folder is one folder up, and a page of docs/ in this one.
    relative = re.sub(r"\]\((?!https?:|#)([^)\s]+)\)", r"](../\1)", found[0])
    return relative.replace("](../docs/", "](")


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    del app, name
    source[0] = for_site(source[0])


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element
) -> Element | None:
    """Resolve a class that a signature names without its module, as the code imports it."""
    # Imported here, so that the rest can be tested without Sphinx.
    from sphinx.util.nodes import make_refnode

    name = node.get("reftarget", "").rpartition(".")[2]
    domain = env.domains.python_domain
    places = [full for full in domain.objects if full.rpartition(".")[2] == name]
    if node.get("refdomain") != "py" or len(places) != 1:
        return None
    page = domain.objects[places[0]]
    return make_refnode(app.builder, node["refdoc"], page.docname, page.node_id, content, places[0])


def attribute_fields(lines: list[str]) -> list[str]:
    """Return a docstring's lines with one field for each attribute: `a, b: …` stands for both.

    The underscore of scikit-learn's fitted attributes is kept: in reStructuredText it would make a
    link.
    """
    fields: list[tuple[list[str], list[str]]] = []
    for line in lines:
        found = re.match(r":ivar (\w+(?:, \w+)*):(.*)$", line)
        if found:
            fields.append((found[1].split(", "), [found[2]]))
        elif line.startswith(" ") and fields:
            fields[-1][1].append(line)
        else:
            fields.append(([], [line]))
    return [line for names, text in fields for line in _each(names, text)]


def _each(names: list[str], text: list[str]) -> list[str]:
    if not names:
        return text
    escaped = [re.sub("_$", r"\\_", name) for name in names]
    return [line for name in escaped for line in (f":ivar {name}:{text[0]}", *text[1:])]


def _docstring(
    app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    del app, kind, name, thing, options
    lines[:] = attribute_fields(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _read)
    app.connect("missing-reference", _resolve)
    # After napoleon, which has made fields of the docstring's sections.
    app.connect("autodoc-process-docstring", _docstring, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
