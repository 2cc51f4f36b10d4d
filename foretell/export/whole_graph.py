"""One ONNX graph with a classifier's whole answer: ids in, final probabilities out.

The graph in a model directory is the network alone. Around it, as standard operators, comes what
the runtime computes with NumPy: the choice of the words that the network reads, the linear model
over the text's distinct n-grams, and the ensemble. Another program then needs the tokenizer and
this file only.

The input `ids` is int64 [batch, step]: all words of each text, padded with 0 at the end. A text
without words is a row of zeros. The output is `probabilities` [batch, label].

A classifier with linear models of TF-IDF values has one more input: `tfidf_scores`, float32 [batch,
column], the sum of their scores. They need the text itself, which the graph does not have. The
input has a default value of zeros, [1, column], so that a program may leave it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.ngrams.ensemble import MIN_PROBABILITY, NETWORK_ALONE, Ensemble, LabelwiseEnsemble
from foretell.ngrams.keys import FIRST_WORD
from foretell.ngrams.linear import LinearModel

if TYPE_CHECKING:
    import onnx

_OPSET = 17
_IR_VERSION = 8
_PREFIX = "network_"
_INT32 = 6
_INT64 = 7
_FLOAT = 1
_DOUBLE = 11

TFIDF_SCORES = "tfidf_scores"
"""The name of the optional input."""

_LAST_KEY = int(np.iinfo(np.int64).max)


def whole_graph(model: Model, network: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph of the whole classifier around that of its network.

    `network` has the inputs and outputs of what `foretell.artifacts.onnx_graph` builds.
    """
    import onnx

    ensemble = model.ensemble
    nodes = []
    arrays = []
    inputs = [onnx.helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, ["batch", "step"])]
    opsets = [onnx.helper.make_opsetid("", _OPSET)]
    if ensemble.network:
        named = onnx.compose.add_prefix(network, _PREFIX)
        nodes += [*parsed(_words_read(model)), *named.graph.node]
        arrays += named.graph.initializer
        opsets += [each for each in named.opset_import if each.domain]
    if ensemble.linear:
        assert model.linear is not None
        is_labelwise = isinstance(ensemble, LabelwiseEnsemble)
        nodes += parsed(
            _linear(model.linear, has_tfidf=bool(model.tfidf), is_labelwise=is_labelwise)
        )
        arrays += _linear_arrays(model.linear)
        if model.tfidf:
            n_columns = len(model.linear.bias)
            # The first axis has a name of its own: one row serves a batch of any size.
            axes: list[str | int | None] = ["batch_or_one", n_columns]
            inputs.append(
                onnx.helper.make_tensor_value_info(TFIDF_SCORES, onnx.TensorProto.FLOAT, axes)
            )
            zeros = np.zeros((1, n_columns), np.float32)
            arrays.append(onnx.numpy_helper.from_array(zeros, TFIDF_SCORES))
    nodes += parsed(_combined(ensemble))
    shape: list[str | int | None] = ["batch", len(model.labels)]
    probabilities = onnx.helper.make_tensor_value_info(
        "probabilities", onnx.TensorProto.FLOAT, shape
    )
    graph = onnx.helper.make_graph(nodes, "foretell", inputs, [probabilities], arrays)
    whole = onnx.helper.make_model(
        graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="foretell"
    )
    onnx.checker.check_model(whole)
    return whole


def parsed(text: str) -> list[onnx.NodeProto]:
    """Return the nodes that lines of ONNX's text format describe."""
    import onnx

    return list(onnx.parser.parse_graph(f"foretell () => () {{\n{text}\n}}").node)


def _constants(**each: int | tuple[int, ...] | tuple[float, ...]) -> str:
    """Return the lines of constants [value] by their names: int64, or double where the values are
    floats.
    """
    lines = []
    for name, given in each.items():
        values = given if isinstance(given, tuple) else (given,)
        kind = "double" if isinstance(values[0], float) else "int64"
        numbers = ", ".join(map(repr, values))
        lines.append(f"{name} = Constant <value = {kind}[{len(values)}] {{{numbers}}}> ()")
    return "\n".join(lines)


def _words_read(model: Model) -> str:
    """Return the lines of the network's inputs: the last words of each text, within its
    vocabulary.
    """
    settings = model.settings
    assert isinstance(settings, LabelsSettings)
    unknown = model.tokenizer.unknown or 0
    n_known = network_size(settings, model.tokenizer)
    last_words = _constants(back=tuple(range(-settings.length, 0))) + _LAST_WORDS_FRONT
    if settings.is_bidirectional:
        last_words = _constants(max_words=settings.length) + _LAST_WORDS_END
    return f"""
    {_constants(zero=0, one=1, unknown=unknown, n_known=n_known)}
    is_pad = Equal (ids, zero)
    is_word = Not (is_pad)
    word_count = Cast <to = {_INT64}> (is_word)
    n_words = ReduceSum <keepdims = 1> (word_count, one)
    is_known = Less (ids, n_known)
    known = Where (is_known, ids, unknown)
    {last_words}
    """


_LAST_WORDS_END = f"""
    scalar_zero = Constant <value = int64 {{0}}> ()
    scalar_one = Constant <value = int64 {{1}}> ()
    shape = Shape (ids)
    steps = Gather (shape, scalar_one)
    all_places = Range (scalar_zero, steps, scalar_one)
    is_first = Equal (all_places, zero)
    is_empty = And (is_first, is_pad)
    filled = Where (is_empty, unknown, known)
    scalar_max_words = Squeeze (max_words)
    n_read = Min (steps, scalar_max_words)
    places = Range (scalar_zero, n_read, scalar_one)
    surplus = Sub (n_words, max_words)
    start = Max (surplus, zero)
    taken = Add (start, places)
    {_PREFIX}ids = GatherElements <axis = 1> (filled, taken)
    at_least_one = Max (n_words, one)
    n_words_read = Min (at_least_one, max_words)
    flat_lengths = Squeeze (n_words_read, one)
    {_PREFIX}lengths = Cast <to = {_INT32}> (flat_lengths)
"""
"""Pad at the end as `labels.network.pad`; a text without words is one unknown word."""

_LAST_WORDS_FRONT = f"""
    place = Add (n_words, back)
    is_inside = GreaterOrEqual (place, zero)
    taken = Max (place, zero)
    read = GatherElements <axis = 1> (known, taken)
    {_PREFIX}ids = Where (is_inside, read, zero)
"""
"""Pad in front to the full length as `labels.network.pad`."""


def _linear(linear: LinearModel, *, has_tfidf: bool, is_labelwise: bool) -> str:
    """Return the lines of `linear_log` [batch, label]: log-probabilities by the linear models.

    Where texts may have several labels it is the scores, which are log-odds.
    """
    score = "Identity (l_of_ngrams)"
    if has_tfidf:
        score = f"Add (l_of_ngrams, {TFIDF_SCORES})"
    log = "linear_log = LogSoftmax <axis = 1> (l_scores)"
    if is_labelwise:
        log = "linear_log = Identity (l_scores)"
    elif linear.weights.shape[1] == 1:
        log = """
        l_of_first = Sub (l_scores, l_scores)
        l_logits = Concat <axis = 1> (l_of_first, l_scores)
        linear_log = LogSoftmax <axis = 1> (l_logits)
        """
    return f"""
    {_constants(l_zero=0, l_one=1, l_minus_one=-1, l_first=FIRST_WORD, l_size=linear.size)}
    {_constants(l_none=-1, l_last=_LAST_KEY, l_end=len(linear.keys))}
    {_keys(linear.longest)}
    {_DISTINCT}
    {_search(len(linear.keys))}
    l_place = Where (l_counts, l_position, l_end)
    l_taken = Gather (l_weights, l_place)
    l_wide = Cast <to = {_DOUBLE}> (l_taken)
    l_sum = ReduceSum <keepdims = 0> (l_wide, l_one)
    l_sum_and_bias = Add (l_sum, l_bias)
    l_of_ngrams = Cast <to = {_FLOAT}> (l_sum_and_bias)
    l_score = {score}
    l_scores = Cast <to = {_DOUBLE}> (l_score)
    {log}
    """


def _keys(longest: int) -> str:
    """Return the lines of `l_keys` [batch, n-gram]: the n-grams that begin at each word, or -1."""
    lines = """
    l_is_word = GreaterOrEqual (ids, l_first)
    l_is_known = Less (ids, l_size)
    l_has_1 = And (l_is_word, l_is_known)
    l_key_1 = Where (l_has_1, ids, l_none)
    """
    for n in range(2, longest + 1):
        lines += f"""
        {_constants(**{f"l_skip_{n}": n - 1})}
        l_head_{n} = Slice (l_key_{n - 1}, l_zero, l_minus_one, l_one)
        l_tail_{n} = Slice (l_key_1, l_skip_{n}, l_last, l_one)
        l_has_head_{n} = GreaterOrEqual (l_head_{n}, l_zero)
        l_has_tail_{n} = GreaterOrEqual (l_tail_{n}, l_zero)
        l_has_{n} = And (l_has_head_{n}, l_has_tail_{n})
        l_more_{n} = Add (l_head_{n}, l_one)
        l_shifted_{n} = Mul (l_more_{n}, l_size)
        l_whole_{n} = Add (l_shifted_{n}, l_tail_{n})
        l_key_{n} = Where (l_has_{n}, l_whole_{n}, l_none)
        """
    every = ", ".join(f"l_key_{n}" for n in range(1, longest + 1))
    return f"{lines}\nl_keys = Concat <axis = 1> ({every})"


_DISTINCT = """
    l_shape = Shape (l_keys)
    l_n_keys = Gather (l_shape, l_one)
    l_sorted, l_order = TopK <axis = 1, largest = 0, sorted = 1> (l_keys, l_n_keys)
    l_but_first = Slice (l_sorted, l_one, l_last, l_one)
    l_but_last = Slice (l_sorted, l_zero, l_minus_one, l_one)
    l_same = Equal (l_but_first, l_but_last)
    l_first_key = Slice (l_sorted, l_zero, l_one, l_one)
    l_never = Less (l_first_key, l_first_key)
    l_is_repeat = Concat <axis = 1> (l_never, l_same)
"""
"""The lines of `l_sorted` [batch, n-gram] and `l_is_repeat`: equal to the key before."""


def _search(n_keys: int) -> str:
    """Return the lines of a binary search for all n-grams at once.

    `l_position` is the number of features with a smaller key; `l_counts` is whether the feature
    there has the same key. Each step halves a power of two. `l_features` ends with a key that is
    larger than all others, so that a probe beyond the end does not match.
    """
    lines = "l_position_0 = Sub (l_sorted, l_sorted)"
    n_steps = n_keys.bit_length()
    for i in range(n_steps):
        half = 1 << (n_steps - 1 - i)
        lines += f"""
        {_constants(**{f"l_half_{i}": half, f"l_ahead_{i}": half - 1})}
        l_far_{i} = Add (l_position_{i}, l_ahead_{i})
        l_probe_{i} = Min (l_far_{i}, l_end)
        l_probed_{i} = Gather (l_features, l_probe_{i})
        l_less_{i} = Less (l_probed_{i}, l_sorted)
        l_move_{i} = Where (l_less_{i}, l_half_{i}, l_zero)
        l_position_{i + 1} = Add (l_position_{i}, l_move_{i})
        """
    return f"""
    {lines}
    l_position = Identity (l_position_{n_steps})
    l_feature = Gather (l_features, l_position)
    l_hit = Equal (l_feature, l_sorted)
    l_is_new = Not (l_is_repeat)
    l_counts = And (l_hit, l_is_new)
    """


def _linear_arrays(linear: LinearModel) -> list[onnx.TensorProto]:
    import onnx

    # The row after the last feature is the weight of n-grams that are not features.
    no_feature = np.zeros_like(linear.bias[None], linear.weights.dtype)
    arrays = {
        "l_features": np.append(linear.keys, _LAST_KEY),
        "l_weights": np.vstack([linear.weights, no_feature]),
        "l_bias": linear.bias.astype(np.float64),
    }
    return [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]


_LOG = f"""
    {_constants(smallest=(float(np.finfo(np.float32).tiny),))}
    positive = Max (of_network, smallest)
    network_log = Log (positive)
"""
_LOG_ODDS = f"""
    {_constants(lowest=(MIN_PROBABILITY,), highest=(1 - MIN_PROBABILITY,), certain=(1.0,))}
    not_low = Max (of_network, lowest)
    clipped = Min (not_low, highest)
    otherwise = Sub (certain, clipped)
    log_for = Log (clipped)
    log_against = Log (otherwise)
    network_log = Sub (log_for, log_against)
"""


def _combined(ensemble: Ensemble | LabelwiseEnsemble) -> str:
    """Return the lines of `probabilities`, as the two ensembles of `foretell.ngrams` compute
    them.
    """
    if ensemble == NETWORK_ALONE:
        return f"probabilities = Identity ({_PREFIX}probabilities)"
    log = _LOG
    answer = "Softmax <axis = 1>"
    if isinstance(ensemble, LabelwiseEnsemble):
        log = _LOG_ODDS
        answer = "Sigmoid"
    lines = [_constants(offsets=ensemble.offsets or (0.0,))]
    parts = ["offsets"]
    if ensemble.network:
        lines += [f"of_network = Cast <to = {_DOUBLE}> ({_PREFIX}probabilities)", log]
    for name, weight in (("network", ensemble.network), ("linear", ensemble.linear)):
        if weight:
            weights = weight if isinstance(weight, tuple) else (float(weight),)
            lines.append(_constants(**{f"{name}_weight": weights}))
            lines.append(f"{name}_part = Mul ({name}_log, {name}_weight)")
            parts.append(f"{name}_part")
    lines += [
        f"combined = Sum ({', '.join(parts)})",
        f"answer = {answer} (combined)",
        f"probabilities = Cast <to = {_FLOAT}> (answer)",
    ]
    return "\n".join(lines)
