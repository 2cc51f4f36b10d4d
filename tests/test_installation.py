"""The commands that are printed work where they are printed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from foretell import installation
from foretell.installation import command, from_repository, install_command, program


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Return what pip noted about the installation: a test may change it."""
    noted: dict[str, object] = {}
    found = SimpleNamespace(read_text=lambda _: json.dumps(noted) if noted else None)
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: found)
    monkeypatch.setattr(installation.shutil, "which", lambda _: None)
    monkeypatch.setattr(installation, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "executable", "/opt/env/bin/python")
    return noted


@pytest.mark.parametrize("on_path", [True, False])
def test_the_printed_command_starts_this_foretell(
    on_path: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if on_path else "/usr/bin:/bin")
    line = command("info", "a model's")
    assert (program() == "foretell") == on_path
    assert shlex.split(line)[1:] == ["info", "a model's"]
    done = subprocess.run(["bash", "-c", f"{program()} --version"], capture_output=True, text=True)
    assert done.stdout.strip()[0].isdigit(), done.stderr


@pytest.mark.usefixtures("origin")
def test_without_a_script_it_is_a_module_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert program() == "/opt/env/bin/python -m foretell"
    monkeypatch.chdir("/opt")
    assert program() == "env/bin/python -m foretell"


@pytest.mark.parametrize(
    ("noted", "named"),
    [
        ({}, "'foretell[excel]'"),
        ({"url": "file:///src/foretell", "dir_info": {}}, "'/src/foretell[excel]'"),
        (
            {"url": "file:///src/foretell", "dir_info": {"editable": True}},
            "'/src/foretell[excel]'",
        ),
        ({"url": "file:///w/f.whl", "archive_info": {}}, "'foretell[excel] @ file:///w/f.whl'"),
        (
            {"url": "https://x.org/f", "vcs_info": {"vcs": "git"}},
            "'foretell[excel] @ git+https://x.org/f'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_foretell_came(
    noted: dict[str, object], named: str, origin: dict[str, object]
) -> None:
    origin.update(noted)
    assert install_command("excel") == f"uv pip install --python /opt/env/bin/python {named}"


@pytest.mark.usefixtures("origin")
def test_the_pip_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda _: SimpleNamespace())
    assert install_command("hub") == "/opt/env/bin/python -m pip install 'foretell[hub]'"
    assert install_command("") == "/opt/env/bin/python -m pip install foretell"


@pytest.mark.usefixtures("origin")
def test_a_tool_of_uv_keeps_its_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = '[tool]\nrequirements = [{ name = "foretell", extras = ["train"] }, { name = "x" }]\n'
    (tmp_path / "uv-receipt.toml").write_text(receipt)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert install_command("excel") == "uv tool install --force 'foretell[excel,train]'"


def test_the_command_of_a_readme() -> None:
    assert from_repository("hub").startswith("pip install 'foretell[hub] @ git+https://")
