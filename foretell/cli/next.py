"""The command `next`: the most probable next words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.inputs import local_model, read_text
from foretell.cli.options import (
    AS_TEXT,
    Cache,
    Literally,
    Name,
    OutputOptions,
)
from foretell.cli.output import Writer, note
from foretell.readable import listed as named
from foretell.readable import on_one_line

if TYPE_CHECKING:
    from foretell.runtime.words.predictor import WordsRuntime

_MAX_UNKNOWN = 10


def opened(model: str, text: str, *, literal: bool, unfinished: bool) -> tuple[WordsRuntime, str]:
    """Open a language model, and read the text that it goes on from; note words that it does not
    know.
    """
    from foretell.runtime.words.predictor import WordsRuntime

    runtime = WordsRuntime(local_model(model))
    prompt = read_text(text, literal=literal)
    tokenizer = runtime.tokenizer
    if not prompt.strip():
        note("the text is empty: these words begin a text")
    if not tokenizer.is_open and tokenizer.unknown is not None:
        spans = tokenizer.encode_with_offsets(prompt)
        spans = [each for each in spans if not unfinished or each[2] < len(prompt)]
        unknown = dict.fromkeys(
            prompt[start:end] for i, start, end in spans if i == tokenizer.unknown
        )
        if unknown:
            note(f"unknown to the model: {named(unknown, _MAX_UNKNOWN)}")
    return runtime, prompt


def next(
    model: Name,
    text: str,
    /,
    *,
    k: Annotated[int, Parameter(name=["-k", "--count"])] = 5,
    unfinished: bool = False,
    cache: Cache = 0,
    literal: Literally = False,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Write the most probable next words, or tokens of a model whose tokens are parts of words.

    Args:
        model: Model directory for words.
        text: The text so far: a text, a file, or - for standard input.
        k: List N words.
        unfinished: Take the last word for the beginning of a word, and list the words that begin
            with it. Their probabilities are relative to one another.
    """
    runtime, prompt = opened(model, text, literal=literal, unfinished=unfinished)
    candidates = runtime.next(prompt, k=k, unfinished=unfinished, cache=cache)
    writer = Writer(output.chosen(), ["word", "probability"])
    # The white space that belongs to a token.
    spaces = (" ", "␣") if runtime.tokenizer.is_open else ("", "")
    shown = [on_one_line(candidate.word.replace(*spaces)) for candidate in candidates]
    width = max(map(len, shown), default=0)
    for word, candidate in zip(shown, candidates, strict=True):
        record = {"word": candidate.word, "probability": round(float(candidate.probability), 6)}
        writer.write(record, f"{word:<{width}}  {candidate.probability:.4f}")
