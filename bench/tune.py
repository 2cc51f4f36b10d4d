"""Does `foretell tune` beat its preset? Test accuracy and macro F1 of the preset's and of the chosen model.

Three public sets of short texts, the first N records of the training part, shuffled by `random.Random(SEED)`.
The search sees these alone; the test part is read once, for the preset's model (the first trial), the chosen
one, and for information the trial with the best validation figure, which is not chosen where chance may
explain it.

python -m bench tune                                       three sets, 20 minutes each
python -m bench tune --minutes 3 --sets TREC               one set, in minutes
python -m bench tune --pace                                the same trials, two at a time and one at a time
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from bench.commands import evaluate, foretell, run, script
from bench.few_labels import draw
from bench.record import OUT, Results
from bench.records import FEW_LABELS, Files, few_labels, write
from bench.requirements import archive, require

SETS = ("TREC", "CR", "germeval18")
PACE_TRIALS = 6
PACES = ((1, 1), (1, 2), (2, 2))
"""Trials at a time, and the processors of all of them."""


def main() -> None:
    """Show one row for each set, and on how many the chosen model beats the preset's; or the pace."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=FEW_LABELS)
    parser.add_argument("--labels", default="1000", help="number of labels, or all (default: 1000)")
    parser.add_argument("--minutes", type=float, default=20.0, help="for each set (default: 20)")
    parser.add_argument("--metric", default="macro_f1", choices=("macro_f1", "accuracy", "log_loss"))
    parser.add_argument("--preset", default="base", help="(default: base)")
    parser.add_argument("--seed", type=int, default=3, help="of the draw and the search (default: 3)")
    parser.add_argument("--workers", default=None, help="trials at a time (default: that of foretell tune)")
    parser.add_argument("--pace", action="store_true", help="measure trials per hour instead")
    parser.add_argument("--trials", default=str(PACE_TRIALS), help="with --pace (default: 6)")
    options = parser.parse_args()
    require(["optuna"])
    archive("few-labels.zip")
    if options.pace:
        _pace(options)
        return
    columns = [
        "set",
        "labels",
        "trials",
        "validation: preset",
        "best",
        "chosen",
        "test: preset",
        "best trial",
    ]
    results = Results("tune", [*columns, "chosen model", "verdict"])
    better = 0
    for name in options.sets:
        better += _row(name, options, results)
    print(f"\nThe chosen model beats the preset's on {better} of {len(options.sets)} sets.")


def _files(name: str, options: argparse.Namespace) -> Files:
    data = draw(few_labels(name), options.labels, options.seed)
    return write(OUT / "tune" / name, type(data)(data.train, data.test))


def _row(name: str, options: argparse.Namespace, results: Results) -> bool:
    """Search one set, show its row, and return whether the chosen model is better on the test part."""
    files = _files(name, options)
    found = _tune(files, options, options.minutes)
    tuned = Path(found["model"]).parent
    values = {each["number"]: each["value"] for each in found["trials"] if each["value"] is not None}
    pick = min if options.metric == "log_loss" else max
    best = pick(values, key=lambda number: values[number])
    models = {
        "preset": tuned / "trials" / "0000" / "model",
        "best": tuned / "trials" / f"{best:04d}" / "model",
        "chosen": tuned / "model",
    }
    tested = {each: evaluate(model, files.test) for each, model in models.items()}
    gain = tested["chosen"][options.metric] - tested["preset"][options.metric]
    is_better = bool(gain < 0 if options.metric == "log_loss" else gain > 0)
    verdict = "beats the preset" if is_better else "keeps the preset" if gain == 0 else "is worse"
    cells = [f"{tested[each]['accuracy']:.1%}, F1 {tested[each]['macro_f1']:.3f}" for each in models]
    results.add(
        name,
        options.labels,
        f"{len(found['trials'])} ({len(values)} complete)",
        "–" if found["preset_value"] is None else f"{found['preset_value']:.4f}",
        f"{values[best]:.4f}",
        f"trial {found['chosen']}",
        *cells,
        verdict,
        found=found,
        tested={each: {key: tested[each][key] for key in ("accuracy", "macro_f1")} for each in models},
        minutes=options.minutes,
    )
    print(f"{name}: {found['reason']}", flush=True)
    return is_better


def _tune(files: Files, options: argparse.Namespace, minutes: float, *more: str) -> dict[str, Any]:
    """Run a search of its own, and return what it found."""
    out = files.train.with_name("tuned")
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["--minutes", str(minutes), "--metric", options.metric, "--preset", options.preset]
    arguments += ["--seed", str(options.seed), "--out", str(out), "--json", *more]
    arguments += [] if options.workers is None else ["--workers", options.workers]
    done = foretell("tune", files.train, *arguments)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _pace(options: argparse.Namespace) -> None:
    """Run the same trials two at a time, one at a time, and one at a time on one processor."""
    results = Results("tune_pace", ["trials", "at a time", "processors", "seconds", "trials an hour"])
    files = _files(options.sets[0], options)
    for workers, processors in PACES:
        out = files.train.with_name("paced")
        shutil.rmtree(out, ignore_errors=True)
        pinned = ["taskset", "-c", ",".join(map(str, range(processors)))] if shutil.which("taskset") else []
        command = [*script(), "tune", str(files.train), "--out", str(out), "--minutes", "120", "--json"]
        command += ["--trials", options.trials, "--workers", str(workers), "--preset", options.preset]
        began = time.perf_counter()
        run([*pinned, *command])
        seconds = time.perf_counter() - began
        rate = 3600 * int(options.trials) / seconds
        results.add(options.trials, workers, processors, f"{seconds:.0f}", f"{rate:.0f}", seconds=seconds)


if __name__ == "__main__":
    main()
