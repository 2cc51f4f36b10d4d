"""Variants read side by side have the probabilities that ONNX Runtime gives each of them alone."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.artifacts.directory import read_model, read_weights_of, write_model
from foretell.artifacts.onnx_graph import build_onnx
from foretell.artifacts.weights import Weights, weight_shapes
from foretell.config import LabelsSettings, with_changes
from foretell.errors import ArtifactError
from foretell.presets import preset
from foretell.runtime.labels import variants
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.labels.network import MIN_WORDS_FOR_VARIANTS
from foretell.runtime.labels.variants import Variants
from foretell.text.padding import pad_end

Labels = Callable[..., LabelsRuntime]
SIZE, UNKNOWN = 12, 1
WORDS = ["the", "mind", "adapts", "and", "converts", ",", ".", "zebra"]


def random_weights(units: int, n_labels: int, seed: int) -> tuple[LabelsSettings, Weights]:
    base = preset("labels", "base")
    assert isinstance(base, LabelsSettings)
    small = with_changes(base, {"units": units, "embedding_size": 3})
    random = np.random.default_rng(seed)
    shapes = weight_shapes(small, SIZE, n_labels)
    return small, {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def one_after_another(graph: bytes, texts: list[list[int]], length: int) -> Any:
    """Return what ONNX Runtime gives for each text."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    ids, lengths = pad_end(texts, length, empty=UNKNOWN)
    return session.run(None, {"ids": np.where(ids < SIZE, ids, UNKNOWN), "lengths": lengths})[0]


@settings(deadline=None, max_examples=60)
@given(
    # Some words are unknown to the network.
    ids=st.lists(st.integers(1, SIZE + 3), min_size=2, max_size=45),
    # Of some texts the network reads the end, some just fit.
    room=st.sampled_from([-1, 0, 1]) | st.integers(-30, 10),
    units=st.integers(1, 9),
    n_labels=st.sampled_from([2, 4]),
    stride=st.integers(1, 4),
    at_once=st.sampled_from([1, 100, variants._MULTIPLICATIONS_AT_ONCE]),
    threads=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_probabilities_are_onnx_runtimes(
    ids: list[int], room: int, units: int, n_labels: int, stride: int, at_once: int, threads: int, seed: int
) -> None:
    length = max(1, len(ids) + room)
    small, weights = random_weights(units, n_labels, seed)
    without = list(range(max(0, len(ids) - length), len(ids), stride))
    ends = list(range(stride, len(ids) + 1, stride))
    with mock.patch.multiple(variants, _MULTIPLICATIONS_AT_ONCE=at_once, _WORK_PER_THREAD=5 * units):
        found = Variants(weights, length, UNKNOWN, threads=threads)(ids, without, ends)
    texts = [ids, *(ids[:place] + ids[place + 1 :] for place in without), *(ids[:end] for end in ends)]
    expected = one_after_another(build_onnx(small, weights).SerializeToString(), texts, length)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("n_words", [150, 420])
def test_wide_layers_and_many_words(n_words: int) -> None:
    # As wide as in `base`: products are computed a few rows at once.
    small, weights = random_weights(64, 2, 3)
    weights = {name: weight / 5 for name, weight in weights.items()}
    ids = np.random.default_rng(4).integers(1, SIZE, n_words).tolist()
    without, ends = list(range(max(0, n_words - 400), n_words)), list(range(1, n_words + 1))
    found, shared = (Variants(weights, 400, UNKNOWN, threads=n)(ids, without, ends) for n in (1, 4))
    np.testing.assert_allclose(shared, found, atol=1e-6)
    some = [0, 1, 2, 63, 64, 65, len(without), len(without) + 1, len(found) - 2, len(found) - 1]
    texts = [ids, *(ids[:place] + ids[place + 1 :] for place in without), *(ids[:end] for end in ends)]
    graph = build_onnx(small, weights).SerializeToString()
    expected = one_after_another(graph, [texts[row][-400:] for row in some], 400)
    np.testing.assert_allclose(found[some], expected, atol=1e-5)


def test_the_weights_are_left_as_they_were() -> None:
    _, weights = random_weights(5, 2, 0)
    before = {name: weight.copy() for name, weight in weights.items()}
    network = Variants(weights, 30, UNKNOWN)
    first, second = (network([2, 3, 4], [0, 1, 2], [1, 2, 3]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for name, weight in before.items():
        np.testing.assert_array_equal(weights[name], weight)


# ---- As explanations use them

TEXT = " ".join(WORDS * 5)
LAYERS = [
    f"lstm_{direction}/{part}"
    for direction in ("forward", "backward")
    for part in ("kernel", "recurrent_kernel", "bias")
]


def has_read_weights(runtime: LabelsRuntime) -> bool:
    return vars(runtime._network).get("_variants") is not None


@pytest.mark.parametrize("labels", [("neg", "pos"), ("bad", "good", "so-so")])
def test_an_explanation_is_the_same_either_way(labels_model: Labels, labels: tuple[str, ...]) -> None:
    # Words that the network does not know, and more words than it reads.
    runtime = labels_model(labels=labels, vocabulary=5)
    ours = runtime.explain(TEXT)
    assert has_read_weights(runtime)
    vars(runtime._network)["_variants"] = None
    theirs = runtime.explain(TEXT)
    assert (ours.label, len(ours.words)) == (theirs.label, len(theirs.words))
    assert ours.running == pytest.approx(theirs.running, abs=1e-5)
    for one, other in zip(ours.words, theirs.words, strict=True):
        assert one.without == pytest.approx(other.without, abs=1e-5)
        assert one.effect == pytest.approx(other.effect, abs=1e-4)


def test_only_long_explanations_read_the_weights(labels_model: Labels) -> None:
    runtime = labels_model()
    list(runtime.classify([TEXT]))
    runtime.explain(" ".join((WORDS * 5)[: MIN_WORDS_FOR_VARIANTS - 1]))
    assert not has_read_weights(runtime)
    runtime.explain(" ".join((WORDS * 5)[:MIN_WORDS_FOR_VARIANTS]))
    assert has_read_weights(runtime)


@pytest.mark.parametrize("name", ["article", "cnn-lstm"])
def test_other_networks_are_asked_for_one_text_after_another(labels_model: Labels, name: str) -> None:
    runtime = labels_model(name)
    runtime.explain(TEXT)
    assert not has_read_weights(runtime)


def changed(path: Path) -> None:
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")


def replaced(path: Path) -> None:
    """Put another model in its place."""
    model = read_model(path)
    weights = {name: weight + 1 for name, weight in model.require_weights().items()}
    write_model(dataclasses.replace(model, weights=weights), path)


@pytest.mark.parametrize("harm", [shutil.rmtree, changed, replaced])
def test_weights_that_are_not_those_opened_are_not_used(
    labels_model: Labels, harm: Callable[[Path], None]
) -> None:
    runtime = labels_model()
    assert read_weights_of(runtime.model).keys() == {"embedding", *LAYERS, "output/kernel", "output/bias"}
    harm(runtime.path)
    with pytest.raises(ArtifactError):
        read_weights_of(runtime.model)
    found = runtime.explain(TEXT)
    assert not has_read_weights(runtime)
    assert found.probability == pytest.approx(runtime.predict_proba([TEXT])[0].max(), abs=1e-6)


def test_classifying_does_not_import_it() -> None:
    module = "foretell.runtime.labels.variants"
    script = f"import sys, foretell.runtime.labels.classifier; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
