"""The formats: the model file of each, how it is made and read back, and what else an export holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

from safetensors.numpy import save as save_safetensors

from foretell.export import onnx_format
from foretell.export.copy_answers import Answer
from foretell.export.source import TFIDF, Source
from foretell.ngrams.tfidf import tfidf_arrays

Format = Literal["onnx", "keras", "web"]
Files = dict[str, bytes]

_SCRIPTS = ("foretell.js", "labels.js", "words.js", "tokens.js", "spacing.js", "graph.js", "tfidf.js")
_PAGE = ("index.html", "page.js", "page.css", "runtime.js")


@dataclass(frozen=True, kw_only=True)
class ModelFormat:
    """One format.

    Attributes:
        title: its name in a README.
        model_file: the name of the model file.
        program: the program that runs the model file: the key of `readme.PROGRAMS`.
        packages: the packages that an export needs, by their import names.
        has_int8: whether the weights can be stored in 8 bits.
        make: source and whether in 8 bits to the content of the model file.
        read: exported folder and source to a function that answers ids by the model file.
        scripts: files of `export/web/` that the folder holds.
        has_browser_runtime: whether the folder holds ONNX Runtime for browsers.
    """

    title: str
    model_file: str
    program: Literal["onnx", "keras"]
    packages: tuple[str, ...]
    has_int8: bool
    make: Callable[[Source, bool], bytes]
    read: Callable[[Path, Source], Answer]
    scripts: tuple[str, ...] = ()
    has_browser_runtime: bool = False

    def files(self, source: Source, *, int8: bool) -> Files:
        """Return the model file, the TF-IDF models and the scripts of an export, name to content."""
        content = {name: files("foretell.export").joinpath("web", name).read_bytes() for name in self.scripts}
        if self.scripts:
            # Node.js reads a .js file as a module only if this file declares it.
            content["package.json"] = b'{"type": "module"}\n'
        content[self.model_file] = self.make(source, int8)
        if source.tfidf:
            content[TFIDF] = save_safetensors(tfidf_arrays(source.tfidf))
        return content


def _make_onnx(source: Source, int8: bool) -> bytes:
    return onnx_format.model_bytes(source, int8=int8)


def _make_keras(source: Source, int8: bool) -> bytes:
    from foretell.export import keras_format

    assert not int8
    return keras_format.model_bytes(source)


def _read_keras(folder: Path, source: Source) -> Answer:
    from foretell.export import keras_format

    return keras_format.read_back(folder, source)


def _read_onnx(folder: Path, source: Source) -> Answer:
    return onnx_format.read_back(folder, source)


_ONNX = ModelFormat(
    title="an ONNX model",
    model_file=onnx_format.FILE,
    program="onnx",
    packages=("onnx",),
    has_int8=True,
    make=_make_onnx,
    read=_read_onnx,
    scripts=_SCRIPTS,
)

FORMATS: dict[Format, ModelFormat] = {
    "onnx": _ONNX,
    "keras": ModelFormat(
        title="a Keras model",
        model_file="model.keras",
        program="keras",
        packages=("tensorflow", "keras"),
        has_int8=False,
        make=_make_keras,
        read=_read_keras,
    ),
    "web": replace(
        _ONNX, title="a folder for the browser", scripts=(*_SCRIPTS, *_PAGE), has_browser_runtime=True
    ),
}
