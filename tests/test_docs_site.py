"""The documentation site: its links, the tests that it names, and the pages made from the code.

`.ci/run` builds the site itself, with warnings as errors.
"""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from docs_blocks import DOCS, PAGES, ROOT

from foretell.cli.app import COMMANDS
from foretell.cli.setting_flags import setting_infos

FILES = "https://github.com/foretell-ml/foretell/blob/main/"


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(DOCS / "_extensions"))
    return {
        name: import_module(name) for name in ("repository_pages", "commands_page", "settings_page")
    }


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings as GitHub makes them."""
    text = re.sub(
        r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(
        r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.removeprefix(FILES).partition("#")
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        base = ROOT if link.startswith(FILES) else page.parent
        target = (base / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


def test_links_lead_to_pages_of_the_site_or_to_the_repository(
    extensions: dict[str, ModuleType],
) -> None:
    page = f"[a](labels.md#figures) [b](../README.md#license) [c]({FILES}docs/data.md)"
    assert (
        extensions["repository_pages"].for_site(page)
        == f"[a](labels.md#figures) [b]({FILES}README.md#license) [c](data.md)"
    )
    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Homepage"] in FILES
    )


def test_the_reference_has_every_command_and_option(
    extensions: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    from foretell.cli.entry import main

    text = extensions["commands_page"].reference()
    sections = dict(
        zip(COMMANDS, re.split(r"^## foretell .*$", text, flags=re.MULTILINE)[1:], strict=True)
    )
    for words, command in COMMANDS.items():
        capsys.readouterr()
        assert main([*words.split(), "--help-all"]) == 0
        options = re.findall(r"^│ (?:[* ]  )?(--[\w-]+)", capsys.readouterr().out, re.MULTILINE)
        shown = re.findall(r"^`(--[\w-]+)[^`]*`$", sections[words], re.MULTILINE)
        assert sorted(shown) == sorted(options), words
        for example in command.examples:
            assert example in sections[words]


def test_the_table_of_settings_has_every_setting(extensions: dict[str, ModuleType]) -> None:
    text = extensions["settings_page"].tables()
    for_labels, for_words = text.split("## LanguageModel")
    for job, part in (("labels", for_labels), ("words", for_words)):
        shown = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        assert shown == [info.name for info in setting_infos(job)]


@pytest.mark.parametrize(
    ("page", "least"), [("reliability.md", 40), ("serving.md", 10), ("page.md", 10)]
)
def test_every_promise_names_tests_that_exist(page: str, least: int) -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    text = (DOCS / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > least
    assert sorted(named - set(re.findall(r"def (test_\w+)", code))) == []
    for path in re.findall(r"`(tests/\S+\.py)`", text):
        assert (ROOT / path).exists()
