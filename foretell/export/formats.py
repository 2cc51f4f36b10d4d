"""The formats: what is beside the model file in each folder."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from safetensors.numpy import save as save_safetensors

from foretell.export import onnx_format
from foretell.export.source import TFIDF, Source
from foretell.ngrams.tfidf import tfidf_arrays

Format = Literal["onnx", "web"]
Files = dict[str, bytes]

_SCRIPTS = ("foretell.js", "labels.js", "words.js", "tokens.js", "spacing.js", "graph.js", "tfidf.js")
_PAGE = ("index.html", "page.js", "page.css", "runtime.js")


@dataclass(frozen=True, kw_only=True)
class ModelFormat:
    """One format: model.onnx, and what runs it.

    Attributes:
        title: its name in a README.
        scripts: files of `export/web/` that the folder holds.
        has_browser_runtime: whether the folder holds ONNX Runtime for browsers.
    """

    title: str
    scripts: tuple[str, ...]
    has_browser_runtime: bool

    def files(self, source: Source, *, int8: bool) -> Files:
        """Return the model file, the TF-IDF models and the scripts of an export, name to content."""
        content = {name: files("foretell.export").joinpath("web", name).read_bytes() for name in self.scripts}
        # Node.js reads a .js file as a module only if this file declares it.
        content["package.json"] = b'{"type": "module"}\n'
        content[onnx_format.FILE] = onnx_format.model_bytes(source, int8=int8)
        if source.tfidf:
            content[TFIDF] = save_safetensors(tfidf_arrays(source.tfidf))
        return content


FORMATS: dict[Format, ModelFormat] = {
    "onnx": ModelFormat(title="an ONNX model", scripts=_SCRIPTS, has_browser_runtime=False),
    "web": ModelFormat(
        title="a folder for the browser", scripts=(*_SCRIPTS, *_PAGE), has_browser_runtime=True
    ),
}
