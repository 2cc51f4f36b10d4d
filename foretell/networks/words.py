"""The two language models: `LstmNetwork` (presets base and best) and `ArticleNetwork` (preset
article).

Both are trained by an explicit loop (`foretell.training.loop`). They are plain
classes, not Keras models, because the loops carry the LSTM state themselves.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow import Tensor

from foretell.config import WordsSettings
from foretell.networks.lstm_layer import FastLSTM, Precision, product

States = Sequence[Tensor]
"""The LSTM state between two windows: h_1, c_1, h_2, c_2, …, each [stream, unit]."""

# Added to a step's seed for the dropout of whole words; the other dropouts add smaller numbers.
_WORDS_SEED = 100


class LstmNetwork:
    """Embedding, LSTM layers, and the embedding again as output layer (tied weights: Press & Wolf
    2017).

    Axes: stream (texts read side by side), step (words of one window), word (every id), embedding,
    unit.

    >>> network = LstmNetwork(settings, size=20_000)
    >>> hidden, states = network.hidden(ids, network.first_states(16))
    >>> logits = network.logits(hidden[:, -1])  # [stream, word]

    Args:
        settings: embedding_size, units, layers, seed and both dropouts are read.
        size: number of ids.
        precision: of the large products in training.
    """

    def __init__(
        self, settings: WordsSettings, size: int, precision: Precision = "float32"
    ) -> None:
        self.settings = settings
        self.size = size
        self.precision = precision
        seed = settings.seed * 100
        width = settings.embedding_size
        units = settings.units
        # Small, because these are the output weights too: the first logits are then close to zero.
        small = keras.initializers.RandomUniform(-0.05, 0.05, seed=seed)
        self.embedding = keras.layers.Embedding(
            size, width, embeddings_initializer=small, name="embedding"
        )
        self.embedding.build(None)
        self.lstms = []
        for k in range(settings.layers):
            lstm = FastLSTM(
                units,
                return_sequences=True,
                return_state=True,
                precision=precision,
                kernel_initializer=keras.initializers.GlorotUniform(seed + 2 * k + 1),
                recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 2 * k + 2),
                name=f"lstm_{k + 1}",
            )
            lstm.build((None, None, width if k == 0 else units))
            self.lstms.append(lstm)
        self.projection = None
        if units != width:
            glorot = keras.initializers.GlorotUniform(seed + 99)
            self.projection = keras.layers.Dense(
                width, kernel_initializer=glorot, name="projection"
            )
            self.projection.build((None, None, units))
        with keras.name_scope("output"):
            self.bias = keras.Variable(np.zeros(size, "float32"), name="bias")

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Every weight, in a fixed order."""
        layers = [self.embedding, *self.lstms, *([self.projection] if self.projection else [])]
        return [variable for layer in layers for variable in layer.trainable_variables] + [
            self.bias
        ]

    def first_states(self, streams: int) -> States:
        """Return the state before the first word: zeros, [stream, unit] each."""
        return [tf.zeros([streams, self.settings.units]) for _ in range(2 * self.settings.layers)]

    def hidden(
        self, ids: Tensor, states: States, seed: Tensor | None = None
    ) -> tuple[Tensor, States]:
        """Read one window.

        Args:
            ids: int [stream, step].
            states: those after the window before, or `first_states`.
            seed: int32 [2], the seed of this step's dropout; None: no dropout, as when predicting.

        Returns:
            hidden, float [stream, step, embedding], for `logits`; and the new states.
        """
        x = self._drop_words(self._embedded(ids), ids, seed)  # [stream, step, embedding]
        x = self._drop(x, seed, 0)
        after: list[Tensor] = []
        for k, lstm in enumerate(self.lstms):
            # [stream, step, unit], [stream, unit], [stream, unit]
            x, h, c = lstm(x, initial_state=states[2 * k : 2 * k + 2], training=seed is not None)
            x = self._drop(x, seed, k + 1)
            after += [h, c]
        if self.projection is not None:
            x = self.projection(x)  # [stream, step, embedding]
        return x, after

    def logits(self, hidden: Tensor, *, training: bool = False) -> Tensor:
        """Return the logits of every word: [row, embedding] to [row, word]."""
        weights = self.embedding.embeddings.value
        precision = self.precision if training else "float32"
        return product(hidden, weights, precision, transpose_b=True) + self.bias.value

    def logits_of(self, hidden: Tensor, ids: Tensor, added: Tensor) -> Tensor:
        """Return the logits of chosen words, in training, each plus a constant for its word.

        [row, embedding], int [chosen] and float [chosen] to [row, chosen].
        """
        weights = self._embedded(ids)
        # Added to the biases first: there are far fewer of them than logits.
        biases = tf.gather(self.bias.value, ids) + added
        return product(hidden, weights, self.precision, transpose_b=True) + biases

    def logit_of_own(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return one logit a row: [row, embedding] and int [row] to [row]."""
        weights = self._embedded(ids)
        return tf.reduce_sum(hidden * weights, axis=1) + tf.gather(self.bias.value, ids)

    def _embedded(self, ids: Tensor) -> Tensor:
        """Return the embeddings of ids: int […] to float […, embedding].

        They are gathered from the variable. Keras's layer reads it first, and after a sparse update
        TensorFlow copies all of it for that.
        """
        return tf.gather(self.embedding.embeddings.value, ids)

    # The dropout masks depend on the step's seed alone, so that a resumed run draws the same ones.

    def _drop(self, x: Tensor, seed: Tensor | None, place: int) -> Tensor:
        """Apply dropout between layers, with another mask in each step (Zaremba et al. 2014,
        section 3.1).
        """
        rate = self.settings.dropout
        if seed is None or rate == 0.0:
            return x
        place_seed = seed + tf.constant([0, place])
        return tf.nn.experimental.stateless_dropout(x, rate, place_seed, rng_alg="philox")

    def _drop_words(self, x: Tensor, ids: Tensor, seed: Tensor | None) -> Tensor:
        """Drop whole words at every position (embedding dropout, Gal & Ghahramani 2016)."""
        rate = self.settings.word_dropout
        if seed is None or rate == 0.0:
            return x
        mask = tf.nn.experimental.stateless_dropout(
            tf.ones([self.size]), rate, seed + tf.constant([0, _WORDS_SEED]), rng_alg="philox"
        )
        return x * tf.gather(mask, ids)[:, :, None]


class ArticleNetwork:
    """The article's network: raw integers in, stacked BasicLSTMCells of TensorFlow 1, one dense
    layer.

    Each cell has one kernel over its input and its state, [in + unit, 4 · unit], gates in the order
    i, j, f, o, and adds a forget bias of 1. Kernels are Glorot uniform, biases zero; the dense
    layer's weights and biases are both drawn from N(0, 1), as the article draws them.

    Args:
        settings: units, layers and seed are read.
        size: number of words.
    """

    def __init__(self, settings: WordsSettings, size: int) -> None:
        self.settings = settings
        self.size = size
        self.units = settings.units
        # NumPy's generator gives the same numbers on every machine; TensorFlow's may not.
        rng = np.random.default_rng(settings.seed)
        self.cells: list[tuple[tf.Variable, tf.Variable]] = []
        for k in range(settings.layers):
            rows = (1 if k == 0 else self.units) + self.units
            columns = 4 * self.units
            limit = np.sqrt(6 / (rows + columns))
            kernel = _variable(rng.uniform(-limit, limit, [rows, columns]), f"lstm_{k + 1}/kernel")
            self.cells.append((kernel, _variable(np.zeros(columns), f"lstm_{k + 1}/bias")))
        self.dense_kernel = _variable(rng.normal(size=[self.units, size]), "dense/kernel")
        self.dense_bias = _variable(rng.normal(size=size), "dense/bias")

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        """Every weight, in the order of the layers: kernel, bias, kernel, bias, …"""
        return [*(v for cell in self.cells for v in cell), self.dense_kernel, self.dense_bias]

    def forward(self, ids: Tensor) -> tuple[Tensor, list[tuple[Tensor, list[Tensor]]]]:
        """Read one window.

        Args:
            ids: int [step], the words' integers.

        Returns:
            logits, float [1, word]; and for each layer, dense last, its inputs, [step, in], and its
            pre-activations, a list of [1, out] by step. The gradient of the weights is computed
            from these.
        """
        seen = tf.cast(ids, tf.float32)
        xs = [seen[t][None, None] for t in range(ids.shape[0])]  # each [1, 1]: batch, value
        trace = []
        for kernel, bias in self.cells:
            h = c = tf.zeros([1, self.units])
            inputs = []
            pre = []
            outputs = []
            for x in xs:
                both = tf.concat([x, h], axis=1)  # [1, in + unit]
                gates = tf.matmul(both, kernel) + bias  # [1, 4 · unit]
                i, j, f, o = tf.split(gates, 4, axis=1)
                c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
                h = tf.tanh(c) * tf.sigmoid(o)
                inputs.append(both)
                pre.append(gates)
                outputs.append(h)
            trace.append((tf.concat(inputs, axis=0), pre))
            xs = outputs
        logits = tf.matmul(xs[-1], self.dense_kernel) + self.dense_bias
        trace.append((xs[-1], [logits]))
        return logits, trace


def _variable(values: npt.ArrayLike, name: str) -> tf.Variable:
    return tf.Variable(np.asarray(values, "float32"), name=name)
