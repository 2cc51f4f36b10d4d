"""The software bill of materials has each package once, with its version and hashes in the lock file."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / ".ci" / "sbom.py"
pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason=".ci/ is not beside the tests")


@pytest.fixture(scope="module")
def sbom() -> Any:
    spec = importlib.util.spec_from_file_location("sbom", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_lock_file_is_read(sbom: Any) -> None:
    first, second = "a" * 64, "b" * 64
    text = f"One_Two==1.0 ; python_version < '3.14' \\\n --hash=sha256:{second} \\\n --hash=sha256:{first}\n"
    assert sbom.locked(text + "x[y]==2\n") == {"one-two": ("1.0", [first, second]), "x": ("2", [])}


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
    # Tools of contributors are not shipped.
    assert not {"pytest", "ruff", "mypy", "moto", "coverage"} & components.keys()


def test_what_needs_what_is_in_the_bill(sbom: Any) -> None:
    bill = sbom.bill()
    refs = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {each["ref"] for each in bill["dependencies"]} == refs
    assert all(set(each["dependsOn"]) <= refs for each in bill["dependencies"])


def test_a_package_that_is_not_locked_is_told(sbom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "locked", lambda _: {})
    with pytest.raises(SystemExit, match=r"none for .*numpy.*; make lock"):
        sbom.bill()
