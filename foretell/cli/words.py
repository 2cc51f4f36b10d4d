"""The commands of a language model: `next`, `complete` and `score`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_FILES, ClusterFiles
from foretell.cli.inputs import local_model, open_lines, read_text
from foretell.cli.options import (
    ANY_TEXTS,
    AS_TEXT,
    Cache,
    Literally,
    Name,
    Output,
    Several,
    TextInput,
    Whole,
    expect,
)
from foretell.cli.output import Writer, answer_file, counted, listed, note, show
from foretell.metrics.shown import score_rows
from foretell.readable import listed as named
from foretell.readable import on_one_line

if TYPE_CHECKING:
    from foretell.runtime.words.predictor import WordsRuntime

_MAX_UNKNOWN = 10


def _opened(model: str, text: str, *, literal: bool, unfinished: bool) -> tuple[WordsRuntime, str]:
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


def next_words(
    model: Name,
    text: str,
    /,
    *,
    k: Annotated[Whole, Parameter(name=["-k", "--count"])] = 5,
    unfinished: bool = False,
    cache: Cache = 0,
    literal: Literally = False,
    output: Output = AS_TEXT,
) -> None:
    """Write the most probable next words, or tokens of a model whose tokens are parts of words.

    Args:
        model: Model directory for words.
        text: The text so far: a text, a file, or - for standard input.
        k: List N words.
        unfinished: Take the last word for the beginning of a word, and list the words that begin
            with it. Their probabilities are relative to one another.
    """
    runtime, prompt = _opened(model, text, literal=literal, unfinished=unfinished)
    candidates = runtime.next(prompt, k=k, unfinished=unfinished, cache=cache)
    writer = Writer(output.chosen(), ["word", "probability"])
    # The white space that belongs to a token.
    spaces = (" ", "␣") if runtime.tokenizer.is_open else ("", "")
    shown = [on_one_line(candidate.word.replace(*spaces)) for candidate in candidates]
    width = max(map(len, shown), default=0)
    for word, candidate in zip(shown, candidates, strict=True):
        record = {"word": candidate.word, "probability": round(float(candidate.probability), 6)}
        writer.write(record, f"{word:<{width}}  {candidate.probability:.4f}")


@Parameter(name="*", group=Group("Continuation", sort_key=0))
@dataclass(frozen=True, kw_only=True)
class Writing:
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

    words: Whole = 20
    max_tokens: Whole = 0
    n: Annotated[Whole, Parameter(name=["-n", "--samples"])] = 1
    stop: Annotated[Several, Parameter(metavar="TEXT")] = ()
    unfinished: bool = False
    temperature: float = 1.0
    top_k: Annotated[Whole, Parameter(metavar="K")] = 0
    top_p: Annotated[float, Parameter(metavar="P")] = 1.0
    min_p: Annotated[float, Parameter(metavar="P")] = 0.0
    repetition_penalty: float = 1.0
    seed: Whole | None = None
    avoid_unknown: Annotated[bool, Parameter(negative="--no-avoid-unknown")] = True
    alternatives: Whole = 0
    cache: Cache = 0


_USUAL = Writing()


def complete(
    model: Name,
    text: str,
    /,
    *,
    how: Writing = _USUAL,
    literal: Literally = False,
    output: Output = AS_TEXT,
) -> None:
    """Write the text and its continuation, each word as soon as it is chosen.

    Args:
        model: Model directory for words.
        text: The text to continue: a text, a file, or - for standard input.
    """
    runtime, prompt = _opened(model, text, literal=literal, unfinished=how.unfinished)
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


def score(
    model: Name,
    text: str,
    /,
    *,
    cache: Cache = 0,
    literal: Literally = False,
    reading: TextInput = ANY_TEXTS,
    output: Output = AS_TEXT,
    files: ClusterFiles = NO_FILES,
) -> int:
    """Write how probable a text is.

    Args:
        model: Model directory for words.
        text: A text, a file (also .gz), or - for standard input.
    """
    if files.check():
        from foretell.cluster.files import score_files

        return on_cluster.run(
            "scoring",
            score_files,
            [text],
            reading,
            files,
            output,
            model=model,
            literal=literal,
            cache=cache,
        )
    what = "--text and --input-format with --cluster, which scores each row"
    is_stream = reading == ANY_TEXTS
    expect(is_stream, what, "one of them", "leave it out: without --cluster the text is one stream")
    from foretell.runtime.words.predictor import WordsRuntime

    runtime = WordsRuntime(local_model(model))
    with open_lines(text, literal=literal) as lines:
        record = dataclasses.asdict(runtime.score(counted(lines, "scoring"), cache=cache))
    shown = listed(score_rows(record, is_open=runtime.tokenizer.is_open))
    with answer_file(files.out, output.chosen()) as (format, file):
        Writer(format, list(record), file).write(record, shown)
    return 0
