"""The verb `demo`: both jobs on text that ships with foretell, shown as they happen."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.cli.output import aligned, excerpt, percent
from foretell.cli.progress import view
from foretell.cli.tensorflow import load_tensorflow
from foretell.config import LABELS_PRESETS, WORDS_PRESETS

if TYPE_CHECKING:
    from foretell.artifacts.model import Model

PROMPT = "What stands in the"
NEW_REVIEWS = (
    "Cold soup, rude waiter, and we waited an hour for the bill. Never again.",
    "A lovely little book, funny and warm. I read it in one evening and bought two more.",
    "The plot is predictable, but the actors make it worth the evening.",
)
BAR = 30


def demo(*, out: Path = Path("foretell-demo")) -> None:
    """Train both jobs and predict from them.

    Args:
        out: where the two models are written.
    """
    from foretell.artifacts.directory import check_writable
    from foretell.machine import require_training

    require_training()
    for job in ("words", "labels"):
        check_writable(out / job)
    began = time.monotonic()
    load_tensorflow()
    _words(out / "words")
    _labels(out / "labels")
    _farewell(out, time.monotonic() - began)


def _words(out: Path) -> None:
    from foretell.data.corpus import open_corpus
    from foretell.runtime.words.predictor import WordsRuntime
    from foretell.training.options import TrainOptions
    from foretell.training.words.train import train_words

    corpus = open_corpus("meditations")
    _title("1  Words", "A language model learns a page of Marcus Aurelius.")
    _say(f"   “{excerpt(' '.join(corpus), 200)}”\n")
    with view() as listener:
        options = TrainOptions(out=out, restart=True, listener=listener)
        model = train_words(corpus, WORDS_PRESETS["base"], options)
    _took(model)
    runtime = WordsRuntime.open(out)
    _say(f"\nWhat comes after “{PROMPT}”?\n")
    _bars([(c.word, c.probability) for c in runtime.next(PROMPT, k=5)])
    _say(f"\nAnd on from there:\n\n   {PROMPT}", end="")
    _slowly(runtime.complete(PROMPT, words=24, temperature=0.5, seed=1))


def _labels(out: Path) -> None:
    from foretell.data.examples import read_examples
    from foretell.data.split import make_split
    from foretell.runtime.labels.classifier import LabelsRuntime
    from foretell.training.labels.train import train_labels
    from foretell.training.options import TrainOptions

    examples = read_examples("reviews")
    _title("2  Labels", f"A classifier learns from {len(examples)} short reviews, each with its label.")
    _say(aligned((label, excerpt(text, 80)) for text, label in _one_of_each(examples)) + "\n")
    with view() as listener:
        options = TrainOptions(out=out, restart=True, listener=listener)
        settings = LABELS_PRESETS["base"]
        split = make_split(examples, fraction=settings.valid_fraction, seed=settings.seed)
        model = train_labels(split, settings, options)
    _took(model)
    _say("\nThree reviews that it has never seen:\n")
    for text, verdict in zip(NEW_REVIEWS, LabelsRuntime.open(out).classify(NEW_REVIEWS), strict=True):
        _say(f"   “{text}”")
        _bars([(verdict.label, verdict.probability)])
    _say(f"\n{len(examples)} reviews are few, and the last one is hard: expect mistakes, and feed it more.")


def _one_of_each(examples: Any) -> Iterator[tuple[str, str]]:
    for name in examples.label_names:
        yield next(
            (t, label) for t, label in zip(examples.texts, examples.labels, strict=True) if label == name
        )


def _farewell(out: Path, seconds: float) -> None:
    _title("3  Yours", f"Both in {seconds:.0f} seconds, and not a byte left this machine.")
    _say(f"""The models are in {out}/. Try them:

   foretell complete {out / "words"} "the mind of" --words 30 --temperature 0.8
   foretell classify {out / "labels"} "I have had better, but not often."
   foretell info {out / "labels"}

then train on text of your own:

   foretell train words  notes.txt   --out my-words
   foretell train labels reviews.csv --out my-labels
""")


def _took(model: Model) -> None:
    accuracy, seconds = model.metrics.get("accuracy"), model.metrics.get("seconds")
    if accuracy is not None and seconds is not None:
        _say(f"\nTrained in {seconds:.1f} s; accuracy {percent(accuracy)}.")


def _title(title: str, text: str) -> None:
    _say(f"\n── {title} {'─' * (72 - len(title))}\n\n{text}\n")


def _bars(rows: list[tuple[str, float]]) -> None:
    width = max(12, *(len(name) for name, _ in rows))
    for name, part in rows:
        bar = "█" * round(BAR * part)
        _say(f"   {name:<{width}} {bar:<{BAR}} {100 * part:5.1f} %")


def _slowly(pieces: Iterator[str]) -> None:
    """Write a continuation as it comes, slow enough on a terminal that one sees it come."""
    pause = 0.04 if sys.stdout.isatty() else 0.0
    for piece in pieces:
        _say(piece, end="")
        time.sleep(pause)
    _say("")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)
