"""Where the value of an option comes from: its flag, FORETELL_*, the --config file, its default.

Every field of `WordsSettings` and `LabelsSettings` becomes a flag here, so that a setting is declared once.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from cyclopts import Argument, ArgumentCollection, Group, Parameter, Token

from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.errors import UsageError

if TYPE_CHECKING:
    from cyclopts import App

    from foretell.data.options import Arguments

PREFIX = "FORETELL_"
SETTINGS = Group("Settings (the preset's value where not given)", sort_key=10)


def options_of(settings: type[Settings]) -> Any:
    """Return a dataclass with the fields of `settings`, each a flag that is None where not given."""
    hints = get_type_hints(settings)
    fields = [
        (f.name, Annotated[hints[f.name] | None, _flag(f, hints[f.name])], dataclasses.field(default=None))
        for f in dataclasses.fields(settings)
    ]
    # Without a module of our own, the class would count as one of Python's, which have no flags.
    options = dataclasses.make_dataclass(
        f"{settings.__name__}Options", fields, namespace={"__module__": __name__}, frozen=True, kw_only=True
    )
    return Parameter(name="*")(options)


def _flag(f: dataclasses.Field[Any], hint: Any) -> Parameter:
    converter = whole_number if hint is int else None
    return Parameter(help=f.metadata["help"], group=SETTINGS, show_default=False, converter=converter)


def whole_number(hint: Any, tokens: Sequence[Token]) -> int:
    """Convert an option to an int; cyclopts alone would round 1.5."""
    del hint
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f'unable to convert "{tokens[0].value}" into a whole number') from None


Whole = Annotated[int, Parameter(converter=whole_number)]


def labelled_arguments() -> Arguments:
    """Return how the commands that read labelled texts spell their arguments, for errors."""
    from foretell.data.options import Arguments

    return Arguments(text="--text {}", label="--label {}", format=None)


def given(options: Any) -> dict[str, Any]:
    """Return the settings that were given: those fields of an options dataclass that are not None."""
    if options is None:
        return {}
    return {name: value for name, value in vars(options).items() if value is not None}


if TYPE_CHECKING:
    WordsOptions = Any
    LabelsOptions = Any
else:
    WordsOptions = options_of(WordsSettings)
    LabelsOptions = options_of(LabelsSettings)


def from_environment(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value the one of its FORETELL_* variable: FORETELL_UNITS is --units."""
    del app, commands
    for argument in _options(arguments):
        name = PREFIX + argument.name.lstrip("-").upper().replace("-", "_")
        if not argument.tokens and name in os.environ:
            argument.append(Token(keyword=name, value=os.environ[name], source="environment"))


def from_toml(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give every option without a value the one of the file that --config names.

    Keys are the flags' names, with - or _.

    Raises:
        UsageError: no such file, not TOML, or a key that is no option of this command.
    """
    del app
    known = {argument.name.lstrip("-"): argument for argument in _options(arguments)}
    path = _config_path(known.get("config"))
    if path is None:
        return
    for key, value in _read_toml(path).items():
        name = key.replace("_", "-")
        if name not in known or name == "config":
            raise _unknown_key(key, path, " ".join(commands), sorted(known.keys() - {"config"}))
        if isinstance(value, dict | list):
            raise UsageError(expected="one value", found=f"{value!r}", where=f"{path}, {key}")
        if not known[name].tokens:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            known[name].append(Token(keyword=f"{path}, {key}", value=text, source=str(path)))


def _options(arguments: ArgumentCollection) -> Iterator[Argument]:
    """The options: not the positional arguments, nor the dataclass that holds the settings' flags."""
    return (
        a for a in arguments if a.parse and a.index is None and a.name.startswith("--") and not a.children
    )


def _config_path(argument: Argument | None) -> Path | None:
    return Path(argument.tokens[-1].value) if argument is not None and argument.tokens else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(expected="a TOML file", found=str(error), where=str(path)) from error
    except OSError as error:
        raise UsageError(
            expected="a TOML file", found=error.strerror or str(error), where=str(path), fix="check --config"
        ) from error


def _unknown_key(key: str, path: Path, command: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"see foretell {command} --help"
    return UsageError(expected=f"an option of foretell {command}", found=f"'{key}'", where=str(path), fix=fix)
