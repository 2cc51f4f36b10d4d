"""Each benchmark starts, and what documents and kept results name is a benchmark with its options."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import BENCHMARKS
from bench.results import FOLDER, read

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "Makefile", *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
RUN = r"python -m bench (?=\w)([^`\n]*)"
# These are also about options that are gone.
PAST = ("experiments.md", "CHANGELOG.md")
NOW = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS if path.name not in PAST)
KEPT = "\n".join(read(path).command for path in FOLDER.glob("*.json"))


def test_what_is_named_is_there() -> None:
    names = {command.split()[0] for command in re.findall(RUN, TEXT)}
    for several in re.findall(r"BENCH=(\w+|\"[^\"]*\")", TEXT):
        names |= set(several.strip('"').split())
    assert len(names) > 10
    assert names - {"NAME"} <= set(BENCHMARKS)
    for module in re.findall(r"python -m bench\.(\w+)", TEXT):
        assert (ROOT / "bench" / f"{module}.py").exists(), module


def test_each_with_a_command_line_is_run_by_make_bench() -> None:
    programs = {
        path.stem for path in (ROOT / "bench").glob("*.py") if "def main() ->" in path.read_text()
    }
    assert programs == set(BENCHMARKS)


class StartedError(Exception):
    pass


COMMANDS = {f"{name} --help" for name in BENCHMARKS} | set(re.findall(RUN, f"{NOW}\n{KEPT}"))


@pytest.mark.parametrize("command", sorted(COMMANDS - {"NAME --help"}))
def test_it_starts_with_these_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the moment at which its options are known."""
    name, *options = shlex.split(command)
    parse = argparse.ArgumentParser.parse_args

    def parse_args(parser: argparse.ArgumentParser, *_: Any) -> None:
        if options == ["--help"]:
            assert parser.format_help()
        else:
            parse(parser, options)
        raise StartedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    with pytest.raises(StartedError):
        import_module(f"bench.{name}").main()
