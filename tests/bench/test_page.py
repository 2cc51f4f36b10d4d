"""The figures of the page are those of its tests."""

from __future__ import annotations

from bench.page import figures

LOG = """
tests/service/test_page_typing.py::test_next_words_come_within_100_ms_of_a_key[89]
-------------------------------- live log call ---------------------------------
INFO     test_page_typing:test_page_typing.py:134 .choices: median 23 ms, slowest 40 ms, control 3 ms
PASSED                                                                   [ 50%]
tests/service/test_page_typing.py::test_the_label_appears_within_100_ms_of_a_key[2]
-------------------------------- live log call ---------------------------------
INFO     test_page_typing:test_page_typing.py:134 .prediction: median 25 ms, slowest 41 ms, control 3 ms
"""


def test_page_reads_the_figures_of_its_tests() -> None:
    assert list(figures(LOG)) == [("next words come", 89, 23, 40), ("the label appears", 2, 25, 41)]
