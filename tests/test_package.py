"""The package: metadata, lock files, bill of materials and wheel; the files that repeat them
agree.
"""

from __future__ import annotations

import email
import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONTENT["project"]
EXTRAS = {
    name: list(map(Requirement, lines)) for name, lines in PROJECT["optional-dependencies"].items()
}
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64"}
MAC = {"sys_platform": "darwin", "platform_machine": "arm64"}


def installed(extra: str, machine: dict[str, str]) -> set[str]:
    """Return the names of what an extra installs on a machine."""
    environment = {**machine, "python_version": "3.12", "python_full_version": "3.12.0"}
    return {
        f"{line.name}[{','.join(line.extras)}]" if line.extras else line.name
        for line in EXTRAS[extra]
        if line.marker is None or line.marker.evaluate(environment)
    }


@pytest.mark.parametrize("machine", [LINUX, MAC])
def test_training_installs_one_tensorflow_and_numba(machine: dict[str, str]) -> None:
    cpu, gpu = (installed(extra, machine) for extra in ("train", "train-gpu"))
    assert {"numba", "keras", "onnx", "polars", "tensorboard"} <= cpu
    wanted = "tensorflow-cpu" if machine == LINUX else "tensorflow"
    assert [name for name in cpu if name.startswith("tensorflow")] == [wanted]
    # The extra for GPUs differs by TensorFlow alone.
    assert cpu - gpu == ({"tensorflow-cpu"} if machine == LINUX else set())
    assert gpu - cpu == ({"tensorflow[and-cuda]"} if machine == LINUX else set())


def test_no_optional_dependency_is_needed_to_predict() -> None:
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not needed & {line.name for lines in EXTRAS.values() for line in lines}


def test_changelog_and_citation_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", changelog, re.M)


def locked(file: str) -> dict[str, list[str]]:
    """Return the versions of each package of a lock file, those that have hashes."""
    versions: dict[str, list[str]] = {}
    pattern = re.compile(r"^([\w.-]+)==([\w.]+).*\\\n +--hash=sha256:", re.MULTILINE)
    for name, version in pattern.findall((ROOT / file).read_text(encoding="utf-8")):
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def test_the_lock_files_hold_a_version_that_is_allowed_with_hashes() -> None:
    dev, bench = (
        list(map(Requirement, CONTENT["dependency-groups"][name])) for name in ("dev", "bench")
    )
    needed = [*map(Requirement, PROJECT["dependencies"]), *EXTRAS["train"], *EXTRAS["serve"], *dev]
    for file, lines in (("requirements.lock", needed), ("requirements-bench.lock", bench)):
        versions = locked(file)
        for line in lines:
            found = versions[canonicalize_name(line.name)]
            assert all(line.specifier.contains(version, prereleases=True) for version in found), (
                line
            )


def test_the_bill_is_of_the_lock_file() -> None:
    bill = runpy.run_path(str(ROOT / ".ci" / "sbom.py"))["bill"]()
    components = {canonicalize_name(each["name"]): each for each in bill["components"]}
    versions = locked("requirements.lock")
    assert len(components) == len(bill["components"]) > 40
    assert all(each["version"] in versions[name] for name, each in components.items())
    assert components["numpy"]["scope"] == "required"
    assert components["keras"]["scope"] == components["fastapi"]["scope"] == "optional"
    # Tools of contributors are not shipped.
    assert not {"pytest", "ruff", "mypy", "moto", "coverage"} & components.keys()


PYTHON = os.environ.get("FORETELL_PREDICT_PYTHON", "")
needs_the_environment = pytest.mark.skipif(
    not Path(PYTHON).is_file(), reason="no environment without TensorFlow: run make test"
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_string(wheel.read(name).decode("utf-8"))


def source_files() -> set[str]:
    paths = (path for path in (ROOT / "foretell").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts}


def test_it_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == source_files()
    assert "foretell/py.typed" in packed


def test_every_link_of_the_description_is_a_full_address(metadata: Message) -> None:
    description = re.sub(r"^```.*?^```$", "", str(metadata.get_payload()), flags=re.M | re.S)
    addresses = LINK.findall(description)
    assert addresses
    assert [address for address in addresses if not address.startswith(("https://", "#"))] == []
    for address in addresses:
        place = re.match(
            r"https://(?:github|raw\.githubusercontent)\.com/foretell-ml/foretell/(?:blob/)?main/(.*)",
            address,
        )
        assert place is None or (ROOT / place[1].partition("#")[0]).exists(), address


@needs_the_environment
def test_the_environment_without_tensorflow_holds_the_wheel(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    code = "import foretell, pathlib; print(pathlib.Path(foretell.__file__).parent)"
    done = subprocess.run(
        [PYTHON, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    package = Path(done.stdout.strip())
    assert package.parent.name == "site-packages"
    for name in source_files():
        assert (package.parent / name).read_bytes() == wheel.read(name), name
