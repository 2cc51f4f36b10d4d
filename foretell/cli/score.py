"""The command `score`: how probable a text is."""

from __future__ import annotations

import dataclasses

from foretell.cli import cluster as on_cluster
from foretell.cli.cluster import NO_FILES, ClusterFiles
from foretell.cli.inputs import local_model, open_lines
from foretell.cli.options import (
    ANY_TEXTS,
    AS_TEXT,
    Cache,
    Literally,
    Name,
    OutputOptions,
    TextInput,
    expect,
)
from foretell.cli.output import Writer, answer_file, counted, listed
from foretell.metrics.shown import score_rows


def score(
    model: Name,
    text: str,
    /,
    *,
    cache: Cache = 0,
    literal: Literally = False,
    reading: TextInput = ANY_TEXTS,
    output: OutputOptions = AS_TEXT,
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
