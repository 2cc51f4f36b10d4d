"""The verbs of a language model: `next`, `complete`, `score`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from foretell.cli.models import open_words
from foretell.cli.options import Whole
from foretell.cli.output import Format, Writer, aligned

if TYPE_CHECKING:
    from foretell.runtime.words.predictor import Continuation

Flag = Annotated[bool, Parameter(negative=())]


def next_words(
    model: str,
    text: str,
    /,
    *,
    k: Annotated[Whole, Parameter(name=["-k", "--count"])] = 5,
    unfinished: Flag = False,
    format: Format = "text",
) -> None:
    """Print the next words.

    Args:
        model: a model directory for words.
        text: the text so far.
        k: how many words.
        unfinished: the last word may be unfinished: the words that begin with it, with their probabilities
            among one another.
        format: text, jsonl or csv.
    """
    candidates = open_words(model).next(text, k=k, unfinished=unfinished)
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
    n: Annotated[Whole, Parameter(name=["-n", "--samples"])] = 1,
    temperature: float = 1.0,
    top_k: Whole = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    stop: Annotated[list[str] | None, Parameter(negative=())] = None,
    beams: Whole = 1,
    length_penalty: float = 1.0,
    seed: Whole | None = None,
    avoid_unknown: bool = True,
    unfinished: Flag = False,
    alternatives: Whole = 0,
    format: Format = "text",
) -> None:
    """Print the text and its continuation, each word as it comes.

    Args:
        model: a model directory for words.
        text: the text to continue.
        words: how many words to add.
        n: how many continuations: with the seeds SEED, SEED + 1 and so on, or the best of so many beams.
        temperature: below 1 takes likelier words, above 1 bolder ones; 0 always takes the likeliest.
        top_k: choose among this many likeliest words; 0 among all.
        top_p: choose among the likeliest words that make up this probability.
        min_p: leave out words less likely than this part of the likeliest.
        repetition_penalty: above 1 makes words that were used less likely.
        stop: end before this text; may be given several times.
        beams: above 1 searches for the likeliest continuation instead of drawing one.
        length_penalty: with beams and stop: 0 prefers the likeliest, 1 the likeliest word for word, more the
            longer.
        seed: the same seed gives the same continuation.
        avoid_unknown: never write <unk>.
        unfinished: the last word may be unfinished: begin with a word that begins with it.
        alternatives: jsonl: tell so many of the likeliest words in each place.
        format: text, jsonl (a line a continuation, with the log-probability of each word) or csv (a line a
            word).
    """
    runtime = open_words(model)
    how: dict[str, Any] = {
        "words": words, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "repetition_penalty": repetition_penalty, "stop": stop or (), "beams": beams,
        "length_penalty": length_penalty, "seed": seed, "avoid_unknown": avoid_unknown,
        "unfinished": unfinished, "alternatives": alternatives,
    }  # fmt: skip
    if format == "text" and n == 1:
        pieces = runtime.complete(text, **how)
        # The first piece is drawn before anything is shown: a bad option must not leave half a line.
        _stream(text, next(pieces, ""), pieces)
        return
    found = runtime.continuations(text, n, **how)
    if format == "text":
        print("\n\n".join(text + each.text for each in found))
    else:
        _write_continuations(found, format)


def _stream(text: str, first: str, pieces: Iterator[str]) -> None:
    sys.stdout.write(text + first)
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()


def _write_continuations(found: list[Continuation], format: Format) -> None:
    columns = ["continuation", "word", "text", "log_probability"]
    writer = Writer(format, columns)
    for i, each in enumerate(found):
        if format == "jsonl":
            writer.write(dataclasses.asdict(each), "")
            continue
        for written in each.words:
            values = (i + 1, written.word, written.text, round(written.log_probability, 6))
            writer.write(dict(zip(columns, values, strict=True)), "")


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
