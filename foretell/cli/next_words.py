"""The command `next`: the most probable next words."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from foretell.cli.inputs import read_text
from foretell.cli.models import open_words
from foretell.cli.options import AS_TEXT, Cache, Literally, Output, Switch, Whole
from foretell.cli.output import Writer, on_one_line


def next_words(
    model: str,
    text: str,
    /,
    *,
    k: Annotated[Whole, Parameter(name=["-k", "--count"])] = 5,
    unfinished: Switch = False,
    cache: Cache = 0,
    literal: Literally = False,
    output: Output = AS_TEXT,
) -> None:
    """Write the most probable next words, or tokens of a model whose tokens are parts of words.

    Args:
        model: Model directory for words.
        text: The text so far: a text, a file, or - for standard input.
        k: List N words.
        unfinished: Take the last word for the beginning of a word, and list the words that begin with it.
            Their probabilities are relative to one another.
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Models of the preset article have none.
        literal: Take the argument as a text, also where a file has this name.
    """
    runtime, prompt = open_words(model), read_text(text, literal=literal)
    candidates = runtime.next(prompt, k=k, unfinished=unfinished, cache=cache)
    writer = Writer(output.chosen(), ["word", "probability"])
    # The white space that belongs to a token.
    spaces = (" ", "␣") if runtime.tokenizer.is_open else ("", "")
    shown = [on_one_line(candidate.word.replace(*spaces)) for candidate in candidates]
    width = max(map(len, shown), default=0)
    for word, candidate in zip(shown, candidates, strict=True):
        record = {"word": candidate.word, "probability": round(float(candidate.probability), 6)}
        writer.write(record, f"{word:<{width}}  {candidate.probability:.4f}")
