"""The package's metadata: what is installed where, and that the files that repeat it agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONTENT["project"]
EXTRAS = {name: list(map(Requirement, lines)) for name, lines in PROJECT["optional-dependencies"].items()}
GROUPS = {name: list(map(Requirement, lines)) for name, lines in CONTENT["dependency-groups"].items()}
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64"}
WINDOWS = {"sys_platform": "win32", "platform_machine": "AMD64"}
WINDOWS_ON_ARM = {"sys_platform": "win32", "platform_machine": "ARM64"}
MAC = {"sys_platform": "darwin", "platform_machine": "arm64"}
LINUX_ON_ARM = {"sys_platform": "linux", "platform_machine": "aarch64"}


def installed(extra: str, machine: dict[str, str], python: str) -> set[str]:
    """Return the names of what an extra installs on a machine."""
    environment = {**machine, "python_version": python, "python_full_version": f"{python}.0"}
    return {
        f"{line.name}[{','.join(line.extras)}]" if line.extras else line.name
        for line in EXTRAS[extra]
        if line.marker is None or line.marker.evaluate(environment)
    }


@pytest.mark.parametrize("machine", [LINUX, WINDOWS, MAC, LINUX_ON_ARM])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_training_installs_one_tensorflow_and_numba(machine: dict[str, str], python: str) -> None:
    names = installed("train", machine, python)
    assert {"numba", "keras", "onnx", "polars", "tensorboard"} <= names
    wanted = "tensorflow-cpu" if machine == LINUX else "tensorflow"
    assert [name for name in names if name.startswith("tensorflow")] == [wanted]


def test_numba_is_left_out_where_it_has_no_wheels() -> None:
    assert "numba" not in installed("train", WINDOWS_ON_ARM, "3.13")


@pytest.mark.parametrize("extra", ["train", "train-gpu"])
def test_python_3_14_gets_what_saves_and_reads_but_no_tensorflow(extra: str) -> None:
    assert installed(extra, LINUX, "3.14") == {"onnx", "polars"}


@pytest.mark.parametrize("machine", [LINUX, WINDOWS, MAC, LINUX_ON_ARM])
def test_the_extra_for_gpus_differs_from_train_by_tensorflow_alone(machine: dict[str, str]) -> None:
    cpu, gpu = (installed(extra, machine, "3.13") for extra in ("train", "train-gpu"))
    differs = machine == LINUX
    assert cpu - gpu == ({"tensorflow-cpu"} if differs else set())
    assert gpu - cpu == ({"tensorflow[and-cuda]"} if differs else set())


def test_the_classifiers_name_the_versions_that_are_allowed() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert named == [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed]


def test_no_optional_dependency_is_needed_to_predict() -> None:
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not needed & {line.name for lines in EXTRAS.values() for line in lines}


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        (
            "requirements.lock",
            [*map(Requirement, PROJECT["dependencies"]), *GROUPS["dev"]]
            + [
                line
                for extra in ("train", "serve", "excel", "glove", "cluster", "hub", "mlflow")
                for line in EXTRAS[extra]
            ],
        ),
        ("requirements-bench.lock", GROUPS["bench"]),
    ],
)
def test_the_lock_files_hold_a_version_that_is_allowed_with_hashes(
    file: str, lines: list[Requirement]
) -> None:
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)==([\w.]+).*\\\n +--hash=sha256:", (ROOT / file).read_text(), re.M
    ):
        locked.setdefault(canonicalize_name(name), []).append(version)
    for line in lines:
        versions = locked[canonicalize_name(line.name)]
        assert all(line.specifier.contains(version, prereleases=True) for version in versions), line


def test_changelog_and_citation_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", changelog, re.M)


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_issue_forms_are_valid(form: Path) -> None:
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name == "config.yml":
        assert content["blank_issues_enabled"] in (True, False)
        assert all({"name", "url", "about"} == set(link) for link in content["contact_links"])
        return
    assert {"name", "description", "body"} <= set(content)
    fields = [part for part in content["body"] if part["type"] != "markdown"]
    ids = [part["id"] for part in fields]
    assert len(set(ids)) == len(ids)
    for part in fields:
        assert part["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"]["label"]
