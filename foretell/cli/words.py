"""The verbs of a language model: `next`, `complete`, `score`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from foretell.cli.models import open_words
from foretell.cli.options import Whole
from foretell.cli.output import Format, Writer, aligned


def next_words(
    model: str,
    text: str,
    /,
    *,
    k: Annotated[Whole, Parameter(name=["-k", "--count"])] = 5,
    format: Format = "text",
) -> None:
    """Print the next words.

    Args:
        model: a model directory for words.
        text: the text so far.
        k: how many words.
        format: text, jsonl or csv.
    """
    candidates = open_words(model).next(text, k=k)
    writer = Writer(format, ["word", "probability"])
    width = max((len(c.word) for c in candidates), default=0)
    for c in candidates:
        record = {"word": c.word, "probability": round(float(c.probability), 6)}
        writer.write(record, f"{c.word:<{width}}  {c.probability:.4f}")


def complete(
    model: str,
    text: str,
    /,
    *,
    words: Whole = 20,
    temperature: float = 1.0,
    top_k: Whole = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    beams: Whole = 1,
    seed: Whole | None = None,
) -> None:
    """Print the text and its continuation, each word as it comes.

    Args:
        model: a model directory for words.
        text: the text to continue.
        words: how many words to add.
        temperature: below 1 takes likelier words, above 1 bolder ones; 0 always takes the likeliest.
        top_k: choose among this many likeliest words; 0 among all.
        top_p: choose among the likeliest words that make up this probability.
        min_p: leave out words less likely than this part of the likeliest.
        repetition_penalty: above 1 makes words that were used less likely.
        beams: above 1 searches for the likeliest continuation instead of drawing one.
        seed: the same seed gives the same continuation.
    """
    pieces = open_words(model).complete(
        text,
        words=words,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        beams=beams,
        seed=seed,
    )
    # The first piece is drawn before anything is shown: a bad option must not leave half a line.
    first = next(pieces, "")
    _stream(text, first, pieces)


def _stream(text: str, first: str, pieces: Iterator[str]) -> None:
    sys.stdout.write(text + first)
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def score(model: str, file: str, /, *, format: Format = "text") -> None:
    """Print how likely a text is.

    Args:
        model: a model directory for words.
        file: a text file, .gz of one, or - for standard input.
        format: text, jsonl or csv.
    """
    from foretell.data.corpus import read_lines
    from foretell.data.decode import open_text

    runtime = open_words(model)
    with open_text(file) as source:
        record = dataclasses.asdict(runtime.score(read_lines(source)))
    for note in source.notes:
        print(note, file=sys.stderr)
    Writer(format, list(record)).write(record, aligned((k.replace("_", " "), v) for k, v in record.items()))
