"""The gates, cell states and outputs of an LSTM layer at each step of a text.

ONNX Runtime's LSTM operator does not return them, so they are computed here from the weights, in
NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.arrays import Float64s
from foretell.artifacts.model import Model
from foretell.artifacts.weights import Weights, lstm_weights, network_size
from foretell.config import POOL_SIZE, LabelsSettings, Settings, WordsSettings
from foretell.errors import SettingsError
from foretell.runtime.stopping import check_stopped
from foretell.runtime.words.surprise import check_known, word_spans
from foretell.text.tokenizer import Span

Cell = tuple[Float64s, Float64s, Float64s]
"""A layer's kernel [in, 4 * units], recurrent kernel [units, 4 * units] and bias [4 * units]."""
Places = list[tuple[int, int]]
"""(start, end) of each step in the text, in code points."""

Along = tuple[Places, Float64s]
"""The steps of a text, and an array of values [..., step, unit]."""

_VALUES = ("input", "forget", "candidate", "output", "cell", "hidden")
_HIDDEN = _VALUES.index("hidden")


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The values of one layer, an array [step, unit] each, in the order of the text.

    cell = forget · previous cell + input · candidate; hidden = output · tanh(cell).

    Attributes:
        spans: the part of the text that each step reads: (start, end) in code points.
        input, forget, output: the gates, 0 (closed) to 1 (open).
        candidate: the candidate for the cell, -1 to 1.
        cell: the cell state after the step.
        hidden: the output of the unit, -1 to 1.
        backward: whether the layer reads from the end of the text, so that its first step is the
            last row.
    """

    spans: Places
    input: Float64s
    forget: Float64s
    candidate: Float64s
    output: Float64s
    cell: Float64s
    hidden: Float64s
    backward: bool = False

    def most_active(self, count: int) -> list[int]:
        """Return the units whose cell states change most along the text, the most active first."""
        if len(self.cell) < 2:
            return []
        changes = np.abs(np.diff(self.cell, axis=0)).sum(axis=0)
        return [int(unit) for unit in np.argsort(-changes, kind="stable")[:count]]


def layer_units(settings: Settings) -> dict[str, int]:
    """Return the LSTM layers of a network: name, as in model.safetensors, to number of units."""
    if isinstance(settings, WordsSettings):
        return {f"lstm_{k}": settings.units for k in range(1, settings.layers + 1)}
    names = ("lstm_forward", "lstm_backward") if settings.is_bidirectional else ("lstm",)
    return dict.fromkeys(names, settings.units)


def gates_along(model: Model, text: str, layer: str | None = None) -> Gates:
    """Return the values of one layer along a text.

    Steps are the words that the network reads (of a long text the last ones), without padding. In a
    cnn-lstm a step is a pooled position with the words under it. The article's language model reads
    separate windows: the values are those at the end of each.

    The layer is named as in `layer_units`; None: the first.

    Raises:
        SettingsError: no such layer.
        DataError: a word without an id.
    """
    layers = list(layer_units(model.settings))
    name = layers[0] if layer is None else layer
    if name not in layers:
        raise SettingsError(f"one of {', '.join(layers)}", repr(layer)[:60], where="layer")
    if isinstance(model.settings, WordsSettings):
        read = _windows if model.settings.follows_article else _stream
        spans, values = read(model, text, layers[: layers.index(name) + 1])
    else:
        spans, values = _labels(model, model.settings, text, name)
    return Gates(
        spans=spans, backward=name == "lstm_backward", **dict(zip(_VALUES, values, strict=True))
    )


def run_layer(x: Float64s, cell: Cell) -> Float64s:
    """Run one LSTM layer from the zero state along x [step, in]; return [value, step, unit]."""
    kernel, recurrent_kernel, bias = cell
    h = c = np.zeros(len(bias) // 4)
    values = np.empty((len(_VALUES), len(x), len(h)))
    for step, row in enumerate(x @ kernel + bias):
        check_stopped()
        i, f, candidate, o = np.split(row + h @ recurrent_kernel, 4)
        i = _sigmoid(i)
        f = _sigmoid(f)
        o = _sigmoid(o)
        candidate = np.tanh(candidate)
        c = f * c + i * candidate
        h = o * np.tanh(c)
        values[:, step] = i, f, candidate, o, c, h
    return values


def _run_layers(x: Float64s, cells: list[Cell]) -> Float64s:
    """Return the values of the last of some layers, each of which reads the hidden values of the
    one before.
    """
    for cell in cells:
        values = run_layer(x, cell)
        x = values[_HIDDEN]
    return values


def _sigmoid(x: Float64s) -> Float64s:
    # 1 / (1 + exp(-x)) overflows, tanh does not.
    return 0.5 * (1 + np.tanh(0.5 * x))


def _stream(model: Model, text: str, layers: list[str]) -> Along:
    """A language model's layer. Its stream starts after an end of line, which is left out of the
    result.
    """
    spans = word_spans(model.tokenizer, text, last_ends=False)
    check_known(spans, text)
    before = [] if model.tokenizer.end_of_line is None else [(model.tokenizer.end_of_line, 0, 0)]
    cells = [_cell(model.weights, name) for name in layers]
    values = _run_layers(_embed(model.weights, before + spans), cells)
    return _places(spans), values[:, len(before) :]


def _windows(model: Model, text: str, layers: list[str]) -> Along:
    """The article's words: for each word, the last step of the window that ends with it."""
    assert isinstance(model.settings, WordsSettings)
    spans = word_spans(model.tokenizer, text, last_ends=False)
    window = model.settings.window
    check_known(spans, text)
    cells = [_cell(model.weights, name) for name in layers]
    ends = range(window, len(spans) + 1)
    at_ends = np.zeros((len(_VALUES), len(ends), model.settings.units))
    for row, end in enumerate(ends):
        x = np.array([[word] for word, _, _ in spans[end - window : end]], np.float64)
        at_ends[:, row] = _run_layers(x, cells)[:, -1]
    return _places(spans[window - 1 :]), at_ends


def _labels(model: Model, settings: LabelsSettings, text: str, name: str) -> Along:
    weights = model.weights
    tokenizer = model.tokenizer
    known = network_size(settings, tokenizer)
    unknown = tokenizer.unknown or 0
    spans = [
        (word if word < known else unknown, start, end)
        for word, start, end in tokenizer.encode_with_offsets(text)[-settings.length :]
    ]
    if settings.is_bidirectional:
        order = slice(None, None, -1 if name == "lstm_backward" else 1)
        values = run_layer(_embed(weights, spans)[order], _cell(weights, name))
        return _places(spans), values[:, order]
    padded = [(0, 0, 0)] * (settings.length - len(spans)) + spans
    x = _embed(weights, padded)
    places = _places(padded)
    if settings.network == "cnn-lstm":
        x, places = _pooled(weights, x, places)
    values = run_layer(x, _cell(weights, name))
    # Padding and Keras's start of a text are not part of the text.
    first = next((step for step, (start, end) in enumerate(places) if end > start), len(places))
    return places[first:], values[:, first:]


def _pooled(weights: Weights, x: Float64s, places: Places) -> tuple[Float64s, Places]:
    """Convolve and pool x [step, in]; return [position, filter], and the words under each
    position.
    """
    kernel, bias = (weights[f"conv/{name}"].astype(np.float64) for name in ("kernel", "bias"))
    width, _, filters = kernel.shape
    windows = np.stack([x[start : start + width].ravel() for start in range(len(x) - width + 1)])
    y = np.maximum(windows @ kernel.reshape(-1, filters) + bias, 0)
    size = POOL_SIZE
    pooled: Float64s = y[: len(y) // size * size].reshape(-1, size, filters).max(1)
    under = [places[size * p : size * (p + 1) + width - 1] for p in range(len(pooled))]
    written = [[(start, end) for start, end in part if end > start] for part in under]
    return pooled, [(part[0][0], part[-1][1]) if part else (0, 0) for part in written]


def _embed(weights: Weights, spans: list[Span]) -> Float64s:
    """Return embeddings [step, in]."""
    ids = np.array([word for word, _, _ in spans], np.int64)
    return weights["embedding"][ids].astype(np.float64)


def _places(spans: list[Span]) -> Places:
    return [(start, end) for _, start, end in spans]


def _cell(weights: Weights, name: str) -> Cell:
    kernel, recurrent_kernel, bias = lstm_weights(weights, name)
    return kernel.astype(np.float64), recurrent_kernel.astype(np.float64), bias.astype(np.float64)
