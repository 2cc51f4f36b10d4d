"""The names of weights: of Keras, of TensorFlow and in the model directory."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from foretell.errors import ArtifactError
from foretell.networks import set_weights, weights_of


class Weight:
    """A variable with the two names that Keras gives."""

    def __init__(self, path: str, shape: tuple[int, ...]) -> None:
        self.path, self.name, self.shape = path, path.split("/")[-1], shape
        self.value = np.zeros(shape, np.float32)

    def numpy(self) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = value


def network(*paths: str, shape: tuple[int, ...] = (2,)) -> SimpleNamespace:
    return SimpleNamespace(trainable_variables=[Weight(path, shape) for path in paths])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("words/lstm_1/lstm_cell/kernel", "lstm_1/kernel"),
        ("lstm_1/kernel:0", "lstm_1/kernel"),
        ("embedding/embeddings", "embedding"),
        ("bilstm/bidirectional/forward_lstm/lstm_cell/bias", "lstm_forward/bias"),
        ("output/bias", "output/bias"),
    ],
)
def test_the_names_of_keras_and_tensorflow(path: str, name: str) -> None:
    assert list(weights_of(network(path))) == [name]


def test_set_weights_undoes_weights_of() -> None:
    one, other = network("a/kernel", "a/bias"), network("a/kernel", "a/bias")
    one.trainable_variables[1].value = np.ones(2, np.float32)
    set_weights(other, weights_of(one))
    np.testing.assert_array_equal(weights_of(other)["a/bias"], 1)


def test_weights_of_another_network_are_refused() -> None:
    weights = weights_of(network("a/kernel"))
    with pytest.raises(ArtifactError, match="shape"):
        set_weights(network("a/kernel", shape=(3,)), weights)
    with pytest.raises(ArtifactError, match="the weights"):
        set_weights(network("a/kernel", "a/bias"), weights)
    with pytest.raises(ArtifactError, match="the weights"):
        set_weights(network("a/kernel"), {})


def test_they_are_copies() -> None:
    one = network("a/kernel")
    weights_of(one)["a/kernel"][:] = 5
    assert not one.trainable_variables[0].value.any()
