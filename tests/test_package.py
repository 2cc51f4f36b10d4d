"""The package: metadata, lock files, bill of materials and wheel; the files that repeat them agree."""

from __future__ import annotations

import email
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from readme_renderer import markdown

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
    cpu, gpu = (installed(extra, machine, python) for extra in ("train", "train-gpu"))
    assert {"numba", "keras", "onnx", "polars", "tensorboard"} <= cpu
    wanted = "tensorflow-cpu" if machine == LINUX else "tensorflow"
    assert [name for name in cpu if name.startswith("tensorflow")] == [wanted]
    # The extra for GPUs differs by TensorFlow alone.
    assert cpu - gpu == ({"tensorflow-cpu"} if machine == LINUX else set())
    assert gpu - cpu == ({"tensorflow[and-cuda]"} if machine == LINUX else set())


def test_what_has_no_wheels_is_left_out() -> None:
    assert "numba" not in installed("train", WINDOWS_ON_ARM, "3.13")
    for extra in ("train", "train-gpu"):
        assert installed(extra, LINUX, "3.14") == {"onnx", "polars"}


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
                for extra in ("train", "serve", "excel", "glove", "cluster", "hub")
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


SOURCE = ROOT / ".ci" / "sbom.py"


@pytest.fixture(scope="module")
def sbom() -> Any:
    spec = importlib.util.spec_from_file_location("sbom", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_is_of_the_lock_file(sbom: Any) -> None:
    bill = sbom.bill()
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {each["name"]: each for each in bill["components"]}
    assert len(components) == len(bill["components"]) > 40
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name, each in components.items():
        assert re.search(
            rf"^{re.escape(name)}(\[[\w,-]+\])?=={re.escape(each['version'])}[ \\\n]", lock, re.MULTILINE
        )
        assert all(len(part["hashes"]) == 1 for part in each["externalReferences"])
        assert each["externalReferences"]
    assert components["numpy"]["scope"] == "required"
    assert components["keras"]["scope"] == components["fastapi"]["scope"] == "optional"
    refs = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {each["ref"] for each in bill["dependencies"]} == refs
    assert all(set(each["dependsOn"]) <= refs for each in bill["dependencies"])
    # Tools of contributors are not shipped.
    assert not {"pytest", "ruff", "mypy", "moto", "coverage"} & components.keys()


PYTHON = os.environ.get("FORETELL_PREDICT_PYTHON", "")
needs_the_environment = pytest.mark.skipif(
    not Path(PYTHON).is_file(), reason="no environment without TensorFlow: run make test"
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$", re.M | re.S)
PROGRAM = """
import foretell
from foretell.errors import ForetellError


def read(path: str) -> str:
    try:
        model = foretell.load(path)
    except ForetellError as error:
        return str(error)
    if isinstance(model, foretell.LanguageModel):
        return model.next("the obstacle", k=3)[0].word
    return str(model.predict_proba(["good food"])[0])


reveal_type(foretell.load("notes"))
print(read("notes"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
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
    description = CODE.sub("", str(metadata.get_payload()))
    addresses = LINK.findall(description)
    assert addresses
    assert [address for address in addresses if not address.startswith(("https://", "#"))] == []
    for address in addresses:
        place = re.match(
            r"https://(?:github|raw\.githubusercontent)\.com/foretell-ml/foretell/(?:blob/)?main/(.*)",
            address,
        )
        assert place is None or (ROOT / place[1].partition("#")[0]).exists(), address


def test_the_description_is_the_readme_in_all_but_links(metadata: Message) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    description = str(metadata.get_payload())
    assert CODE.findall(description) == CODE.findall(readme)
    assert LINK.sub("]()", description).strip() == LINK.sub("]()", readme).strip()


def test_pypi_can_render_the_description(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    html = markdown.render(str(metadata.get_payload()))
    assert html is not None
    assert "<table>" in html
    assert "<img " in html


@needs_the_environment
def test_the_environment_without_tensorflow_holds_the_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    code = "import foretell, pathlib; print(pathlib.Path(foretell.__file__).parent)"
    done = subprocess.run([PYTHON, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    package = Path(done.stdout.strip())
    assert package.parent.name == "site-packages"
    for name in source_files():
        assert (package.parent / name).read_bytes() == wheel.read(name), name


@needs_the_environment
def test_a_user_program_passes_strict_type_checks(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [
        sys.executable,
        *("-m", "mypy", "--strict", f"--python-executable={PYTHON}", "--config-file=", "program.py"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        'note: Revealed type is "foretell.language_model.LanguageModel | foretell.text_classifier'
        in done.stdout
    )
