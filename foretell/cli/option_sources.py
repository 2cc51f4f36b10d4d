"""Where an option has its value from: its flag, else FORETELL_*, else the --config file, else its default."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Argument, ArgumentCollection, Token

from foretell.errors import UsageError

if TYPE_CHECKING:
    from cyclopts import App

PREFIX = "FORETELL_"

# Folders of the full data sets and of downloads: they are not the values of --data and --cache.
_RESERVED = frozenset({"FORETELL_DATA", "FORETELL_CACHE"})

# FORETELL_FOLDS is the setting of a training; here the flag asks for several trainings.
_FLAG_ONLY = frozenset({("evaluate", "folds")})


def from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of its FORETELL_* variable: FORETELL_UNITS is --units."""
    del app
    for argument in _options(arguments):
        name = argument.name.lstrip("-")
        if (" ".join(commands), name) in _FLAG_ONLY:
            continue
        variable = PREFIX + name.upper().replace("-", "_")
        if variable in os.environ and variable not in _RESERVED and not argument.tokens:
            argument.append(Token(keyword=variable, value=os.environ[variable], source="environment"))


def from_toml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value that of the file which --config names.

    Keys are the names of the flags, with - or _.

    Raises:
        UsageError: no such file, not TOML, or a key that is no option of this command.
    """
    del app
    known = {argument.name.lstrip("-"): argument for argument in _options(arguments)}
    config = known.pop("config", None)
    if config is None or not config.tokens:
        return
    path = Path(config.tokens[-1].value)
    command = " ".join(commands)
    for key, value in _read_toml(path).items():
        name = key.replace("_", "-")
        if name not in known:
            raise _unknown_key(key, path, command, sorted(known))
        if isinstance(value, dict | list):
            raise UsageError(expected="one value", found=f"{value!r}", where=f"{path}, {key}")
        if not known[name].tokens:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            known[name].append(Token(keyword=f"{path}, {key}", value=text, source=str(path)))


def _options(arguments: ArgumentCollection) -> Iterator[Argument]:
    """The options: not the positional arguments, nor the dataclasses that hold the flags."""
    return (
        a for a in arguments if a.parse and a.index is None and a.name.startswith("--") and not a.children
    )


def _read_toml(path: Path) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        found = "too many levels" if isinstance(error, RecursionError) else str(error)
        raise UsageError(expected="a TOML file", found=found, where=str(path)) from error
    except OSError as error:
        raise UsageError(
            expected="a TOML file", found=error.strerror or str(error), where=str(path), fix="check --config"
        ) from error


def _unknown_key(key: str, path: Path, command: str, known: list[str]) -> UsageError:
    import difflib

    near = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"see foretell {command} --help-all"
    return UsageError(expected=f"an option of foretell {command}", found=f"'{key}'", where=str(path), fix=fix)
