"""The command `demo`: the commands for both jobs, run on the sample texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foretell.cli.output import show
from foretell.installation import command, program

NEW_REVIEWS = (
    "Cold soup, rude waiter, and we waited an hour for the bill. Never again.",
    "A lovely little book, funny and warm. I read it in one evening and bought two more.",
    "The plot is predictable, but the actors make it worth the evening.",
)
_OUT = Path("foretell-demo")


def demo(*, out: Annotated[Path, Parameter(metavar="DIR")] = _OUT, overwrite: bool = False) -> int:
    """Train a model for each job and predict with it.

    Args:
        out: Write the two models, words and labels, to this folder.
        overwrite: Replace models that are there; in foretell-demo they always are.
    """
    from foretell.cli.entry import main
    from foretell.machine import require_training
    from foretell.training.options import TrainOptions
    from foretell.training.run import check_can_begin

    require_training()
    words = str(out / "words")
    labels = str(out / "labels")
    overwrite = overwrite or out == _OUT
    for folder in (words, labels):
        check_can_begin(TrainOptions(out=Path(folder), overwrite=overwrite, restart=True))
    started = time.monotonic()
    again = ("--restart", *(("--overwrite",) if overwrite else ()))
    steps: tuple[tuple[str, tuple[str, ...]], ...] = (
        (
            "Words: a language model of a page of Marcus Aurelius",
            ("train", "words", "meditations", "--out", words, *again),
        ),
        ("The most probable next words", ("next", words, "What stands in the")),
        (
            "A continuation",
            ("complete", words, "What stands in the", "--temperature", "0.5", "--seed", "1"),
        ),
        (
            "Labels: a classifier of short reviews",
            ("train", "labels", "reviews", "--out", labels, *again),
        ),
        (
            "The labels of new reviews: the last one is hard, and the training texts are few",
            ("classify", labels, *NEW_REVIEWS),
        ),
        ("The effect of each word", ("explain", labels, NEW_REVIEWS[0], "-k", "5")),
    )
    for title, arguments in steps:
        show(f"\n── {title}\n\n$ {command(*arguments)}\n", flush=True)
        if code := main(arguments):
            return code
    seconds = time.monotonic() - started
    show(f"""
── Your own text

Both models were trained in {seconds:.0f} seconds, on this machine alone.
Now train on text of your own:

   {program()} train words  notes.txt   --out my-words
   {program()} train labels reviews.csv --out my-labels
""")
    return 0
