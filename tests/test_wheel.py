"""The wheel holds the package and nothing else, and its description can be shown on PyPI.

That it predicts in an environment without TensorFlow is shown by `test_without_tensorflow.py`.
"""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from readme_renderer import markdown

ROOT = Path(__file__).parent.parent
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
        "-m",
        "mypy",
        "--strict",
        f"--python-executable={PYTHON}",
        "--config-file=",
        "program.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        'note: Revealed type is "foretell.language_model.LanguageModel | foretell.text_classifier'
        in done.stdout
    )
