"""The command `export`: a model as a folder for another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from foretell.cli.inputs import local_model, name_of
from foretell.cli.options import ANY_RECORDS, AS_TEXT, DATA, LabelledInput, Name, OutputOptions
from foretell.cli.output import Writer, note, show_notes
from foretell.readable import megabytes, percent

if TYPE_CHECKING:
    from foretell.data.examples import Examples

Target = Literal["onnx", "web", "arpa"]


def export(
    model: Name,
    /,
    *,
    to: Target = "onnx",
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    int8: bool = False,
    max_loss: Annotated[float, Parameter(metavar="P")] = 0.01,
    max_ngrams: int | None = None,
    runtime: Path | None = None,
    data: Annotated[Name | None, Parameter(group=DATA, metavar="DATA")] = None,
    reading: LabelledInput = ANY_RECORDS,
    output: OutputOptions = AS_TEXT,
) -> None:
    """Write a model as a folder for other programs, and check that it gives the same answers.

    Args:
        model: Model directory.
        to: Export to onnx (ONNX Runtime, any language), web (a static folder that runs in the
            browser) or arpa (the Kneser–Ney model of a language model alone, as n-grams that KenLM
            reads).
        out: Write the folder DIR. Without it, its name is that of the model with the format.
        int8: Store the weights in 8 bits (language models: 12), with a small loss of accuracy,
            which is measured on --data.
        max_loss: Fail if --int8 loses more accuracy than this, 0 to 1.
        max_ngrams: Keep only the N n-grams that change the predictions of a language model most, 1
            or more. Single words are always kept. Default: keep all.
        runtime: Use this file for the npm package onnxruntime-web (--to web). Without it, the
            package is downloaded once.
        data: Measure on this data: texts with labels for a model for labels, plain text for one for
            words.
    """
    import foretell
    from foretell.artifacts.manifest import TFIDF

    format = output.chosen()
    trained = foretell.load(local_model(model))
    test_data: str | Examples | None = data
    if data is not None and not isinstance(trained, foretell.LanguageModel):
        test_data = reading.read(
            data,
            part="test",
            multi_label=trained.multi_label or "",
            columns=trained.text_columns_,
        )
        show_notes(test_data.notes)
    folder = out or Path(f"{name_of(model)}-{to}")
    exported = trained.export(
        to,
        folder,
        int8=int8,
        data=test_data,
        max_loss=max_loss,
        max_ngrams=max_ngrams,
        runtime=runtime,
    )
    record: dict[str, object] = {
        "out": str(folder),
        "format": exported.format,
        "bytes": exported.size,
        "whole": exported.whole,
        "difference": exported.difference,
        "accuracy": None,
        "accuracy_int8": None,
        "measured_on": None,
    }
    line = f"its probabilities differ by at most {exported.difference or 0:.1g} on 200 texts"
    loss = exported.loss
    if loss is not None:
        record |= {
            "accuracy": loss.before,
            "accuracy_int8": loss.after,
            "measured_on": loss.count,
        }
        before = f"{percent(loss.before)} before, on {loss.count:,} answers"
        line = f"accuracy {percent(loss.after)} by --int8, {before}"
    Writer(format, list(record)).write(record, f"{folder}: {megabytes(exported.size)}; {line}")
    if to == "onnx" and (folder / TFIDF).exists():
        note(
            f"model.onnx alone gives some texts another label: README.md shows how to use "
            f"{TFIDF} too"
        )
    if not exported.whole:
        note("the export leaves the kept teacher out: some texts get another label")
