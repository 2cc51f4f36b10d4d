"""Data sets on the Hub: the real client against a stand-in of its HTTP API."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from foretell.cli.inputs import names_source, open_lines, read_text
from foretell.data.corpus import open_corpus
from foretell.data.examples import iter_records, read_examples, unlabelled_texts
from foretell.errors import DataError, HubError, MissingExtraError, NoAnswerError, UsageError
from foretell.hub.client import Address
from foretell.hub.datasets import CONVERTED, DatasetAddress, choose_split, parse_dataset, splits_of
from tests.hub.stand_in import Hub, Repository

NAME = "hf://ada/reviews"


def parquet(texts: list[str], labels: list[int] | None, names: list[str] | None = None) -> bytes:
    """Return a Parquet file, with the names of the classes as `datasets` writes them."""
    columns: dict[str, Any] = {"text": texts, **({} if labels is None else {"label": labels})}
    table = pa.table(columns)
    if names is not None:
        features = {"text": {"_type": "Value"}, "label": {"names": names, "_type": "ClassLabel"}}
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


@pytest.fixture
def reviews(hub: Hub) -> Repository:
    """A set of CSV files, which the Hub has converted to Parquet."""
    files = {"README.md": b"# Reviews", "train.csv": b"text,label\nan old one,pos\n"}
    repository = hub.add("datasets/ada/reviews", files)
    names = ["neg", "pos"]
    repository.commit(
        {
            "default/train/0000.parquet": parquet(["good", "bad"], [1, 0], names),
            "default/train/0001.parquet": parquet(["fine"], [1], names),
            "default/test/0000.parquet": parquet(["dull", "?"], [0, -1], names),
        },
        CONVERTED,
    )
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


def test_a_revision_is_pinned(reviews: Repository) -> None:
    commit = reviews.refs[CONVERTED]
    reviews.commit({"default/train/0000.parquet": parquet(["new"], [0], ["neg", "pos"])}, CONVERTED)
    assert pairs(NAME) == [("new", "neg")]
    assert pairs(f"{NAME}@{commit}")[0] == ("good", "pos")
    # A commit of the repository itself has its own files.
    assert pairs(f"{NAME}@{reviews.commits[0][0]}") == [("an old one", "pos")]


def test_a_set_that_the_hub_has_not_converted(hub: Hub) -> None:
    files = {
        "data/train-00000-of-00001.jsonl": b'{"text": "good", "label": "pos"}\n',
        "data/dev.jsonl": b'{"text": "bad", "label": "neg"}\n',
    }
    hub.add("datasets/ada/plain", files)
    assert pairs("hf://ada/plain") == [("good", "pos")]
    assert pairs("hf://ada/plain", part="valid") == [("bad", "neg")]


@pytest.mark.usefixtures("reviews")
def test_without_a_connection_the_last_download_is_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pairs(NAME)
    hub.failure = (503, "down")
    assert pairs(NAME) == whole
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert pairs(NAME) == whole
    for other in (f"{NAME}#test", "hf://ada/another"):
        with pytest.raises(NoAnswerError, match="expected all of it in the cache, found not all"):
            pairs(other)


def test_what_is_not_there(hub: Hub, reviews: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"the split 'validation', found test, train; name one: hf://ada/rev"):
        pairs(NAME, part="valid")
    with pytest.raises(DataError, match="expected 'de', found default"):
        pairs(f"{NAME}#de/train")
    with pytest.raises(DataError, match=r"hf://ada/reviews@\w+#default/train: .* named 'nothing'"):
        pairs(NAME, label="nothing", need_label=True)
    with pytest.raises(HubError, match="expected a branch, tag or commit of it, found none"):
        pairs(f"{NAME}@v9")
    with pytest.raises(HubError, match="expected a repository, found none"):
        pairs("hf://ada/nothing")
    hub.add("datasets/ada/empty", {"README.md": b"#"})
    with pytest.raises(DataError, match=r"expected files that foretell reads \(.*\), found none"):
        pairs("hf://ada/empty")
    reviews.private = True
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="or a private one, which needs a token"):
        pairs(NAME)
    hub.failure = (500, "broken")
    with pytest.raises(HubError, match="HTTP status 500: broken"):
        pairs("hf://ada/other")
    monkeypatch.setattr("foretell.machine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"foretell\[hub\]"):
        pairs(NAME)


@pytest.mark.parametrize(
    ("text", "configuration", "split"),
    [(NAME, None, None), (f"{NAME}#test", None, "test"), (f"{NAME}@v1#de/train_2", "de", "train_2")],
)
def test_an_address_and_back(text: str, configuration: str | None, split: str | None) -> None:
    address = parse_dataset(text)
    assert (address.configuration, address.split) == (configuration, split)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", [f"{NAME}#", f"{NAME}#a/b/c", f"{NAME}#../x", f"{NAME}#a b", "hf://ada#test"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_dataset(text)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train.csv", "test.csv"], {("default", "train"), ("default", "test")}),
        (["data/train-00000-of-00002.parquet"], {("default", "train")}),
        (["de/train.jsonl", "en/train.jsonl", "en/val.jsonl"],
         {("de", "train"), ("en", "train"), ("en", "validation")}),
        (["train/a.csv", "test/a.csv.gz"], {("default", "train"), ("default", "test")}),
        (["reviews.csv"], {("default", "train")}),
        (["plain/partial-train/0000.parquet"], {("plain", "train")}),
        (["plain/unsupervised/0000.parquet"], {("plain", "unsupervised")}),
        (["README.md", "dataset_infos.json", ".hidden.csv", "model.bin"], set()),
    ],
)  # fmt: skip
def test_the_splits_that_paths_name(names: list[str], splits: set[tuple[str, str]]) -> None:
    assert set(splits_of(names)) == splits


def test_a_split_in_two_formats_is_read_once() -> None:
    assert splits_of(["train.csv", "train.parquet"]) == {("default", "train"): ["train.parquet"]}


def test_which_split_is_meant() -> None:
    address = DatasetAddress(Address("ada/reviews"))
    two = {("de", "train"): [], ("en", "train"): []}
    with pytest.raises(DataError, match=r"expected one configuration, found de, en; .*#de/SPLIT"):
        choose_split(two, address, "train")
    assert choose_split({**two, ("default", "train"): []}, address, "train") == ("default", "train")
    # A reader that needs no certain part takes the only one.
    assert choose_split({("default", "test"): []}, address, None) == ("default", "test")
    with pytest.raises(DataError, match="the split 'train', found test"):
        choose_split({("default", "test"): []}, address, "train")


@pytest.mark.usefixtures("reviews")
def test_a_command_reads_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert names_source(NAME)
    assert not names_source(NAME, literal=True)
    with open_lines(NAME) as lines:
        assert list(lines) == ["good", "bad", "fine"]
    assert f"data set: {NAME}@" in capsys.readouterr().err
    # Where one text is needed, as of a prompt, an address is that text.
    assert read_text(NAME) == NAME
