"""A training in MLflow, after `pip install mlflow`: python mlflow_listener.py DATA.csv MODEL.

A listener gets every event of a training, in Python by `listener=`; this one writes them to
MLflow's run.
"""

import csv
import sys
from dataclasses import asdict
from pathlib import Path

import mlflow

import foretell
from foretell.training.events import EpochDone, Event, Progress

SHOWN = ("loss", "accuracy", "speed", "valid_loss", "valid_accuracy")


def listener(event: Event) -> None:
    """Write the numbers of an event by its step."""
    if isinstance(event, Progress | EpochDone):
        known = {
            name: value
            for name, value in asdict(event).items()
            if name in SHOWN and value is not None
        }
        mlflow.log_metrics(known, step=event.step)


def main() -> None:
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    classifier = foretell.TextClassifier("quick")
    # A run that an error ends is marked as failed.
    with mlflow.start_run():
        mlflow.log_params(classifier.get_params())
        classifier.fit(
            [row["text"] for row in rows], [row["label"] for row in rows], listener=listener
        )
        classifier.save(sys.argv[2])
        mlflow.log_artifacts(sys.argv[2], artifact_path="model")


if __name__ == "__main__":
    main()
