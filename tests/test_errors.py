"""An error is one line of four parts, and survives the way between processes."""

from __future__ import annotations

import pickle

import pytest

from foretell import errors
from foretell.errors import DataError, ForetellError, Interrupted, UsageError


def test_an_error_reads_as_one_line() -> None:
    error = DataError(expected="a\ncolumn", found="none", where="a.csv", fix="name it")
    assert str(error) == "a.csv: expected a column, found none; name it"


def test_parts_that_are_empty_leave_no_trace() -> None:
    assert str(ForetellError(expected="this", found="that")) == "expected this, found that"


@pytest.mark.parametrize(
    "kind", [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, ForetellError)]
)
def test_every_error_survives_pickling(kind: type[ForetellError]) -> None:
    again = pickle.loads(pickle.dumps(kind(expected="a", found="b", where="c", fix="d")))
    assert type(again) is kind
    assert str(again) == "c: expected a, found b; d"


def test_exit_codes() -> None:
    assert (ForetellError.exit_code, UsageError.exit_code, Interrupted.exit_code) == (1, 2, 130)
