"""The command `score`: how probable a text is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from foretell.cli.counter import counted, counter
from foretell.cli.data_size import bytes_of
from foretell.cli.inputs import names_source, open_lines
from foretell.cli.models import open_words
from foretell.cli.options import AS_TEXT, Cache, Literally, Output
from foretell.cli.output import Writer, listed
from foretell.text.utf8 import utf8_bytes


def score(
    model: str, text: str, /, *, cache: Cache = 0, literal: Literally = False, output: Output = AS_TEXT
) -> None:
    """Write how probable a text is.

    Args:
        model: Model directory for words.
        text: A text, a file (also .gz), or - for standard input.
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Models of the preset article have none.
        literal: Take the argument as a text, also where a file has this name.
    """
    runtime = open_words(model)
    is_file = names_source(text, literal=literal, folders=False)
    with (
        open_lines(text, literal=literal) as lines,
        counter("scoring", bytes_of([text]) if is_file else None) as advance,
    ):
        counts = counted(lines, advance, lambda line: utf8_bytes(line) + 1)
        result = runtime.score(counts, cache=cache)
    record = dataclasses.asdict(result)
    shown = listed(score_rows(record, is_open=runtime.tokenizer.is_open))
    Writer(output.chosen(), list(record)).write(record, shown)


def score_rows(record: Mapping[str, object], *, is_open: bool) -> Iterator[tuple[str, object]]:
    """Yield the figures of a score for people; perplexity is per token where tokens are not words."""
    for name, value in record.items():
        yield "perplexity per token" if is_open and name == "perplexity" else name.replace("_", " "), value
