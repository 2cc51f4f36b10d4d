"""The command `score`: how probable a text is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_CLUSTER, ClusterOptions
from foretell.cli.counter import counted, counter
from foretell.cli.data_size import bytes_of
from foretell.cli.inputs import names_source, open_lines
from foretell.cli.models import local_model, open_words
from foretell.cli.options import ANY_TEXTS, AS_TEXT, Cache, Literally, Output, TextInput
from foretell.cli.output import Writer, listed
from foretell.errors import UsageError
from foretell.text.utf8 import utf8_bytes


def score(
    model: str,
    text: str,
    /,
    *,
    cache: Cache = 0,
    literal: Literally = False,
    reading: TextInput = ANY_TEXTS,
    output: Output = AS_TEXT,
    files: ClusterOptions = NO_CLUSTER,
) -> int:
    """Write how probable a text is.

    Args:
        model: Model directory for words.
        text: A text, a file (also .gz), or - for standard input.
        cache: Make words of the last N words of the text more probable (0: off; at most 10,000; 500 suits
            most texts): a continuous cache. Models of the preset article have none.
        literal: Take the argument as a text, also where a file has this name.
    """
    if files.check(needs_out=True):
        from foretell.cluster.files import score_files

        sources, model = on_cluster.check_sources([text], literal=literal), local_model(model)
        return on_cluster.run(
            "scoring",
            lambda listener: score_files(
                model, sources, out=files.out or "", cluster=files.cluster or "", workers=files.workers,
                out_format=files.out_format, cache=cache, text=reading.text, format=reading.input_format,
                shard_mb=files.shard_mb, listener=listener, arguments=reading.arguments(),
            ),
            output,
        )  # fmt: skip
    if reading != ANY_TEXTS:
        raise UsageError(
            expected="--text and --input-format with --cluster, which scores each row",
            found="one of them",
            fix="leave it out: without --cluster the text is one stream",
        )
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
    return 0


def score_rows(record: Mapping[str, object], *, is_open: bool) -> Iterator[tuple[str, object]]:
    """Yield the figures of a score for people; perplexity is per token where tokens are not words."""
    for name, value in record.items():
        yield "perplexity per token" if is_open and name == "perplexity" else name.replace("_", " "), value
