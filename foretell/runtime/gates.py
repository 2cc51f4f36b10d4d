"""What each unit of an LSTM layer does along a text: its gates, its cell state and what it hands on.

ONNX Runtime's LSTM operator shows none of these, so they are computed here from the weights, in NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.artifacts.model import Model
from foretell.artifacts.reference import from_basic_lstm_cell
from foretell.artifacts.weights import Weights, network_size
from foretell.config import LabelsSettings, Settings, WordsSettings
from foretell.errors import SettingsError
from foretell.runtime.words.surprise import Placed, check_known, placed_words

Floats = npt.NDArray[np.float64]
Cell = tuple[Floats, Floats, Floats]
"""A layer's kernel [in, 4 * units], recurrent kernel [units, 4 * units], bias [4 * units]: i, f, c, o."""
Spans = list[tuple[int, int]]

_VALUES = ("input", "forget", "candidate", "output", "cell", "hidden")
_HIDDEN = _VALUES.index("hidden")


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What the units of one layer did, an array [step, unit] each, in the order of the text.

    cell = forget · cell before + input · candidate; hidden = output · tanh(cell).

    Attributes:
        spans: what each step reads: (start, end) in code points of the text.
        input, forget, output: how far each gate is open, 0 to 1.
        candidate: what is offered to the cell, -1 to 1.
        cell: the cell state after the step.
        hidden: what the unit hands on, -1 to 1.
        backward: the layer reads from the end, so its first step is the last of these.
    """

    spans: Spans
    input: Floats
    forget: Floats
    candidate: Floats
    output: Floats
    cell: Floats
    hidden: Floats
    backward: bool = False

    def liveliest(self, count: int) -> list[int]:
        """Return the units whose cell states move most along the text, those that move most first."""
        if len(self.cell) < 2:
            return []
        moved = np.abs(np.diff(self.cell, axis=0)).sum(axis=0)
        return [int(unit) for unit in np.argsort(-moved, kind="stable")[:count]]


def layer_units(settings: Settings) -> dict[str, int]:
    """Return the LSTM layers of a network: name, as in model.safetensors, to number of units."""
    if isinstance(settings, WordsSettings):
        return {f"lstm_{k}": settings.units for k in range(1, settings.layers + 1)}
    assert isinstance(settings, LabelsSettings)
    names = ("lstm_forward", "lstm_backward") if settings.traits.is_bidirectional else ("lstm",)
    return dict.fromkeys(names, settings.units)


def gates_along(model: Model, text: str, layer: str | None = None) -> Gates:
    """Return what the units of one layer do along a text.

    Steps are words: those that the network reads, so of a long text the last ones; padding is left out. In a
    cnn-lstm a step is a pooled position with the words under it. The article's words are read in windows
    that each begin anew: what is shown is the end of each.

    Args:
        model: the model with its weights.
        text: the text.
        layer: a name from `layer_units`; None: the first.

    Raises:
        SettingsError: no such layer.
        DataError: a word that the network has no id for.
    """
    layers = list(layer_units(model.settings))
    name = layers[0] if layer is None else layer
    if name not in layers:
        raise SettingsError(expected=f"one of {', '.join(layers)}", found=repr(layer)[:60], where="layer")
    if isinstance(model.settings, WordsSettings):
        along = _stream if model.settings.traits.carries_state else _windows
        spans, values = along(model, text, layers[: layers.index(name) + 1])
    else:
        assert isinstance(model.settings, LabelsSettings)
        spans, values = _labels(model, model.settings, text, name)
    return Gates(spans=spans, backward=name == "lstm_backward", **dict(zip(_VALUES, values, strict=True)))


def run_layer(x: Floats, cell: Cell) -> Floats:
    """Run one LSTM layer from a state of zeros.

    Args:
        x: [step, in].
        cell: the layer's weights.

    Returns:
        [value, step, unit]; the values are input, forget, candidate and output gate, cell and hidden.
    """
    kernel, recurrent_kernel, bias = cell
    units = len(bias) // 4
    values = np.zeros((len(_VALUES), len(x), units))
    h = c = np.zeros(units)
    for step, of_input in enumerate(x @ kernel + bias):
        i, f, candidate, o = np.split(of_input + h @ recurrent_kernel, 4)
        i, f, o, candidate = _sigmoid(i), _sigmoid(f), _sigmoid(o), np.tanh(candidate)
        c = f * c + i * candidate
        h = o * np.tanh(c)
        values[:, step] = i, f, candidate, o, c, h
    return values


def _stream(model: Model, text: str, layers: list[str]) -> tuple[Spans, Floats]:
    """A language model's layer; like every stream it starts after the end of a line, which is not shown."""
    placed = placed_words(model.tokenizer, text, last_ends=False)
    check_known(placed, text)
    before = [] if model.tokenizer.end_of_line is None else [(model.tokenizer.end_of_line, 0, 0)]
    weights = model.require_weights()
    x = _embed(weights, before + placed)
    for name in layers:
        values = run_layer(x, _cell(weights, name))
        x = values[_HIDDEN]
    return _spans(placed), values[:, len(before) :]


def _windows(model: Model, text: str, layers: list[str]) -> tuple[Spans, Floats]:
    """The article's words: for each word, the last step of the window that ends with it."""
    assert isinstance(model.settings, WordsSettings)
    placed, window = placed_words(model.tokenizer, text, last_ends=False), model.settings.window
    check_known(placed, text)
    weights = model.require_weights()
    cells = [
        from_basic_lstm_cell(_exact(weights, f"{name}/kernel"), _exact(weights, f"{name}/bias"))
        for name in layers
    ]
    ends = range(window, len(placed) + 1)
    shown = np.zeros((len(_VALUES), len(ends), model.settings.units))
    for row, end in enumerate(ends):
        x = np.array([[word] for word, _, _ in placed[end - window : end]], np.float64)
        for cell in cells:
            values = run_layer(x, cell)
            x = values[_HIDDEN]
        shown[:, row] = values[:, -1]
    return _spans(placed[window - 1 :]), shown


def _labels(model: Model, settings: LabelsSettings, text: str, name: str) -> tuple[Spans, Floats]:
    weights, tokenizer = model.require_weights(), model.tokenizer
    known = network_size(settings, tokenizer)
    unknown = tokenizer.unknown or 0
    placed = [
        (word if word < known else unknown, start, end)
        for word, start, end in tokenizer.encode_with_offsets(text)[-settings.length :]
    ]
    if settings.traits.is_bidirectional:
        order = slice(None, None, -1 if name == "lstm_backward" else 1)
        values = run_layer(_embed(weights, placed)[order], _cell(weights, name))
        return _spans(placed), values[:, order]
    padded = [(0, 0, 0)] * (settings.length - len(placed)) + placed
    x, spans = _embed(weights, padded), _spans(padded)
    if settings.traits.has_convolution:
        x, spans = _pooled(weights, settings, x, spans)
    values = run_layer(x, _cell(weights, name))
    # Neither padding nor Keras's start of a text was written by anybody.
    first = next((step for step, (start, end) in enumerate(spans) if end > start), len(spans))
    return spans[first:], values[:, first:]


def _pooled(weights: Weights, settings: LabelsSettings, x: Floats, spans: Spans) -> tuple[Floats, Spans]:
    """Convolve and pool x [step, in]: [position, filter], and the span of the words under each position."""
    kernel, size = _exact(weights, "conv/kernel"), settings.pool_size
    width, _, filters = kernel.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, width, axis=0)
    y = np.maximum(np.einsum("siw,wif->sf", windows, kernel) + _exact(weights, "conv/bias"), 0)
    n_positions = len(y) // size
    pooled = y[: n_positions * size].reshape(n_positions, size, filters).max(axis=1)
    under = [spans[size * p : size * (p + 1) + width - 1] for p in range(n_positions)]
    written = [[(start, end) for start, end in part if end > start] for part in under]
    return pooled, [(part[0][0], part[-1][1]) if part else (0, 0) for part in written]


def _embed(weights: Weights, placed: list[Placed]) -> Floats:
    """Return embeddings [step, in]."""
    ids = np.array([word for word, _, _ in placed], np.int64)
    return weights["embedding"][ids].astype(np.float64)


def _spans(placed: list[Placed]) -> Spans:
    return [(start, end) for _, start, end in placed]


def _cell(weights: Weights, name: str) -> Cell:
    kernel, recurrent_kernel, bias = (
        _exact(weights, f"{name}/{part}") for part in ("kernel", "recurrent_kernel", "bias")
    )
    return kernel, recurrent_kernel, bias


def _exact(weights: Weights, name: str) -> Floats:
    return weights[name].astype(np.float64)


def _sigmoid(x: Floats) -> Floats:
    # tanh does not overflow, 1 / (1 + exp(-x)) does.
    half: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return half
