"""Settings as flags: every one, grouped by purpose, with its range and the values of the presets."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest
from cli_workplace import Run

from foretell.cli.setting_flags import (
    PURPOSES,
    LabelsOptions,
    SettingInfo,
    WordsOptions,
    given,
    plain,
    setting_infos,
)
from foretell.config import Job, LabelsSettings, WordsSettings
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS

KINDS: dict[Job, type] = {"words": WordsSettings, "labels": LabelsSettings}
OPTIONS: dict[Job, type] = {"words": WordsOptions, "labels": LabelsOptions}


def flags(text: str) -> dict[str, str]:
    """Return the flags that a help text lists, each with the title of its group."""
    listed, title = {}, ""
    for line in text.splitlines():
        if re.fullmatch(r"\w[\w ]*", line):
            title = line
        elif match := re.match(r"  --(\[no-\])?([\w-]+)", line):
            listed[match[2]] = title
    return listed


@pytest.mark.parametrize("job", KINDS)
def test_help_shows_the_common_settings_by_purpose_and_help_all_every_one(run: Run, job: Job) -> None:
    common, every = (flags(run("train", job, flag).out) for flag in ("--help", "--help-all"))
    for f in dataclasses.fields(KINDS[job]):
        flag = f.name.replace("_", "-")
        assert every[flag] == f.metadata["purpose"].capitalize()
        assert (flag in common) == f.metadata["common"]
    titles = [title for title in dict.fromkeys(every.values()) if title.lower() in PURPOSES]
    assert titles == [purpose.capitalize() for purpose in PURPOSES]
    assert set(common) < set(every)


@pytest.mark.parametrize("job", KINDS)
def test_help_says_what_a_setting_does_with_its_range_and_its_values(run: Run, job: Job) -> None:
    text = " ".join(run("train", job, "--help-all").out.split())
    for info in setting_infos(job):
        assert " ".join(info.flag_help().split()) in text
        assert info.help.endswith(".")
        # Verbs and sentences, in the words of the field.
        assert not re.search(r"\b(held|mixture|most_|believe|tells)\b", info.help)


def test_values_of_presets_are_shown_where_they_differ() -> None:
    labels = {info.name: info for info in setting_infos("labels")}
    assert labels["minutes"].preset_values() == "quick 1.5 · base 15 · best 60 · article, cnn-lstm 0"
    assert labels["seed"].preset_values() == "default 1"
    assert labels["linear"].preset_values() == "quick, base, best on · article, cnn-lstm off"
    assert labels["minutes"].range() == "0 or more"
    assert labels["dropout"].range() == "0 to 0.95"
    assert labels["optimizer"].range() == ""
    assert (
        labels["vocabulary"]
        .flag_help()
        .endswith("[1 to 1000000; quick 20000 · base, best 30000 · article, cnn-lstm 996]")
    )


@pytest.mark.parametrize(("job", "presets"), [("words", WORDS_PRESETS), ("labels", LABELS_PRESETS)])
def test_every_setting_has_its_value_in_every_preset(job: Job, presets: dict[str, object]) -> None:
    infos = setting_infos(job)
    assert {info.name for info in infos} == {f.name for f in dataclasses.fields(KINDS[job])}
    for info in infos:
        assert info.presets == {name: getattr(preset, info.name) for name, preset in presets.items()}


def test_a_value_is_shown_as_one_types_it() -> None:
    assert [plain(value) for value in (True, False, 20_000, 1e-08, 15.0, 0.25, "adam")] == [
        "on", "off", "20000", "1e-08", "15", "0.25", "adam"
    ]  # fmt: skip


@pytest.mark.parametrize("job", KINDS)
def test_only_what_was_given_counts(job: Job) -> None:
    assert given(OPTIONS[job]()) == {}
    assert given(OPTIONS[job](units=7, lowercase=False)) == {"units": 7, "lowercase": False}
    assert given(None) == {}


def test_an_info_is_frozen() -> None:
    info: SettingInfo = setting_infos("words")[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.name = "other"  # type: ignore[misc]


def test_without_a_flag_nothing_is_wrong_where_pydantic_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pydantic")
    from foretell.cli import main

    for name in [name for name in os.environ if name.startswith("FORETELL_")]:
        monkeypatch.delenv(name)
    for command in ("train labels", "train words"):
        words, out = command.split(), ["--out", str(tmp_path / "m")]
        data = str(tmp_path / "missing.csv")
        assert main([*words, data, *out]) == 1
        assert "missing.csv" in capsys.readouterr().err
