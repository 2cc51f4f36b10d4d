"""Spans of a converted text as spans of the text as it is written."""

from foretell.text.spans import spans_before_composing, spans_before_lowering, spans_in_a_row


def test_spans_in_a_row_cover_the_text():
    assert spans_in_a_row([(0, 1), (1, 2), (1, 2), (3, 4)], 6) == [(0, 1), (1, 2), (2, 3), (3, 6)]
    assert spans_in_a_row([], 0) == []


def test_a_letter_that_becomes_two_has_one_span():
    assert spans_before_lowering("İs", [(0, 2), (2, 3)]) == [(0, 1), (1, 2)]


def test_a_span_includes_the_accents_that_were_composed():
    assert spans_before_composing("e\u0301 a", [(0, 1), (3, 4)]) == [(0, 2), (3, 4)]
