"""How foretell was installed here: the commands that start it and that install an extra.

A printed command has to work where it is printed. foretell may come from a checkout, an archive or
an index, into a virtual environment or as a tool of uv, and its command may not be on the PATH.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

PACKAGE = "foretell"
_REPOSITORY = "git+https://github.com/foretell-ml/foretell"


def program() -> str:
    """Return how a shell starts foretell here: `foretell` where that is this installation, else a
    path.
    """
    script = Path(sys.executable).with_name(PACKAGE).with_suffix(Path(sys.executable).suffix)
    if Path(shutil.which(PACKAGE) or "nothing").resolve() == script.resolve():
        return PACKAGE
    return _quoted(script) if script.is_file() else f"{_python()} -m {PACKAGE}"


def command(*arguments: str) -> str:
    """Return a command of foretell as a line for a shell.

    >>> command("classify", "my model", "a text")
    "foretell classify 'my model' 'a text'"
    """
    return " ".join([program(), *map(shlex.quote, arguments)])


def install_command(*extras: str) -> str:
    """Return the command that installs foretell again into this environment, with extras."""
    receipt = Path(sys.prefix) / "uv-receipt.toml"
    if receipt.is_file():
        # The new installation of a tool replaces the old one, so it names the old extras too.
        tool = tomllib.loads(receipt.read_text(encoding="utf-8"))["tool"]["requirements"]
        before = (each.get("extras", []) for each in tool if each["name"] == PACKAGE)
        every = sorted({*extras, *chain.from_iterable(before)})
        return f"uv tool install --force {shlex.quote(_requirement(every))}"
    installer = f"{_python()} -m pip install"
    if find_spec("pip") is None:
        installer = f"uv pip install --python {_python()}"
    return f"{installer} {shlex.quote(_requirement(extras))}"


def from_repository(extra: str = "") -> str:
    """Return the command that installs foretell on any machine, for a README."""
    return f"pip install '{PACKAGE}{_named((extra,))} @ {_REPOSITORY}'"


def _requirement(extras: Sequence[str]) -> str:
    """Return where foretell was installed from (PEP 610), with extras, as installers take it."""
    # Imported here: they load email and ssl, which help and predictions do not need.
    from importlib.metadata import distribution
    from urllib.request import url2pathname

    noted = distribution(PACKAGE).read_text("direct_url.json")
    origin = json.loads(noted or "{}")
    url = origin.get("url", "")
    if "dir_info" in origin:
        folder = Path(url2pathname(urlsplit(url).path))
        return ("." if folder == Path.cwd() else str(folder)) + _named(extras)
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}"
    if url:
        url = f" @ {url}"
    return f"{PACKAGE}{_named(extras)}{url}"


def _named(extras: Sequence[str]) -> str:
    return f"[{','.join(extras)}]" if any(extras) else ""


def _python() -> str:
    return _quoted(Path(sys.executable))


def _quoted(path: Path) -> str:
    """Return a path for a shell: relative where it lies below the current folder."""
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))
