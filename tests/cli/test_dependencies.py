"""Dependencies: read from the metadata of the package, and compared with what is installed."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from foretell.cli import doctor as module
from foretell.cli.doctor import Dependency, dependencies, install_command, lacking
from foretell.errors import MissingExtraError

ROOT = Path(__file__).parents[2]


def test_every_dependency_of_the_package_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = dependencies()
    for line in project["dependencies"]:
        name, _, lowest = line.partition(">=")
        (found,) = (each for each in needed if each.name == name and each.extra == "")
        assert found.versions == f">={lowest}"
        assert found.installed == version(name)
        assert found.is_good
    # Which packages an extra has depends on the machine.
    extras = project["optional-dependencies"]
    for extra in ("train", "serve"):
        plain = {line.partition(">=")[0] for line in extras[extra] if ";" not in line}
        assert plain <= {each.name for each in needed if each.extra == extra}


def read(monkeypatch: pytest.MonkeyPatch, *lines: str, installed: dict[str, str]) -> list[Dependency]:
    monkeypatch.setattr(module, "requires", lambda _: list(lines))
    monkeypatch.setattr(module, "_version", installed.get)
    return list(dependencies())


def test_a_version_that_is_too_old_will_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, none = read(monkeypatch, "a>=1.22", "b<3,>=1.2", "c", installed={"a": "1.3", "b": "2.10.1"})
    assert (old.is_good, new.is_good, none.is_good) == (False, True, False)
    assert lacking([old, new, none]) == ["a >=1.22 (installed: 1.3)", "c"]


def test_markers_decide_what_applies_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = read(
        monkeypatch,
        f"here>=1; sys_platform == '{sys.platform}' and extra == 'train'",
        "there>=1; sys_platform == 'plan9' and extra == 'train'",
        "old>=1; python_version < '3.5'",
        "mine>=1",
        installed={},
    )
    assert [(each.extra, each.name) for each in needed] == [("", "mine"), ("train", "here")]


def test_tensorflow_in_either_build_will_do_unless_its_gpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ("tensorflow-cpu>=2.21; extra == 'train'", "tensorflow[and-cuda]>=2.21; extra == 'train-gpu'")
    cpu, gpu = read(monkeypatch, *lines, installed={"tensorflow-cpu": "2.21.0"})
    assert (cpu.name, cpu.is_good) == ("tensorflow-cpu", True)
    assert (gpu.name, gpu.is_good) == ("tensorflow[and-cuda]", False)
    cpu, gpu = read(monkeypatch, *lines, installed={"tensorflow": "2.22.0"})
    assert cpu.is_good
    assert gpu.is_good


def test_without_packaging_there_is_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="pip install --force-reinstall foretell"):
        dependencies()


def test_how_each_extra_is_installed() -> None:
    assert install_command("excel") == "pip install 'foretell[excel]'"
    assert install_command("") == "pip install --force-reinstall foretell"
