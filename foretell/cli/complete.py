"""The command `complete`: continuations of a text."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from foretell.cli.next import opened
from foretell.cli.options import (
    AS_TEXT,
    Cache,
    Literally,
    Name,
    OutputOptions,
    Several,
)
from foretell.cli.output import Writer, show


@Parameter(name="*", group=Group("Continuation", sort_key=0))
@dataclass(frozen=True, kw_only=True)
class CompletionFlags:
    """How much is written, and how each next word is chosen.

    Attributes:
        words: Add at most N words.
        max_tokens: Add at most N tokens, of a model whose words may have several (0: 32 for each
            word).
        n: Write N continuations: samples with the seeds SEED, SEED + 1 and so on.
        stop: Stop before this text. May be given several times.
        unfinished: Take the last word for the beginning of a word, and complete it first.
        temperature: Sample at this temperature: below 1 prefers probable words, above 1 improbable
            ones. 0 always takes the most probable word.
        top_k: Sample from the K most probable words (0: all).
        top_p: Sample from the most probable words that together have this probability, 0 to 1.
        min_p: Leave out words whose probability is below this fraction of the highest, 0 to 1.
        repetition_penalty: Make words that already occur less probable (above 1; at most 100).
        seed: Set the seed of the samples; the same seed gives the same continuation.
        avoid_unknown: Never write <unk>, the token for unknown words, or single bytes.
        alternatives: List the N most probable words at each place, too (jsonl).
    """

    words: int = 20
    max_tokens: int = 0
    n: Annotated[int, Parameter(name=["-n", "--samples"])] = 1
    stop: Annotated[Several, Parameter(metavar="TEXT")] = ()
    unfinished: bool = False
    temperature: float = 1.0
    top_k: Annotated[int, Parameter(metavar="K")] = 0
    top_p: Annotated[float, Parameter(metavar="P")] = 1.0
    min_p: Annotated[float, Parameter(metavar="P")] = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    avoid_unknown: Annotated[bool, Parameter(negative="--no-avoid-unknown")] = True
    alternatives: int = 0
    cache: Cache = 0


_USUAL = CompletionFlags()


def complete(
    model: Name,
    text: str,
    /,
    *,
    how: CompletionFlags = _USUAL,
    literal: Literally = False,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Write the text and its continuation, each word as soon as it is chosen.

    Args:
        model: Model directory for words.
        text: The text to continue: a text, a file, or - for standard input.
    """
    runtime, prompt = opened(model, text, literal=literal, unfinished=how.unfinished)
    plan: dict[str, Any] = dataclasses.asdict(how)
    format = output.chosen()
    n = plan.pop("n")
    if format == "text" and n == 1:
        pieces = runtime.complete(prompt, **plan)
        # The first piece is chosen before anything is shown: a bad option must not leave half a
        # line.
        show(prompt + next(pieces, ""), end="", flush=True)
        for piece in pieces:
            show(piece, end="", flush=True)
        show("")
        return
    continuations = runtime.continuations(prompt, n, **plan)
    if format == "text":
        show("\n\n".join(prompt + each.text for each in continuations))
        return
    writer = Writer(format, ["continuation", "word", "text", "log_probability"])
    for number, continuation in enumerate(continuations, start=1):
        if format == "jsonl":
            writer.write(dataclasses.asdict(continuation))
            continue
        for each in continuation.words:
            row = {"continuation": number, "word": each.word, "text": each.text}
            writer.write({**row, "log_probability": round(each.log_probability, 6)})
