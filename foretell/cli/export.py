"""The verb `export`: a model as a folder for another program."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from foretell.cli.models import open_model
from foretell.cli.output import as_json, percent
from foretell.cli.tensorflow import load_tensorflow

if TYPE_CHECKING:
    from foretell.export.model_export import Exported

ExportFormat = Literal["onnx", "keras", "litert", "web"]


def export(
    model: str,
    /,
    *,
    format: ExportFormat = "onnx",
    out: Path | None = None,
    int8: Annotated[bool, Parameter(negative=())] = False,
    data: str | None = None,
    max_loss: float = 0.01,
    runtime: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write a model as a folder that runs without foretell, and check that it answers the same.

    Args:
        model: a model directory.
        format: onnx (ONNX Runtime, any language), web (a static folder that runs in the browser), keras, or
            litert (TensorFlow Lite).
        out: the folder to write; by default the model's name and the format's.
        int8: keep the weights in 8 bits: a quarter of the size, at a small loss that is measured on --data.
        data: labelled texts for a classifier, plain text for a language model.
        max_loss: the most accuracy that --int8 may lose, 0 to 1.
        runtime: for web, the npm package onnxruntime-web as a file; by default it is downloaded once.
        json: print one JSON object.
    """
    opened = open_model(model)
    from foretell.export.model_export import export_model

    target = out or Path(f"{Path(model).resolve().name}-{format}")
    given = None if data is None else _data(opened.job, data)
    if format == "litert" or (format == "keras" and not int8):
        # What is not installed is told by the export, with the command that installs it.
        with suppress(ImportError):
            load_tensorflow()
    done = export_model(model, target, format, int8=int8, data=given, max_loss=max_loss, runtime=runtime)
    print(as_json(_record(done)) if json else _line(done))
    if not done.whole:
        print(_network_alone(done), file=sys.stderr)


def _network_alone(done: Exported) -> str:
    if done.job == "words":
        return "exports hold the network alone, without the n-gram model that foretell mixes in"
    return (
        "this format holds the network alone, without the linear model that foretell mixes in; "
        "onnx, keras and web hold both"
    )


def _data(job: str, data: str) -> Any:
    if job == "words":
        from foretell.data.corpus import open_corpus

        return open_corpus(data)
    from foretell.data.examples import read_examples
    from foretell.data.options import Arguments

    examples = read_examples(data, part="test", arguments=Arguments(text=None, label=None, format=None))
    for note in examples.notes:
        print(note, file=sys.stderr)
    return examples


def _record(done: Exported) -> dict[str, Any]:
    loss = done.loss
    return {
        "out": str(done.path),
        "format": done.format,
        "bytes": done.size,
        "whole": done.whole,
        "difference": done.difference,
        "accuracy": None if loss is None else loss.before,
        "accuracy_int8": None if loss is None else loss.after,
        "measured_on": None if loss is None else loss.count,
    }


def _line(done: Exported) -> str:
    shown = f"{done.path}: {done.size / 1e6:,.1f} MB; "
    if done.loss is not None:
        loss = done.loss
        before = f"{percent(loss.before)} before, on {loss.count:,} answers"
        return f"{shown}accuracy {percent(loss.after)} in 8 bits, {before}"
    return f"{shown}its answers differ by {done.difference:.1g} at most on 200 texts"
