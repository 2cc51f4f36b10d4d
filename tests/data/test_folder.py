"""A folder for each label."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretell.data.examples import iter_records, read_examples
from foretell.errors import DataError


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        for label in ("neg", "pos", "unsup"):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            (folder / "1.txt").write_text(f"{part} {label}\n")
    (tmp_path / "train" / "pos" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "train" / "pos" / "2.txt").touch()
    return tmp_path


def test_a_folder_for_each_label_with_parts(reviews: Path) -> None:
    train = read_examples(reviews)
    assert list(zip(train.texts, train.labels, strict=True)) == [("train neg", "neg"), ("train pos", "pos")]
    assert train.dropped == {"an empty text": 1}
    assert train.notes[:2] == [
        f"{reviews.name}: read its folder 'train'",
        f"{reviews.name}: left out the folder 'unsup', which has no labels",
    ]
    assert read_examples(reviews, part="test").texts == ["test neg", "test pos"]


def test_without_a_part_the_test_folder_is_read(reviews: Path) -> None:
    assert [record.text for record in iter_records(reviews)] == ["test neg", "test pos", "test unsup"]


def test_files_without_a_folder_have_no_label(reviews: Path) -> None:
    folder = reviews / "train" / "neg"
    assert [(record.text, record.label) for record in iter_records(folder)] == [("train neg", None)]
    with pytest.raises(DataError, match=r"expected a folder for each label, found 1\.txt"):
        read_examples(folder)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected files of text, found nothing"):
        list(iter_records(tmp_path))


def test_a_document_in_a_folder_is_named(reviews: Path) -> None:
    (reviews / "train" / "neg" / "letter.rtf").write_text(r"{\rtf1 dear all}")
    with pytest.raises(DataError, match=r"letter\.rtf: expected text, found a document in Rich Text Format"):
        read_examples(reviews)
