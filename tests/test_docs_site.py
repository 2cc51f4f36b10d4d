"""The documentation site: its links, the tests that it names, and the pages made from the code.

`.ci/run` builds the site itself, with warnings as errors.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from docs_blocks import DOCS, PAGES, ROOT

from foretell.annotation.annotation import Item
from foretell.cli.app import COMMANDS, make_app
from foretell.cli.setting_flags import setting_infos
from foretell.service.schemas import RequestBody, ResponseBody

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


PROSE = [
    *DOCS.glob("*.md"),
    *(
        ROOT / name
        for name in (
            "README.md",
            "SECURITY.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "examples/README.md",
        )
    ),
]
# Options of other programs that the pages name.
FOREIGN = frozenset(
    {
        *("--require-hashes", "--strict", "--upgrade", "--network", "--read-only", "--no-dev"),
        *("--debug", "--help", "--help-all", "--version", "--address", "--head", "--model"),
        *("--task", "--name", "--app-dir"),
    }
)


@cache
def options() -> frozenset[str]:
    """Return every option of every command, also those that help does not list."""
    app = make_app()
    names = set[str]()
    for words in COMMANDS:
        command = app
        for word in words.split():
            command = command[word]
        names |= {n for each in command.assemble_argument_collection() for n in each.names}
    return frozenset(names)


@cache
def programs() -> str:
    """Return the code whose options are not foretell's: of benchmarks and examples."""
    paths = (*(ROOT / "bench").rglob("*.py"), *(ROOT / "examples").rglob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # These two are also about what is gone.
    if page.name not in ("experiments.md", "CHANGELOG.md"):
        code = " ".join(re.findall(r"`([^`\n]+)`", text))
        lines = re.findall(r"^foretell .*$", text, re.MULTILINE)
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*\w", " ".join([code, *lines])))
        known = options() | FOREIGN
        assert sorted(name for name in named - known if f'"{name}"' not in programs()) == []
        for path in re.findall(r"`((?:foretell|tests|bench|docs|examples)/[\w./-]+\.\w+)`", text):
            if "NAME" in path:
                continue
            assert (ROOT / path).exists(), path


# Names on the page on serving that are no fields of foretell's: those of OpenAI's protocol that
# are refused, of its client, and of JSON.
NO_FIELDS = {
    "api_key",
    "best_of",
    "extra_body",
    "logit_bias",
    "suffix",
    "null",
    "name_needed",
    "char",
    "subword",
}


def test_fields_on_the_page_on_serving_are_those_of_requests_and_answers() -> None:
    text = (DOCS / "serving.md").read_text(encoding="utf-8").split("## Routes")[1]
    named = set(re.findall(r"`([a-z_]+)`", text.split("## Errors")[0]))
    import_module("foretell.service.app")  # its routes define the bodies
    # The state of an annotation is a dictionary, with an item.
    code = (ROOT / "foretell/service/routes/annotation.py").read_text(encoding="utf-8")
    bodies = [*RequestBody.__subclasses__(), *ResponseBody.__subclasses__()]
    for body in bodies:
        bodies += body.__subclasses__()
    code += json.dumps([body.model_json_schema() for body in bodies])
    assert len(named) > 40
    items = {field.name for field in dataclasses.fields(Item)}
    assert sorted(named - NO_FIELDS - items - set(re.findall(r'"([a-z_]+)"', code))) == []
