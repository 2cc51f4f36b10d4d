"""How a token of foretell's tokenizer may be written in a file of word vectors."""

from __future__ import annotations

_NEGATION = "n't"


def spellings(token: str) -> tuple[str, ...]:
    """Return the words that stand for the whole token, the best first.

    They are the token as it is, in lower case, and with a capital: German vectors have nouns in that form
    only, and foretell converts tokens to lower case. A curly apostrophe becomes a straight one.
    """
    plain = token.replace("’", "'")
    lower = plain.lower()
    return tuple(dict.fromkeys((token, plain, lower, lower.capitalize())))


def parts(token: str) -> tuple[tuple[str, ...], ...]:
    """Return the parts of a token with an apostrophe, each as the words that stand for it, the best first.

    GloVe's vocabulary was split as the Penn Treebank is: "don't" is "do" and "n't", "it's" is "it" and "'s".
    French vectors have "l'" for the first part of "l'homme".

    Returns:
        No parts where the token has no apostrophe inside or at its end.
    """
    plain = token.replace("’", "'")
    if plain.lower().endswith(_NEGATION) and len(plain) > len(_NEGATION):
        return spellings(plain[: -len(_NEGATION)]), (_NEGATION,)
    first, *rest = plain.split("'")
    if not first or not any(rest):
        return ()
    return (
        (*spellings(first), *spellings(f"{first}'")),
        *((*spellings(f"'{piece}"), *spellings(piece)) for piece in rest if piece),
    )


def all_spellings(token: str) -> frozenset[str]:
    """Return every word that may be needed to represent the token."""
    return frozenset(spellings(token)).union(*parts(token))
