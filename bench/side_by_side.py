"""This checkout beside another one: start-up, one review, a batch, and the training of both jobs.

python -m bench.side_by_side ../foretell-before        a checkout with a .venv of its own (make install)

The two take turns. Each trains its own models, for one epoch only: the time depends on their sizes. Only
interfaces that both versions have are used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from bench.commands import run
from bench.record import Results
from bench.texts import reviews

# In the environment of a checkout. Prints the seconds of one review (the median) and of all (the fastest).
PREDICT = """
import json, statistics, sys, time, foretell
model = foretell.load(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = json.load(file)
def seconds(texts):
    start = time.perf_counter()
    model.predict_proba(texts)
    return time.perf_counter() - start
one = [seconds(texts[:1]) for _ in range(220)][20:]
batch = [seconds(texts) for _ in range(4)][1:]
print(json.dumps([statistics.median(one), min(batch)]))
"""
BATCH = 640
ITERATIONS = 600


class Checkout:
    """A checkout of foretell with an environment of its own.

    Args:
        root: the checkout.
        models: a folder for its models.
    """

    def __init__(self, root: Path, models: Path) -> None:
        self.root, self._models = root.resolve(), models
        self._python = self.root / ".venv" / "bin" / "python"
        if not self._python.exists():
            raise SystemExit(f"expected {self._python}, found none; run `make install` in {self.root}")
        models.mkdir()

    def model(self, job: str, preset: str) -> Path:
        """Return the path of its model."""
        return self._models / f"{job}-{preset}"

    def foretell(self, *arguments: str) -> tuple[str, float]:
        """Run its command line; return what it printed, and the seconds."""
        script = self._python.with_name("foretell")
        done = run([str(script), *arguments], folder=self.root)
        return done.stdout, done.seconds

    def train(self, job: str, source: str, preset: str, *options: str) -> dict[str, float]:
        """Train a model of its own; return the figures of the training."""
        out = str(self.model(job, preset))
        arguments = "train", job, source, "--preset", preset, "--out", out, "--json", "--restart", *options
        figures: dict[str, float] = json.loads(self.foretell(*arguments)[0])
        return figures

    def predict(self, preset: str, texts: Path) -> tuple[float, float]:
        """Return the seconds of one review, and of all."""
        model = str(self.model("labels", preset))
        done = run([str(self._python), "-c", PREDICT, model, str(texts)], folder=self.root)
        one, batch = json.loads(done.stdout)
        return one, batch


def main() -> None:
    """Show both checkouts for each measurement, and the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="the other checkout, with .venv")
    parser.add_argument("--turns", type=int, default=5, help="turns of each measurement (default: 5)")
    parser.add_argument("--preset", default="base", help="of the classifier (default: base)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = folder / "texts.json"
        texts.write_text(json.dumps(reviews(BATCH)), encoding="utf-8")
        checkouts = Checkout(options.other, folder / "other"), Checkout(Path(), folder / "this")
        results = Results("side_by_side", ["what", "other checkout", "this checkout", "this / other"])
        for measure in (_training, _start_up, _predictions):
            turns = [
                [measure(each, options.preset, texts) for each in checkouts] for _ in range(options.turns)
            ]
            for what in turns[0][0]:
                seconds = [[measured[what] for measured in turn] for turn in turns]
                other, this = (statistics.median(each) for each in zip(*seconds, strict=True))
                cells = f"{1e3 * other:,.2f} ms", f"{1e3 * this:,.2f} ms", f"{this / other:.2f}"
                results.add(what, *cells, seconds=seconds)


# ---- The measurements: what was measured, in seconds; the training comes first, since it makes the models


def _training(checkout: Checkout, preset: str, _: Path) -> dict[str, float]:
    labels = checkout.train("labels", "reviews", preset, "--epochs", "1")
    words = checkout.train("words", "meditations", "article", "--iterations", str(ITERATIONS))
    return {
        f"training step of 64 texts, labels {preset}": 64 / labels["texts_per_second"],
        "training step, words article": 3 / words["words_per_second"],
    }


def _start_up(checkout: Checkout, preset: str, _: Path) -> dict[str, float]:
    model = str(checkout.model("labels", preset))
    return {
        "start-up: foretell --help": checkout.foretell("--help")[1],
        f"start-up: foretell classify, {preset}": checkout.foretell("classify", model, "A lovely surprise.")[
            1
        ],
    }


def _predictions(checkout: Checkout, preset: str, texts: Path) -> dict[str, float]:
    one, batch = checkout.predict(preset, texts)
    return {f"a review of 200 words, {preset}": one, f"{BATCH} reviews of 200 words, {preset}": batch}


if __name__ == "__main__":
    main()
