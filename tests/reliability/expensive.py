"""A generator of expensive requests: every nesting of JSON, script, kind of token and route, by a seed."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reliability.clients import raw_request
from reliability.requests import TEXT, write_served

from foretell.config import LabelsSettings, WordsSettings
from tests.builders import write_random

SCRIPTS: dict[str, str] = {
    "words": "the w1 w2 mind w37 adapts w2999 ",
    "one word": "a",
    "Han": "好",
    "Han and Latin": "好a好b",
    "Thai": "ภาษาไทยไม่มีช่องว่าง",
    "emoji": "😀👩‍👩‍👧",
    "combining": "e\u0301\u0327\u0300",
    "capital İ": "İ",
    "punctuation": "!?.,;-(",
    "spaces": " \t",
    "lines": "w1\n",
    "digits": "7",
    "escapes": '\\"\n',
    "surrogates": "\ud83d",
    "underscores": "_ab_",
}
"""What a text consists of, again and again."""

MODELS = {"words": "notes", "subword": "parts", "char": "letters"}
CLASSIFIERS = {"words": "reviews", "subword": "reviews-parts", "char": "reviews-letters"}
"""The model of each kind of token."""

Body = Callable[[str, Any], dict[str, Any]]
ROUTES: dict[str, tuple[dict[str, str], Body]] = {
    "/v1/classify": (CLASSIFIERS, lambda model, texts: {"model": model, "texts": texts}),
    "/v1/explain": (CLASSIFIERS, lambda model, texts: {"model": model, "texts": texts}),
    "/v1/next": (MODELS, lambda model, texts: {"model": model, "texts": texts, "k": 100, "cache": 2000}),
    "/v1/next?": (MODELS, lambda model, texts: {"model": model, "texts": texts, "unfinished": True}),
    "/v1/score": (MODELS, lambda model, texts: {"model": model, "texts": texts}),
    "/v1/score?": (
        MODELS,
        lambda model, texts: {"model": model, "texts": texts, "words": True, "top": 5, "cache": 2000},
    ),
    "/v1/completions": (
        MODELS,
        lambda model, texts: {
            "model": model, "prompt": texts, "n": 4, "max_tokens": 100, "cache": 2000, "logprobs": 5,
        },
    ),
    "/v1/completions?": (
        MODELS,
        lambda model, texts: {
            "model": model, "prompt": texts, "max_tokens": 0, "echo": True, "logprobs": 5,
        },
    ),
    "/v1/states": (
        MODELS | CLASSIFIERS,
        lambda model, texts: {"model": model, "text": texts if isinstance(texts, str) else "".join(texts)},
    ),
}  # fmt: skip
"""For each route (a ? for another use of the same one): the models it may ask, and the body with texts."""

VALUES: dict[str, tuple[bytes, bytes]] = {
    "objects": (b"[", b"{},"),
    "arrays": (b"[", b"[],"),
    "arrays of a number": (b"[", b"[1],"),
    "numbers": (b"[", b"1,"),
    "empty texts": (b"[", b'"",'),
    "one number": (b"", b"9"),
    "one fraction": (b"0.", b"3"),
    "deep arrays": (b"", b"["),
    "deep objects": (b"", b'{"a":'),
    "keys": (b"{", b'"k":1,'),
    "white space": (b"[", b"  "),
}
"""JSON that has no text: its beginning, and what is repeated."""


@dataclass(frozen=True)
class Attack:
    """One expensive request: what it is, and its bytes."""

    name: str
    content: bytes


def write_all(folder: Path, *, units: int = 32) -> list[Path]:
    """Write a classifier and a language model of each kind of token, with random weights."""
    words = " ".join(TEXT.split()[:300]) + " the mind adapts 好 a b e"
    small: dict[str, Any] = {"embedding_size": units, "units": units, "vocabulary": 300}
    paths = [*write_served(folder, units=units)]
    for tokens, names in (("subword", ("parts", "reviews-parts")), ("char", ("letters", "reviews-letters"))):
        paths.append(
            write_random(folder / names[0], WordsSettings(tokens=tokens, **small), text=words, scale=0.1)
        )
        labels = LabelsSettings(tokens=tokens, length=200, **small)
        paths.append(write_random(folder / names[1], labels, ["neg", "pos"], text=words, scale=0.1))
    return paths


def attacks(
    count: int, *, body: int, characters: int, tokens: int = 20_000, seed: int = 1
) -> Iterator[Attack]:
    """Yield so many attacks, every one another combination, in an order by the seed.

    Args:
        count: how many; no more than there are.
        body: maximum bytes of a body.
        characters, tokens: maximum characters and tokens of a request.
        seed: of the order.
    """
    # As large as a body may be, as many characters or tokens as a request may have, and what is just quick.
    sizes = (body - 2_000, characters - 1_000, 5 * tokens, tokens - 1_000, tokens // 4, 2_000)
    of_texts = itertools.product(ROUTES, ("words", "subword", "char"), SCRIPTS, ("one text", "many"), sizes)
    of_values = itertools.product(
        ("/v1/classify", "/v1/completions"), ("texts", "unknown"), VALUES, sizes[:2]
    )
    every: list[tuple[Any, ...]] = [*of_texts, *of_values]
    for chosen in random.Random(seed).sample(every, min(count, len(every))):
        yield _of_texts(*chosen) if len(chosen) == 5 else _of_values(*chosen)


def _of_texts(route: str, tokens: str, script: str, nesting: str, size: int) -> Attack:
    models, body = ROUTES[route]
    unit = SCRIPTS[script]
    # Either way of writing a letter in JSON: as it is, or as an escape, which takes more bytes.
    bytes_each = len(json.dumps(unit)) - 2
    text = unit * max(1, size // max(len(unit), bytes_each if size > 300_000 else len(unit)))
    piece = max(1, len(text) // 900)
    texts: Any = (
        text if nesting == "one text" else [text[k : k + piece] for k in range(0, len(text), piece)][:999]
    )
    content = json.dumps(body(models[tokens], texts)).encode()
    return Attack(
        f"{route} {tokens} {script} {nesting} {len(content)}", raw_request(route.rstrip("?"), content)
    )


def _of_values(route: str, key: str, values: str, size: int) -> Attack:
    begin, unit = VALUES[values]
    content = b'{"%s":%s' % (key.encode(), begin) + unit * (size // len(unit))
    if values in ("objects", "arrays", "arrays of a number", "numbers", "empty texts"):
        content = content[:-1] + b"]}"
    elif values == "white space":
        content += b"]}"
    elif values.startswith("one"):
        content += b"}"
    return Attack(f"{route} {key} {values} {len(content)}", raw_request(route, content))
