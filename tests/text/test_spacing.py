"""Spaces between words: a text continues as it began."""

from foretell.text.spacing import Spacing


def test_spacing_continues_a_text():
    spacing = Spacing("words")
    for word in ("What", "stands"):
        spacing.piece(word)
    assert [spacing.piece(word) for word in ("in", ",", "the")] == [" in", ",", " the"]


def test_tokens_with_their_white_space_are_joined_as_they_are():
    spacing = Spacing("subword")
    assert [spacing.piece(token) for token in ("The", " mind", "'s", " ", " way")] == [
        "The", " mind", "'s", " ", " way",
    ]  # fmt: skip


def test_bytes_become_their_character_with_the_last_one():
    spacing = Spacing("char")
    assert [spacing.piece(token) for token in ("a", "<0xE4>", "<0xBD>", "<0xA0>", "b")] == [
        "a",
        "",
        "",
        "你",
        "b",
    ]
    assert [spacing.piece(token) for token in ("<0xE4>", "b")] == ["", "\ufffdb"]
    assert spacing.piece("<0xE4>") == ""
    assert spacing.end() == "\ufffd"
    assert spacing.end() == ""
