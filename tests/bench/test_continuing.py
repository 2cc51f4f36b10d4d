"""The benchmark of continued classifiers: its two months."""

from __future__ import annotations

from bench.continuing import NEW_LABELS, SAME, two_months

RECORDS = [(f"text {i}", "abcd"[i % 4]) for i in range(200)]


def test_months_of_the_same_labels_have_no_text_in_common() -> None:
    months = two_months(RECORDS, SAME, 50, seed=3)
    assert (len(months.old), len(months.new), len(months.old_test)) == (50, 50, 100)
    parts = (months.old, months.new, months.old_test)
    assert len({text for part in parts for text, _ in part}) == 200
    assert months.old_test == months.new_test
    assert months.old != two_months(RECORDS, SAME, 50, seed=4).old


def test_months_with_new_labels_have_no_label_in_common() -> None:
    months = two_months(RECORDS, NEW_LABELS, 30, seed=3)
    old, new = ({label for _, label in part} for part in (months.old, months.new))
    assert (len(old), len(new), old & new) == (2, 2, set())
    assert {label for _, label in months.old_test} == old
    assert {label for _, label in months.new_test} == new
    assert not {*months.old} & {*months.old_test}
