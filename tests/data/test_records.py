"""Columns of a record: paths of nested members, and the text of several columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.data.estimator_inputs import evaluation_data, training_data
from foretell.data.examples import iter_records, read_examples
from foretell.data.records import columns_of, joined_text, paths_in, value_at
from foretell.errors import DataError

NAMES = st.text("abc", min_size=1, max_size=3)
OBJECTS = st.recursive(
    st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4),
    max_leaves=12,
)


def leaves(value: object) -> int:
    return sum(map(leaves, value.values())) if isinstance(value, Mapping) else 1


@given(st.dictionaries(NAMES, OBJECTS, min_size=1, max_size=4))
def test_each_single_value_has_one_path_that_leads_to_it(row: dict[str, Any]) -> None:
    paths = list(paths_in(row))
    assert len(set(paths)) == len(paths) == leaves(row)
    for path in paths:
        value: Any = row
        for name in path.split("."):
            value = value[name]
        assert value_at(row, path) is value


def test_what_is_data_is_no_column_of_its_own() -> None:
    counts = {f"word{i}": i for i in range(60)}
    deep: dict[str, Any] = {"a": 1}
    for _ in range(2_000):
        deep = {"a": deep}
    row = {"text": {"0": "good", "1": "bad"}, "counts": counts, "deep": deep, "a.b": {"c": "x"}}
    paths = list(paths_in(row))
    assert paths[:2] == ["text", "counts"]
    assert len(paths) == 4
    assert value_at(row, "a.b.c") == "x"
    assert value_at(row, "a.c") is None


@given(st.dictionaries(NAMES, st.text(), max_size=5))
def test_joined_texts_have_every_part_that_is_not_empty(parts: dict[str, str]) -> None:
    joined = joined_text(parts.items())
    assert joined.strip() == "" or any(each.strip() for each in parts.values())
    for name, text in parts.items():
        if text.strip():
            assert f"{name}: {text}" in joined
    assert columns_of([*parts, *parts]) == tuple(parts)


ROWS = [
    {"id": i, "subject": f"No login {i}", "body": "Error 5.", "queue": "access"} for i in range(3)
] + [{"id": 9, "subject": "", "body": "It is slow.", "queue": "speed"}]
TEXTS = [f"subject: No login {i}\nbody: Error 5." for i in range(3)] + ["body: It is slow."]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "pandas", "records"])
def test_several_text_columns_are_joined_in_the_given_order(tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame(ROWS)
    source: Any = tmp_path / f"a.{kind}"
    if kind == "csv":
        table.to_csv(source, index=False)
    elif kind == "jsonl":
        table.to_json(source, orient="records", lines=True)
    elif kind == "parquet":
        pl.DataFrame(ROWS).write_parquet(source)
    else:
        source = {"pandas": table, "records": ROWS}[kind]
    found = read_examples(source, text=["Subject", "body"], label="queue")
    assert found.texts == TEXTS
    assert found.labels == [row["queue"] for row in ROWS]
    other = iter_records(source, text_columns=("body", "subject"))
    assert next(other).text == "body: Error 5.\nsubject: No login 0"
    with pytest.raises(DataError, match="expected two columns, found 'body' for texts and labels"):
        read_examples(source, text=["subject", "body"], label="body")


def test_names_of_columns_may_be_numbers() -> None:
    table = pd.DataFrame({0: ["one", "two"], 1: [0.5, 1.5], 2: ["x", "y"]})
    for text, first in ((0, "one"), ([0, 2], "0: one\n2: x")):
        how: Any = {"text": text, "label": 1}
        assert training_data(table, None, **how).examples.texts[0] == first
        assert evaluation_data(table, [1, 0], None, **how)[0].texts[0] == first


def test_plain_lines_have_no_columns_to_join(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("one, two\nthree\n")
    texts = [each.text for each in iter_records(tmp_path / "lines", text_columns=("a", "b"))]
    assert texts == ["one, two", "three"]


NESTED = [
    {"id": i, "ticket": {"text": f"text number {i} of all", "queue": f"q{i % 2}"}}
    for i in range(20)
]


@pytest.mark.parametrize("form", ["lines", "array", "records", "pandas", "parquet"])
def test_members_of_nested_values_are_named_by_their_path(tmp_path: Path, form: str) -> None:
    source: Any = tmp_path / f"a.{'json' if form == 'array' else 'jsonl'}"
    if form == "parquet":
        source = tmp_path / "a.parquet"
        pl.DataFrame(NESTED).write_parquet(source)
    elif form in ("records", "pandas"):
        source = pd.DataFrame(NESTED) if form == "pandas" else NESTED
    elif form == "array":
        source.write_text(json.dumps(NESTED))
    else:
        source.write_text("\n".join(map(json.dumps, NESTED)))
    found = read_examples(source, text="ticket.text", label="ticket.queue")
    assert found.texts == [row["ticket"]["text"] for row in NESTED]  # type: ignore[index]
    assert set(found.labels) == {"q0", "q1"}
    # The record keeps its shape, for the answers.
    assert next(iter_records(source, text="ticket.text")).fields["ticket"] == NESTED[0]["ticket"]
    with pytest.raises(DataError, match=r"found the columns id, ticket\.text, ticket\.queue; name"):
        read_examples(source)
    with pytest.raises(DataError, match=r"did you mean --text ticket\.text "):
        read_examples(source, text="ticket.txt")


def test_the_error_for_a_nested_value_says_the_path(tmp_path: Path) -> None:
    lines = [{"text": "plain", "label": "a"}, {"text": {"en": "inner"}, "label": "b"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    message = r"line 2: expected one value in 'text', found a dict; .* --text text\.en "
    with pytest.raises(DataError, match=message):
        list(iter_records(tmp_path / "a.jsonl"))
