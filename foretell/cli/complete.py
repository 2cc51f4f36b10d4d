"""The command `complete`: a continuation of a text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from foretell.cli.inputs import read_text
from foretell.cli.models import open_words
from foretell.cli.options import AS_TEXT, Cache, Literally, Output, Switch, Whole
from foretell.cli.output import Format, Writer, show

if TYPE_CHECKING:
    from foretell.runtime.words.predictor import Continuation

CHOICE = Group("Choice of words", sort_key=1)
EXTENT = Group("Extent", sort_key=0)


@Parameter(name="*", group=EXTENT)
@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is written.

    Attributes:
        words: Add at most N words.
        max_tokens: Add at most N tokens, of a model whose words may have several (0: 32 for each word).
        n: Write N continuations: samples with the seeds SEED, SEED + 1 and so on.
        stop: Stop before this text. May be given several times.
        unfinished: Take the last word for the beginning of a word, and complete it first.
    """

    words: Whole = 20
    max_tokens: Whole = 0
    n: Annotated[Whole, Parameter(name=["-n", "--samples"])] = 1
    stop: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    unfinished: Switch = False


@Parameter(name="*", group=CHOICE)
@dataclass(frozen=True, kw_only=True)
class Choice:
    """How each next word is chosen.

    Attributes:
        temperature: Sample at this temperature: below 1 prefers probable words, above 1 improbable ones. 0
            always takes the most probable word.
        top_k: Sample from the K most probable words (0: all).
        top_p: Sample from the most probable words that together have this probability, 0 to 1.
        min_p: Leave out words whose probability is below this fraction of the highest, 0 to 1.
        repetition_penalty: Make words that already occur less probable (above 1).
        seed: Set the seed of the samples; the same seed gives the same continuation.
        avoid_unknown: Never write <unk>, the token for unknown words, or single bytes.
        alternatives: List the N most probable words at each place, too (jsonl).
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Models of the preset article have none.
    """

    temperature: float = 1.0
    top_k: Annotated[Whole, Parameter(metavar="K")] = 0
    top_p: Annotated[float, Parameter(metavar="P")] = 1.0
    min_p: Annotated[float, Parameter(metavar="P")] = 0.0
    repetition_penalty: float = 1.0
    seed: Whole | None = None
    avoid_unknown: bool = True
    alternatives: Whole = 0
    cache: Cache = 0


_SHORT = Extent()
_SAMPLED = Choice()


def complete(
    model: str,
    text: str,
    /,
    *,
    extent: Extent = _SHORT,
    choice: Choice = _SAMPLED,
    literal: Literally = False,
    output: Output = AS_TEXT,
) -> None:
    """Write the text and its continuation, each word as soon as it is chosen.

    Args:
        model: Model directory for words.
        text: The text to continue: a text, a file, or - for standard input.
        literal: Take the argument as a text, also where a file has this name.
    """
    runtime = open_words(model)
    prompt = read_text(text, literal=literal)
    plan: dict[str, Any] = {
        **dataclasses.asdict(choice),
        "words": extent.words,
        "max_tokens": extent.max_tokens,
        "stop": extent.stop,
        "unfinished": extent.unfinished,
    }
    format = output.chosen()
    if format == "text" and extent.n == 1:
        pieces = runtime.complete(prompt, **plan)
        # The first piece is chosen before anything is shown: a bad option must not leave half a line.
        _stream(prompt + next(pieces, ""), pieces)
        return
    continuations = runtime.continuations(prompt, extent.n, **plan)
    if format == "text":
        show("\n\n".join(prompt + each.text for each in continuations))
    else:
        _write(continuations, format)


def _stream(beginning: str, pieces: Iterator[str]) -> None:
    show(beginning, end="", flush=True)
    for piece in pieces:
        show(piece, end="", flush=True)
    show("")


def _write(continuations: list[Continuation], format: Format) -> None:
    columns = ["continuation", "word", "text", "log_probability"]
    writer = Writer(format, columns)
    for number, continuation in enumerate(continuations, start=1):
        if format == "jsonl":
            writer.write(dataclasses.asdict(continuation), "")
            continue
        for written in continuation.words:
            values = (number, written.word, written.text, round(written.log_probability, 6))
            writer.write(dict(zip(columns, values, strict=True)), "")
