"""Which lines a language model was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data.examples import Examples
from foretell.data.split import Split
from foretell.runtime import seen
from foretell.runtime.seen import SEEN, SeenLines, noting_seen

LONG = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), max_size=9
)


def noted(folder: Path, *texts: list[str]) -> Path:
    """Return a model directory whose run has noted texts, one after another."""
    (folder / "run").mkdir(exist_ok=True)
    for lines in texts:
        assert list(noting_seen(lines, folder / "run")) == lines
    return folder


def found(model: Path | None, lines: list[str]) -> str:
    watched = SeenLines(model)
    assert list(watched.watch(lines)) == lines
    return watched.note()


@settings(max_examples=20)
@given(st.lists(LONG, min_size=1, unique_by=str.casefold), st.booleans())
def test_lines_are_found_but_for_case_and_white_space(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str], twice: bool
) -> None:
    lines = [f"a line that is long enough to count, {end}" for end in ends]
    model = noted(tmp_path_factory.mktemp("model"), lines, *[lines] * twice)
    changed = [f"  {line} ".replace("long enough", "LONG  Enough") for line in lines]
    for text in (lines, changed, [*lines, *["Yes."] * 99]):
        assert found(model, text) == "100.00 % of the lines were in the training data"
    assert found(model, [f"not {line}" for line in lines]) == ""
    assert found(model.parent / "none", lines) == found(None, lines) == ""


def test_of_many_lines_a_bounded_part_is_kept_and_gives_the_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MAX_SEEN", 500)
    lines = [f"the line with the number {number:,} of a long text" for number in range(8_000)]
    model = noted(tmp_path, lines[:3_000], lines[3_000:4_000])
    assert (model / "run" / SEEN).stat().st_size == 500 * 8
    assert found(model, lines[:4_000]).startswith("100.00 %")
    assert 40 < float(found(model, lines).split()[0]) < 60
    assert found(model, lines[3_900:]) == ""


def test_texts_that_were_for_validation_are_seen_too(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    train = Examples(["one", "two"], ["a", "b"])
    seen.write_seen(Split(train=train, valid=Examples(["three"], ["a"])), tmp_path / "run")
    are_seen, sentence = seen.seen_by(tmp_path, ["Three", "two ", "four"])
    assert are_seen == [True, True, False]
    assert sentence == "2 of the 3 texts were in the training data"
