"""`export_model`: a model directory becomes a folder for another program, checked before it has its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal, get_args

from foretell.artifacts.directory import read_model
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, SettingsError, UsageError
from foretell.export import browser_runtime, check, directory, onnx_format
from foretell.export.check import Answer, Loss
from foretell.export.directory import Files
from foretell.export.readme import readme
from foretell.export.source import Source
from foretell.machine import TO_TRAIN, require
from foretell.runtime.session import Session

Format = Literal["onnx", "keras", "litert", "web"]

_SCRIPTS = ("foretell.js", "labels.js", "words.js", "tokens.js", "spacing.js")
_PAGE = ("index.html", "page.js", "page.css", "runtime.js")


@dataclass(frozen=True)
class Exported:
    """What an export has shown.

    Attributes:
        path: the folder.
        job: "words" or "labels".
        format: its format.
        size: bytes of all its files.
        difference: the largest difference from foretell's probabilities on 200 texts; None in 8 bits.
        loss: what 8 bits cost; None in 32.
        whole: False where the file answers as the network alone, without the linear or n-gram model.
    """

    path: Path
    job: str
    format: Format
    size: int
    difference: float | None
    loss: Loss | None
    whole: bool


def export_model(
    model: str | Path,
    out: str | Path,
    format: Format = "onnx",
    *,
    int8: bool = False,
    data: Any = None,
    max_loss: float = 0.01,
    runtime: Path | None = None,
) -> Exported:
    """Write a model as a folder for another program, whole or not at all.

    Args:
        model: the model directory.
        out: the folder to write; an older export there is replaced.
        format: "onnx" (ONNX Runtime, any language), "web" (a static folder that runs in the browser), "keras"
            or "litert" (TensorFlow Lite).
        int8: keep the weights in 8 bits: a quarter of the size.
        data: labelled texts (`foretell.data.examples.Examples`) for a classifier, lines of text for a
            language model. In 8 bits the loss is measured on them; in 32 a classifier is checked on the first
            200.
        max_loss: in 8 bits: refuse to lose more accuracy than this.
        runtime: the npm package onnxruntime-web as a file, for "web"; None: from the cache or the registry.

    Raises:
        UsageError: no such format, 8 bits for Keras or without data.
        SettingsError: `max_loss` not from 0 to 1.
        MissingExtraError: what the format needs is not installed.
        ArtifactError: the model cannot be trusted, the copy answers differently or loses too much, something
            foreign is at `out`, or the runtime is not to be had. Nothing is written then.
    """
    _check_usage(format, int8=int8, has_data=data is not None, max_loss=max_loss)
    target = Path(out)
    directory.check_free(target.resolve())
    _require(format)
    source = _source(model, format)
    precision = "int8" if int8 else "float32"
    content = _content(source, model, format, int8=int8, runtime=runtime)
    content[directory.README] = readme(source, format, sorted(content), precision)
    shown: dict[str, Any] = {}

    def check_copy(folder: Path) -> None:
        answer = _reader(format)(folder, source)
        if int8:
            shown["loss"] = _checked_loss(source, answer, data, max_loss)
        else:
            shown["difference"] = check.check_same(source, answer, _texts(source, data))

    directory.write_export(content, source.description(format, precision), target, check_copy)
    return Exported(
        path=target,
        job=source.job,
        format=format,
        size=sum(map(len, content.values())),
        difference=shown.get("difference"),
        loss=shown.get("loss"),
        whole=not source.network_alone,
    )


def _check_usage(format: str, *, int8: bool, has_data: bool, max_loss: float) -> None:
    if format not in get_args(Format):
        raise UsageError(expected=f"one of {', '.join(get_args(Format))}", found=repr(format), where="format")
    if int8 and format == "keras":
        raise UsageError(
            expected="float32, since Keras keeps no LSTM in 8 bits",
            found="--int8",
            fix="leave --int8 out, or choose --format onnx, web or litert",
        )
    if int8 and not has_data:
        raise UsageError(
            expected="data on which the loss of 8 bits is measured",
            found="none",
            fix="name it with --data: labelled texts for a classifier, plain text for a language model",
        )
    if not 0 <= max_loss <= 1:
        raise SettingsError(expected="a number from 0 to 1", found=repr(max_loss), where="max-loss")


def _require(format: Format) -> None:
    """Check that what the format needs is installed.

    Raises:
        MissingExtraError: it is not; `fix` is the command that installs it.
    """
    needed = ("tensorflow", "keras") if format in ("keras", "litert") else ("onnx",)
    require(needed, f"--format {format}", TO_TRAIN)


def _source(model: str | Path, format: Format) -> Source:
    source = Source(model)
    if source.job == "words":
        # No format looks n-grams of a language model up.
        return source if source.opened.kneser_ney is None else Source(model, network_alone=True)
    if format != "litert" or not source.ensemble.linear:
        return source
    if not source.ensemble.network:
        raise UsageError(
            expected="a classifier whose answer comes from its network",
            found="one that answers by its linear model alone",
            where=str(model),
            fix="choose --format onnx, keras or web",
        )
    return Source(model, network_alone=True)


def _content(source: Source, model: str | Path, format: Format, *, int8: bool, runtime: Path | None) -> Files:
    """Return the files of the export but for its description and its README."""
    content = {directory.TOKENIZER: source.opened.tokenizer.to_json().encode()}
    if format in ("onnx", "web"):
        scripts = _SCRIPTS if format == "onnx" else (*_SCRIPTS, *_PAGE)
        content |= {name: _web(name) for name in scripts}
        # Node.js takes a .js file for a module where this says so.
        content["package.json"] = b'{"type": "module"}\n'
        content |= browser_runtime.runtime_files(runtime) if format == "web" else {}
        content[onnx_format.ONNX] = onnx_format.graph_bytes(source, int8=int8)
        return content
    weights = read_model(model).require_weights()
    if format == "keras":
        from foretell.export import keras_format

        return {**content, keras_format.KERAS: keras_format.model_bytes(source, weights)}
    from foretell.export import litert_format

    return {**content, litert_format.LITERT: litert_format.model_bytes(source, weights, int8=int8)}


def _web(name: str) -> bytes:
    return package_files("foretell.export").joinpath("web", name).read_bytes()


def _reader(format: Format) -> Callable[[Path, Source], Answer]:
    if format == "keras":
        from foretell.export import keras_format

        return keras_format.read_back
    if format == "litert":
        from foretell.export import litert_format

        return litert_format.read_back
    return onnx_format.read_back


def _texts(source: Source, data: Any) -> list[str]:
    """Return the texts to compare on: the user's own where they can be, else made ones."""
    if isinstance(data, Examples) and len(data):
        return data.texts[: check.N_TEXTS]
    return check.sample_texts(source)


def _checked_loss(source: Source, answer: Answer, data: Any, max_loss: float) -> Loss:
    if source.job == "labels":
        loss = check.labels_loss(source, answer, data.texts, data.labels)
    else:
        before = onnx_format.answer_of(Session(source.opened.onnx_path), source)
        loss = check.words_loss(source, before, answer, data)
    if loss.lost > max_loss:
        raise ArtifactError(
            expected=f"an accuracy within {max_loss:g} of {loss.before:.4f} in 8 bits",
            found=f"{loss.after:.4f} on {loss.count:,} {'texts' if source.job == 'labels' else 'words'}",
            where="--max-loss",
            fix="leave --int8 out, or allow more with --max-loss; nothing was written",
        )
    return loss
