"""Spaces between words: a text continues as it began."""

from foretell.text.spacing import Spacing


def test_spacing_continues_a_text():
    spacing = Spacing("words")
    for word in ("What", "stands"):
        spacing.piece(word)
    assert [spacing.piece(word) for word in ("in", ",", "the")] == [" in", ",", " the"]
