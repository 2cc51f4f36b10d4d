"""survey: a messy file and everything that is wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import foretell
from foretell.errors import DataError, UsageError
from foretell.surveying import counts as counts_of_texts

LONG = (
    "it was a long and rather winding story about a river, a mill and two old friends who met again"
)
MESSY = [
    ("Good thing", "pos", "web"),
    ("good  THING", "neg", "web"),
    ("", "pos", "mail"),
    (LONG, "pos", ""),
    (f"{LONG.upper()}!", "pos", "mail"),
    ("Plötzlich schön", "Pos", "web"),
    ("lost", "", "web"),
    *((f"fine number {i}", "pos", "web") for i in range(10)),
    *((f"bad number {i}", "neg", "") for i in range(10)),
]


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.csv"
    path.write_bytes(
        "".join(f'"{a}",{b},{c}\n' for a, b, c in [("body", "label", "source"), *MESSY]).encode(
            "cp1252"
        )
    )
    return path


def test_a_messy_file(messy: Path) -> None:
    found = foretell.survey(messy)
    assert (found.texts, found.examples.dropped) == (
        25,
        {"an empty text": 1, "no label (empty, NaN, NA, N/A or null)": 1},
    )
    assert found.encoding == "cp1252"
    assert str(found).splitlines()[1].split() == ["texts", "25"]
    assert [(each.name, each.empty, each.role) for each in found.columns] == [
        ("body", 1, "text"),
        ("label", 1, "label"),
        ("source", 11, ""),
    ]
    assert found.labels == {"pos": 13, "neg": 11, "Pos": 1}
    assert "too rare to learn: Pos 1" in str(found)
    assert any("'Pos' (1) and 'pos' (13)" in note for note in found.notes)
    assert list(found.scripts) == ["Latin"]
    assert (found.lengths.texts, found.lengths.median, found.lengths.max) == (25, 3, 22)
    assert [found.rows_of(each.places) for each in found.conflicts] == [[1, 2]]
    assert [found.rows_of(group) for group in found.repeats.near] == [[4, 5]]
    assert found.label_check is None
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["duplicates"] == {"texts": 1, "groups": [[1, 2]]}
    assert plain["conflicts"] == {
        "texts": 1,
        "groups": [{"rows": [1, 2], "labels": {"pos": 1, "neg": 1}}],
    }
    assert plain["near_duplicates"]["groups"] == [[4, 5]]


def test_each_of_several_labels_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    path.write_text(
        "text,label\ncrash,bug\nrefund,billing\nboth,bug; billing\nthanks,;\nwhat,\ncrash,ux;bug\n"
    )
    other = tmp_path / "test.csv"
    other.write_text("text,label\nslow,speed;bug\nboth,bug\n")
    found = foretell.survey(path, multi_label=";", test=other)
    assert found.labels == {"bug": 3, "billing": 2, "ux": 1}
    assert found.texts == 5
    assert len(found.conflicts) == 1
    assert found.overlaps[0].new_labels == ("speed",)
    with pytest.raises(UsageError, match="one label for each text where labels are checked"):
        foretell.survey(path, multi_label=";", check_labels=True)


def test_parts_of_a_split_are_compared(messy: Path, tmp_path: Path) -> None:
    rows = ["body,label,source", "GOOD thing,pos,x", f'"{LONG}?",pos,x', "new,odd,x"]
    (tmp_path / "test.csv").write_text("\n".join(rows))
    valid = (["lost", "fine number 3"], ["pos", "pos"])
    found = foretell.survey(messy, test=tmp_path / "test.csv", valid=valid)
    of_valid, of_test = found.overlaps
    assert (of_test.equal, of_test.near, of_test.new_labels) == (1, 1, ("odd",))
    assert (of_valid.texts, of_valid.equal) == (2, 1)
    # Texts of other parts are no duplicates of the data.
    assert found.repeats.duplicates == 1


def test_of_much_text_a_part_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'word ' * (i % 7 + 1)}{i}" for i in range(400)]
    labels = ["a", "b"] * 200
    whole = foretell.survey(texts, labels).lengths
    monkeypatch.setattr(counts_of_texts, "_MAX_CHARACTERS", 4000)
    part = foretell.survey(texts, labels).lengths
    assert whole.texts == 400
    assert part.texts < 300
    assert abs(part.median - whole.median) <= 1
    assert part.total == pytest.approx(whole.total, rel=0.2)


def test_the_page_is_whole_and_safe(messy: Path, tmp_path: Path) -> None:
    texts = ["<script>alert(1)</script> \u202e", "fine \x1b[31m", *(f"text {i}" for i in range(30))]
    found = foretell.survey(texts, ["<b>", "</svg>", *["a", "b"] * 15], check_labels=True)
    found.save_html(tmp_path / "survey.html")
    page = (tmp_path / "survey.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert page.count("<meter") > 4
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    foretell.survey(messy).save_html(tmp_path / "survey.html")
    assert "The same text with different labels" in (tmp_path / "survey.html").read_text(
        encoding="utf-8"
    )
    # A notebook shows a table.
    assert "&lt;b&gt; 1" in found._repr_html_()
    assert "<b>" not in found._repr_html_()


def test_each_name_from_right_to_left_is_isolated(tmp_path: Path) -> None:
    texts = [LONG, f"{LONG}!", f"{LONG} שלום", "שלום", "שלום", *(f"text {i}" for i in range(30))]
    labels = ["טוב", "רע"] * 17 + ["טוֹב"]
    found = foretell.survey(texts, labels, test=(["new"], ["חדש"]))
    found.save_html(tmp_path / "survey.html")
    page = (tmp_path / "survey.html").read_text(encoding="utf-8")
    for shown, isolate in ((page, "<bdi>[^<]*</bdi>"), (str(found), "\u2068[^\u2069]*\u2069")):
        assert "טוב" in shown
        assert not re.search("[\u0590-\u05ff]", re.sub(isolate, "", shown))


def test_nothing_to_survey_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n,x\n")
    with pytest.raises(DataError, match=r"a\.csv: expected texts with labels, found none"):
        foretell.survey(tmp_path / "a.csv")
