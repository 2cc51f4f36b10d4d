"""The command `demo`: both jobs on the sample texts, shown as they happen."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foretell.cli.output import aligned, drop_stdout, excerpt, show
from foretell.presets import LABELS_PRESETS, WORDS_PRESETS
from foretell.progress import view

if TYPE_CHECKING:
    from foretell.data.examples import Examples

PROMPT = "What stands in the"
NEW_REVIEWS = (
    "Cold soup, rude waiter, and we waited an hour for the bill. Never again.",
    "A lovely little book, funny and warm. I read it in one evening and bought two more.",
    "The plot is predictable, but the actors make it worth the evening.",
)
BAR = 30


def demo(*, out: Annotated[Path, Parameter(metavar="DIR")] = Path("foretell-demo")) -> None:
    """Train a model for each job and predict with it.

    Args:
        out: Write the two models to this folder.
    """
    from foretell.artifacts.directory import check_writable
    from foretell.machine import require_training

    require_training()
    for job in ("words", "labels"):
        check_writable(out / job)
    started = time.monotonic()
    _words(out / "words")
    _labels(out / "labels")
    _end(out, time.monotonic() - started)


def _words(out: Path) -> None:
    from foretell.data.corpus import open_corpus
    from foretell.runtime.words.predictor import WordsRuntime
    from foretell.training.options import TrainOptions
    from foretell.training.words.train import train_words

    corpus = open_corpus("meditations")
    _title("1  Words", "Train a language model on a page of Marcus Aurelius:")
    _say(f"   “{excerpt(' '.join(corpus), 200)}”\n")
    with view() as listener:
        options = TrainOptions(out=out, restart=True, overwrite=True, listener=listener)
        train_words(corpus, WORDS_PRESETS["base"], options)
    runtime = WordsRuntime.open(out)
    _say(f"\nThe most probable words after “{PROMPT}”:\n")
    _bars([(c.word, c.probability) for c in runtime.next(PROMPT, k=5)])
    _say(f"\nA continuation:\n\n   {PROMPT}", end="")
    _slowly(runtime.complete(PROMPT, words=24, temperature=0.5, seed=1))


def _labels(out: Path) -> None:
    from foretell.data.examples import read_examples
    from foretell.data.split import make_split
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.training.labels.train import train_labels
    from foretell.training.options import TrainOptions

    examples = read_examples("reviews")
    _title("2  Labels", f"Train a text classifier on {len(examples)} short reviews with labels, such as:")
    _say(aligned(((label, excerpt(text, 80)) for text, label in _one_of_each(examples)), indent=3) + "\n")
    with view() as listener:
        options = TrainOptions(out=out, restart=True, overwrite=True, listener=listener)
        settings = LABELS_PRESETS["base"]
        split = make_split(examples, fraction=settings.fraction_for(len(examples)), seed=settings.seed)
        train_labels(split, settings, options)
    _say("\nThe labels of three new reviews:\n")
    for text, verdict in zip(NEW_REVIEWS, LabelsRuntime.open(out).classify(NEW_REVIEWS), strict=True):
        _say(f"   “{text}”")
        _bars([(verdict.label, verdict.probability)])
    _say(
        f"\n{len(examples)} reviews are few, and the last one is hard to classify: expect errors, and use "
        "more data."
    )


def _one_of_each(examples: Examples) -> Iterator[tuple[str, str]]:
    for name in examples.label_names:
        yield next(
            (t, label) for t, label in zip(examples.texts, examples.labels, strict=True) if label == name
        )


def _end(out: Path, seconds: float) -> None:
    _title("3  Your own text", f"Both models were trained in {seconds:.0f} seconds, on this machine alone.")
    _say(f"""The models are in {out}. Try them:

   foretell complete {out / "words"} "the mind of" --words 30 --temperature 0.8
   foretell classify {out / "labels"} "I have had better, but not often."
   foretell info {out / "labels"}

Then train on text of your own:

   foretell train words  notes.txt   --out my-words
   foretell train labels reviews.csv --out my-labels
""")


def _title(title: str, text: str) -> None:
    _say(f"\n── {title} {'─' * (72 - len(title))}\n\n{text}\n")


def _bars(rows: Iterable[tuple[str, float]]) -> None:
    rows = list(rows)
    width = max(12, *(len(name) for name, _ in rows))
    for name, part in rows:
        bar = "█" * round(BAR * part)
        _say(f"   {name:<{width}} {bar:<{BAR}} {100 * part:5.1f} %")


def _slowly(pieces: Iterable[str]) -> None:
    """Write a continuation as it comes; on a terminal slowly enough to be watched."""
    pause = 0.04 if sys.stdout.isatty() else 0.0
    for piece in pieces:
        _say(piece, end="")
        time.sleep(pause)
    _say("")


def _say(text: str, end: str = "\n") -> None:
    try:
        show(text, end=end, flush=True)
    except BrokenPipeError:
        # The models are still wanted.
        drop_stdout()
