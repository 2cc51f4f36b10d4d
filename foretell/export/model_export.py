"""`export_model`: a model directory becomes a folder for another program, checked before it gets
its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from foretell.artifacts import replacement
from foretell.artifacts.manifest import digests
from foretell.artifacts.model import Model
from foretell.config import Job
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, SettingsError, UsageError
from foretell.export import arpa, browser_runtime, check
from foretell.export.check import Loss
from foretell.export.formats import (
    FORMATS,
    Answer,
    Files,
    Format,
    files_of,
    read_back,
    session_answer,
)
from foretell.export.readme import readme
from foretell.export.source import ExportSource
from foretell.machine import require
from foretell.runtime.session import Session

MODEL = "model.json"
TOKENIZER = "tokenizer.json"
README = "README.md"
FORMAT_VERSION = 1
_MARK = "foretell_export"


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        path: the folder.
        job: "words" or "labels".
        format: its format.
        size: bytes of all its files.
        difference: the largest difference from foretell's probabilities on 200 texts; None in 8
            bits.
        loss: the accuracy before and after the conversion to 8 bits; None in float32.
        whole: False if the copy gives the answer of a classifier without its kept teacher.
    """

    path: Path
    job: Job
    format: Format
    size: int
    difference: float | None
    loss: Loss | None
    whole: bool


def export_model(
    model: str | Path | Model,
    out: str | Path,
    format: Format = "onnx",
    *,
    int8: bool = False,
    data: Examples | Iterable[str] | None = None,
    max_loss: float = 0.01,
    max_ngrams: int | None = None,
    runtime: str | Path | None = None,
) -> Exported:
    """Write a model as a folder for another program, whole or not at all.

    >>> export_model("reviews-model", "reviews-onnx").difference
    6.0e-08

    Args:
        model: a model directory, or a model that was read from one.
        out: the folder to write; an older export there is replaced.
        format: "onnx" (ONNX Runtime, any language), "web" (a static folder that runs in the
            browser) or "arpa" (the Kneser–Ney model of a language model, for KenLM and others).
        int8: store the weights in 8 bits, those of a language model's network in 12.
        data: labelled texts for a classifier, lines of text for a language model. In 8 bits the
            loss of accuracy is measured on them; in float32 a classifier is compared on the first
            200.
        max_loss: in 8 bits: refuse a larger loss of accuracy, 0 to 1.
        max_ngrams: n-grams of two or more words that are kept of a language model's Kneser–Ney
            model; None: all. The copy answers as foretell does with this smaller model. In 8 bits
            the loss of accuracy is that of both.
        runtime: for "web": the npm package onnxruntime-web as a file; None: from the cache or the
            registry.

    Raises:
        UsageError: an unknown format, 8 bits without data, data for the other job, `max_ngrams`
            for a model without a Kneser–Ney model, or "arpa" for one without a Kneser–Ney model of
            words.
        SettingsError: `max_loss` not from 0 to 1, or `max_ngrams` below 1.
        MissingExtraError: a package that the format needs is not installed.
        ArtifactError: the model cannot be trusted, the copy answers differently or loses too much
            accuracy, `out` holds something else, or the runtime cannot be read or downloaded.
            Nothing is written then.
    """
    _check_arguments(format, int8=int8, data=data, max_loss=max_loss)
    target = Path(out).expanduser().resolve()
    check_free(target)
    if format != "arpa":
        require(("onnx",), f"the format {format}", "train")
    source = ExportSource(model, max_ngrams)
    _check_data(source, data)
    content = files_of(source, format, int8=int8)
    if format == "web":
        content |= browser_runtime.runtime_files(None if runtime is None else Path(runtime))
    content[TOKENIZER] = source.model.tokenizer.to_json().encode()
    content[README] = readme(source, format, int8=int8, size=sum(map(len, content.values())))
    difference: float | None = None
    loss: Loss | None = None

    def measure(folder: Path) -> None:
        nonlocal difference, loss
        if format == "arpa":
            difference = arpa.difference(folder, source.model, check.sample_texts(source))
            return
        answer = read_back(folder, source)
        if int8 and data is not None:
            whole = source if max_ngrams is None else ExportSource(model)
            loss = _checked_loss(whole, answer, data, max_loss)
            return
        texts = check.sample_texts(source)
        if isinstance(data, Examples) and data.texts:
            texts = data.texts[: check.N_TEXTS]
        difference = check.check_same(source, answer, texts)

    write_export(content, source.description(format, int8=int8), target, measure)
    return Exported(
        path=Path(out).expanduser(),
        job=source.model.job,
        format=format,
        size=sum(map(len, content.values())),
        difference=difference,
        loss=loss,
        whole=not source.has_teacher,
    )


def _check_arguments(format: str, *, int8: bool, data: object, max_loss: float) -> None:
    if format not in FORMATS:
        raise UsageError(f"one of {', '.join(FORMATS)}", repr(format), where="format")
    if int8 and format == "arpa":
        raise UsageError("no 8 bits in a file of text", "int8", where="format arpa")
    if int8 and data is None:
        raise SettingsError(
            "data to measure the loss of accuracy in 8 bits",
            "none",
            where="data",
            fix="give labelled texts, or plain text for a language model",
        )
    if not 0 <= max_loss <= 1:
        raise SettingsError("a number from 0 to 1", repr(max_loss), where="max_loss")


def _check_data(source: ExportSource, data: object) -> None:
    if data is not None and isinstance(data, Examples) != (source.kind == "classifier"):
        plain = "plain text"
        labelled = "labelled texts"
        if source.kind == "classifier":
            raise UsageError(f"{labelled} for a classifier", plain, where="data")
        raise UsageError(f"{plain} for a language model", labelled, where="data")


def _checked_loss(
    source: ExportSource, answer: Answer, data: Examples | Iterable[str], max_loss: float
) -> Loss:
    if isinstance(data, Examples):
        loss = check.labels_loss(source, answer, data)
        unit = "texts"
    else:
        before = session_answer(Session.of_model(source.model), source, source.model.kneser_ney)
        loss = check.words_loss(source, before, answer, data)
        unit = "words"
    if loss.before - loss.after > max_loss:
        raise ArtifactError(
            f"an accuracy within {max_loss:g} of {loss.before:.4f} in 8 bits",
            f"{loss.after:.4f} on {loss.count:,} {unit}",
            where="max-loss",
            fix="leave out int8, or allow a larger loss; nothing was written",
        )
    return loss


def check_free(path: Path) -> None:
    """Check that `path` is free for an exported model: nothing is there, or an older export."""
    found = "a file" if path.exists() and not path.is_dir() else ""
    names = {each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()}
    if foreign := sorted(names - _files_of(path)):
        found = f"{foreign[0]}, which is not part of an export"
    if found:
        raise ArtifactError(
            "an exported model, or nothing",
            found,
            where=path,
            fix="choose another folder, or move this one away",
        )


def write_export(
    files: Files, description: Mapping[str, object], target: Path, check: Callable[[Path], None]
) -> None:
    """Write files, by names that may contain a folder, and model.json with their sizes and SHA-256.

    They replace an older export once `check`, which is called with their temporary folder, has not
    raised.
    """
    check_free(target)
    fix = "free some space or choose another place; what was there is unchanged"
    failures = replacement.typed(ArtifactError, "to write the exported model", target, fix)
    with failures, replacement.new_directory(target) as new:
        for name, content in {**files, MODEL: _described(files, description)}.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            replacement.write_synced(new / name, content)
        check(new)
        replacement.sync_directory(new)
        check_free(target)
        replacement.take_place(new, target)


def _described(files: Files, description: Mapping[str, object]) -> bytes:
    listed = {_MARK: FORMAT_VERSION, **description, "files": digests(files)}
    text = json.dumps(listed, ensure_ascii=False, indent=1)
    # A label may contain half of a surrogate pair, which UTF-8 cannot encode.
    return text.encode(errors="backslashreplace") + b"\n"


def _files_of(path: Path) -> set[str]:
    """Return the names of the files of the export in this folder; none if it is not an export."""
    try:
        description = json.loads((path / MODEL).read_bytes())
        return {MODEL, *description["files"]} if _MARK in description else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
