"""Data sets on the Hub: the real client against a stand-in of its HTTP API."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foretell.cli.inputs import names_source, open_lines
from foretell.data.corpus import open_corpus
from foretell.data.examples import iter_records, read_examples, unlabelled_texts
from foretell.errors import DataError, ForetellError, UsageError
from foretell.hub.client import CONVERTED
from tests.hub.stand_in import Hub, Repository

NAME = "hf://ada/reviews"
FILES = "hf://datasets/ada/reviews"
NAMES = ["neg", "pos"]


def parquet(texts: list[str], labels: list[int]) -> bytes:
    """Return a Parquet file, with the names of the classes as `datasets` writes them."""
    features = {"text": {"_type": "Value"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
    table = pa.table({"text": texts, "label": labels})
    file = io.BytesIO()
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), file)
    return file.getvalue()


@pytest.fixture
def reviews(hub: Hub) -> Repository:
    """A set of CSV files, which the Hub has converted to Parquet."""
    files = {"README.md": b"# Reviews", "data/old.csv": b"text,label\nan old one,pos\n"}
    repository = hub.add("datasets/ada/reviews", files)
    files = {
        "default/train/0000.parquet": parquet(["good", "bad"], [1, 0]),
        "default/train/0001.parquet": parquet(["fine"], [1]),
        "default/test/0000.parquet": parquet(["dull", "?"], [0, -1]),
    }
    repository.commit(files, CONVERTED)
    return repository


def pairs(source: str, **how: Any) -> list[tuple[str, str | None]]:
    return [(record.text, record.label) for record in iter_records(source, **how)]


def test_a_split_is_read_with_the_names_of_its_classes(reviews: Repository, hub: Hub) -> None:
    examples = read_examples(NAME)
    assert (examples.texts, examples.labels) == (["good", "bad", "fine"], ["pos", "neg", "pos"])
    commit = reviews.refs[CONVERTED]
    assert examples.notes[0].startswith(f"data set: {NAME}@{commit}#default/train (0.0 MB)")
    assert examples.name == NAME
    # The part that the caller needs, and the split that the address names.
    assert pairs(NAME, part="test") == [("dull", "neg"), ("?", None)]
    assert pairs(f"{NAME}#test") == pairs(f"{NAME}#default/test", part="train")
    assert unlabelled_texts(f"{NAME}#test") == ["dull", "?"]
    # What is in the cache is not downloaded again.
    assert list(open_corpus(NAME)) == ["good", "bad", "fine"]
    assert len(hub.downloads()) == 3


def test_one_file_and_a_revision_are_pinned(reviews: Repository) -> None:
    commit = reviews.refs[CONVERTED]
    first = reviews.refs["main"]
    reviews.commit({"default/train/0000.parquet": parquet(["new"], [0])}, CONVERTED)
    assert pairs(NAME) == [("new", "neg")]
    assert pairs(f"{NAME}@{commit}")[0] == ("good", "pos")
    reviews.commit({"data/old.csv": b"text,label\na newer one,neg\n"})
    file = "hf://datasets/ada/reviews{}/data/old.csv"
    assert pairs(file.format("")) == [("a newer one", "neg")]
    examples = read_examples(file.format(f"@{first}"))
    assert examples.texts == ["an old one"]
    assert examples.notes[0].startswith(f"data set: {file.format(f'@{first}')} (0.0 MB)")


def test_which_split_is_meant(hub: Hub) -> None:
    two = {
        "de/train/0000.parquet": parquet(["gut"], [1]),
        "en/train/0000.parquet": parquet(["good"], [1]),
    }
    repository = hub.add("datasets/ada/reviews", {})
    repository.commit(two, CONVERTED)
    assert pairs(f"{NAME}#de/train") == [("gut", "pos")]
    with pytest.raises(
        DataError, match="found de/train, en/train; name one: hf://ada/reviews#de/train"
    ):
        pairs(NAME)
    repository.commit(
        {**two, "default/partial-all/0000.parquet": parquet(["both"], [0])}, CONVERTED
    )
    # A reader that needs no certain part takes the only one.
    assert pairs(NAME) == [("both", "neg")]
    with pytest.raises(
        DataError, match="expected the split 'default/test' in Parquet, found de/train"
    ):
        pairs(NAME, part="test")


@pytest.mark.usefixtures("reviews")
@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (
            f"{NAME}#de/train",
            DataError,
            "expected the split 'de/train' in Parquet, found default/test, def",
        ),
        (
            f"{NAME}@main",
            DataError,
            "found none; name one file of a data set: hf://datasets/OWNER/NAME/FILE",
        ),
        (f"{FILES}/new.csv", DataError, "expected a file new.csv, found README.md, data/old"),
        ("hf://datasets/ada/../etc/passwd", UsageError, "expected an address like"),
    ],
)
def test_what_is_not_there_is_one_line(
    source: str, kind: type[ForetellError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        pairs(source)
    with pytest.raises(DataError, match=r"hf://ada/reviews@\w+#default/train: .* named 'nothing'"):
        pairs(NAME, label="nothing", need_label=True)


@pytest.mark.usefixtures("reviews")
def test_a_command_reads_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert names_source(NAME)
    assert not names_source(NAME, literal=True)
    with open_lines(NAME) as lines:
        assert list(lines) == ["good", "bad", "fine"]
    assert f"data set: {NAME}@" in capsys.readouterr().err
