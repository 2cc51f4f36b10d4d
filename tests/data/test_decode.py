"""Files as bytes and text, and what is no text."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from foretell.data.decode import existing, guess_encoding, open_text
from foretell.errors import DataError

FRENCH = "Ce film était très décevant, malgré une idée brillante à l’origine.\nDeuxième ligne.\n"


def read(path: str | Path) -> tuple[str, list[str]]:
    notes: list[str] = []
    with open_text(path, notes=notes) as source:
        return source.read(), notes


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("utf-16", ["a.txt: read as UTF-16"]),
        ("cp1252", ["a.txt: read as cp1252"]),
    ],
)
def test_encodings_are_found_and_said_aloud(tmp_path: Path, encoding: str, said: list[str]) -> None:
    # An accent after megabytes of ASCII still decides.
    for text in (FRENCH, "plain words here\n" * 20_000 + FRENCH):
        data = text.encode(encoding)
        for content in (data, gzip.compress(data, 1), bz2.compress(data, 1)):
            (tmp_path / "a.txt").write_bytes(content)
            assert read(tmp_path / "a.txt") == (text, said)


@pytest.mark.parametrize("before", [0, 65_530, 200_000])
def test_lines_of_another_encoding_than_the_rest_are_counted(tmp_path: Path, before: int) -> None:
    lines = [f"déjà vu à côté de l’été {i}\n" for i in range(30)]
    mixed = b"".join(line.encode("cp1252" if i % 20 else "utf-8") for i, line in enumerate(lines))
    start = b"x" * before + "é \n".encode("cp1252")
    (tmp_path / "a.txt").write_bytes(start + mixed)
    _, notes = read(tmp_path / "a.txt")
    assert notes == [
        "a.txt: read as cp1252",
        "a.txt: read as cp1252, but 2 lines are UTF-8: save the whole file as UTF-8",
    ]
    (tmp_path / "b.txt").write_bytes("".join(lines).encode("cp1252"))
    assert read(tmp_path / "b.txt")[1] == ["b.txt: read as cp1252"]


@pytest.mark.parametrize("before", [0, 65_530, 200_000])
def test_a_broken_byte_is_told_by_its_position(tmp_path: Path, before: int) -> None:
    path = tmp_path / "broken.txt"
    start = "naïve café ".encode() + b"x" * before
    path.write_bytes(start + b"\xff and more")
    with pytest.raises(
        DataError, match=rf"broken\.txt, byte {len(start)}: expected text in UTF-8.*0xff"
    ):
        read(path)


def test_cut_missing_empty_and_folder_are_each_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(FRENCH.encode() * 50)[:-20])
    (tmp_path / "a.txt.bz2").write_bytes(bz2.compress(FRENCH.encode() * 50)[:-20])
    (tmp_path / "a.txt.zst").write_bytes(b"\x28\xb5\x2f\xfd and more")
    (tmp_path / "a.feather").write_bytes(b"ARROW1\0\0 and more")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "link.txt").symlink_to("gone.txt")
    for name, message in (
        ("a.txt.gz", "a whole gzip file"),
        ("a.txt.bz2", "a whole bzip2 file, found one that ends too early"),
        ("a.txt.zst", "found a file packed by zstd; unpack it: zstd -d"),
        ("a.feather", "found an Arrow .* file; save it as Parquet"),
        ("notse.txt", r"did you mean .*notes\.txt"),
        ("nothere.txt", "found nothing; check the path"),
        ("empty.txt", "it is empty"),
        (".", "a folder"),
        ("link.txt", "found a link to nothing; (?!.*link)"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)


@pytest.mark.parametrize("length", [1, 60])
@pytest.mark.parametrize(
    ("missing", "meant"),
    [
        ("reviews/cd", None),
        ("reviews/valid.csv", None),
        ("reviews/tarin.csv", "reviews/train.csv"),
        ("reveiws/train.csv", "reviews/train.csv"),
        ("reveiws/tarin.csv", "reviews"),
        ("reveiws/2024/train.csv", "reviews"),
        ("other/train.csv", None),
    ],
)
def test_names_are_compared_in_their_folder(
    tmp_path: Path, length: int, missing: str, meant: str | None
) -> None:
    """In a folder with a long name each path is nearly another one."""
    folder = tmp_path / ("a" * length)
    (folder / "reviews").mkdir(parents=True)
    for name in ("train.csv", "ab"):
        (folder / "reviews" / name).touch()
    with pytest.raises(DataError) as error:
        existing(folder / missing)
    fix = "check the path" if meant is None else f"did you mean {folder / meant}?"
    assert error.value.fix == fix


def test_old_encodings_are_recognised() -> None:
    for text, encoding in (
        ("café", "cp1252"),
        ("Schöne Grüße aus München", "cp1252"),
        ("5 € – “so-so”", "cp1252"),
        ("text,label\ngarçon,pos\nbad,neg\n", "cp1252"),
        ("Jakość dźwięku jest świetna, lecz bateria szybko się rozładowuje.", "cp1250"),
        ("Этот фильм был очень плохим, но музыка хорошая", "cp1251"),
        ("Этот фильм был очень плохим, но музыка хорошая, и актёры играли замечательно.", "koi8-r"),
        ("Η ταινία ήταν πολύ βαρετή και υπερβολικά μεγάλη.", "cp1253"),
        ("Kitap çok güzel yazılmış, elimden bırakamadım.", "cp1254"),
        ("אני ממליץ בחום על המלון הזה, הצוות אדיב ועוזר. הסרט היה משעמם מאוד.", "cp1255"),
        ("أنصح بهذا الفندق بشدة، الموظفون لطفاء ومتعاونون.", "cp1256"),
        ("这部电影非常无聊，而且太长了。", "gbk"),
        ("這部電影非常無聊，而且太長了。", "big5"),
        ("この映画はとても面白かったです。また見たいと思います。", "cp932"),
        ("이 호텔을 강력히 추천합니다.", "euc-kr"),
    ):
        data = 2 * text.encode(encoding)
        assert data.decode(guess_encoding(data) or "ascii") == 2 * text


@pytest.mark.parametrize(
    "data", [b"hello \xff world", bytes(range(1, 256)) * 9, "é ü ï".encode() + b"\xff"]
)
def test_nothing_is_guessed_where_nothing_fits(data: bytes) -> None:
    assert guess_encoding(data) is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (
            b"PK\x03\x04 and more",
            "an Office document or a zip archive; save it as CSV or plain text, or unpack it",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            "an Office document; save it as CSV or plain text",
        ),
        (rb"{\rtf1\ansi Dear all}", "an Office document; save it as"),
        (b"%PDF-1.7\n", "a PDF document; save its text as"),
        (b"PAR1abc", "a Parquet file; give its name"),
        (FRENCH.encode("utf-32"), "text in UTF-32; save it as UTF-8"),
        (FRENCH.encode("utf-16-be"), r"binary data \(byte 0 is zero\); save it as text in UTF-8"),
        (bytes(257) + b"ustar" + bytes(250), "binary data .* or unpack it"),
    ],
)
def test_each_kind_is_named_with_what_to_do(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(DataError, match=rf"file: expected text, found {name}"):
        read(tmp_path / "file")
