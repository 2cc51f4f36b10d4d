"""One LSTM classifier in two libraries, Keras and PyTorch: the same layers, batches and learning
rates.

Embeddings of 128, dropout, a bidirectional LSTM of 64 units, max and mean pooled over the text
without its padding, dropout, one logit. Batches hold texts of similar length, padded to their
longest. The learning rate follows one cycle. The initial weights are drawn as each library draws
them. Two labels only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.data import Records, labels_of, texts_of

Ids = NDArray[np.int64]

WORDS = 30_000
LENGTH = 400
"""The vocabulary, and the last words of a text that are read."""
EMBEDDING_SIZE = 128
UNITS = 64
DROPOUT = 0.3
BATCH = 64
TEST_BATCH = 256
PEAK_RATE = 0.004
CLIP_NORM = 1.0
BATCHES_IN_POOL = 50
"""Texts are sorted by length within pools of so many batches, so that batches still differ between
epochs.
"""


class Encoded(NamedTuple):
    """The ids of each text to train with and to predict; 1.0 for the second label; 0 is padding."""

    train: list[Ids]
    texts: list[Ids]
    y: NDArray[np.float32]
    size: int
    labels: list[str]

    def named(self, logits: NDArray[np.floating]) -> list[str]:
        """Return the label of each logit."""
        return [self.labels[int(logit > 0)] for logit in logits]


def encode(train: Records, texts: Sequence[str]) -> Encoded:
    """Number the words of the training texts, the most frequent first; the same for both
    libraries.
    """
    from foretell.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.train(texts_of(train), "words", lowercase=True, vocabulary=WORDS)

    def ids(some: Sequence[str]) -> list[Ids]:
        # An empty text is one unknown word.
        return [
            np.array(each[-LENGTH:] or [tokenizer.unknown or 0])
            for each in tokenizer.encode_batch(some)
        ]

    labels = sorted(set(labels_of(train)))
    y = np.array([labels.index(label) for label in labels_of(train)], np.float32)
    return Encoded(ids(texts_of(train)), ids(texts), y, tokenizer.size, labels)


def padded(texts: Sequence[Ids]) -> Ids:
    """Return ids [text, step], padded with 0 at the end to the longest of these texts."""
    rows = np.zeros((len(texts), max(map(len, texts))), np.int64)
    for row, ids in zip(rows, texts, strict=True):
        row[: len(ids)] = ids
    return rows


def batches(texts: Sequence[Ids], epochs: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each training batch, all epochs after one another."""
    random = np.random.default_rng(seed)
    lengths = np.array([len(ids) for ids in texts])
    for _ in range(epochs):
        order = random.permutation(len(texts))
        rows = []
        for start in range(0, len(order), BATCHES_IN_POOL * BATCH):
            pool = order[start : start + BATCHES_IN_POOL * BATCH]
            pool = pool[lengths[pool].argsort(kind="stable")]
            rows += [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        yield from (rows[place] for place in random.permutation(len(rows)))


def rates(texts: int, epochs: int) -> NDArray[np.float32]:
    """Return the learning rate of each step: one cycle, up for 30 % of the steps, then down, in
    cosines.
    """
    steps = epochs * math.ceil(texts / BATCH)
    top = 0.3 * steps
    up = np.minimum(np.arange(steps) / top, 1.0)
    down = np.maximum(np.arange(steps) - top, 0.0) / (steps - top)
    low = PEAK_RATE / 25
    last = PEAK_RATE / 25e4
    risen = low + (PEAK_RATE - low) * (1 - np.cos(np.pi * up)) / 2
    each: NDArray[np.float32] = (last + (risen - last) * (1 + np.cos(np.pi * down)) / 2).astype(
        np.float32
    )
    return each


def predict_by_length(texts: Sequence[Ids], logits_of: Callable[[Ids], Any]) -> NDArray[np.float32]:
    """Return the logit of each text, [text], from batches of similar length."""
    logits = np.empty(len(texts), np.float32)
    order = np.argsort([len(ids) for ids in texts], kind="stable")
    for start in range(0, len(order), TEST_BATCH):
        rows = order[start : start + TEST_BATCH]
        logits[rows] = logits_of(padded([texts[row] for row in rows]))
    return logits


def keras_bilstm(train: Records, texts: Sequence[str], seed: int, *, epochs: int) -> list[str]:
    """The classifier in Keras's layers, on TensorFlow, trained by `fit`."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    data = encode(train, texts)
    model = _keras_model(data.size)
    schedule = rates(len(data.train), epochs)
    rate = _keras_schedule(schedule)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=CLIP_NORM)
    model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))

    def examples() -> Iterator[tuple[Ids, NDArray[np.float32]]]:
        for rows in batches(data.train, epochs, seed):
            yield padded([data.train[row] for row in rows]), data.y[rows]

    signature = (tf.TensorSpec((None, None), tf.int64), tf.TensorSpec((None,), tf.float32))
    dataset = tf.data.Dataset.from_generator(examples, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(schedule)))
    model.fit(dataset.prefetch(2), epochs=1, shuffle=False, verbose=0)
    answer = tf.function(model, reduce_retracing=True, input_signature=[signature[0]])
    return data.named(predict_by_length(data.texts, lambda ids: answer(ids)[:, 0].numpy()))


def _keras_model(size: int) -> Any:
    from keras import Input, Model, layers, ops

    ids = Input((None,), dtype="int64")
    mask = ops.expand_dims(ops.cast(ops.not_equal(ids, 0), "float32"), -1)
    inputs = layers.Dropout(DROPOUT)(layers.Embedding(size, EMBEDDING_SIZE)(ids))
    hidden = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True))(inputs)
    # Below every output of an LSTM, so that padding is never the largest.
    largest = ops.max(hidden * mask - 2.0 * (1.0 - mask), axis=1)
    mean = ops.sum(hidden * mask, axis=1) / ops.sum(mask, axis=1)
    pooled = layers.Dropout(DROPOUT)(ops.concatenate([largest, mean], axis=1))
    return Model(ids, layers.Dense(1)(pooled))


def _keras_schedule(values: NDArray[np.float32]) -> Any:
    from keras import ops
    from keras.optimizers import schedules

    class OneCycle(schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return ops.take(values, ops.cast(step, "int32"))

    return OneCycle()


def torch_bilstm(train: Records, texts: Sequence[str], seed: int, *, epochs: int) -> list[str]:
    """The classifier in PyTorch's layers."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    data = encode(train, texts)
    model = _torch_model(data.size)
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = nn.BCEWithLogitsLoss()
    schedule = rates(len(data.train), epochs)
    for rate, rows in zip(schedule, batches(data.train, epochs, seed), strict=True):
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.zero_grad()
        ids = torch.as_tensor(padded([data.train[row] for row in rows]))
        loss_of(model(ids), torch.as_tensor(data.y[rows])).backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return data.named(
            predict_by_length(data.texts, lambda ids: model(torch.as_tensor(ids)).numpy())
        )


def _torch_model(size: int) -> Any:
    import torch
    from torch import nn

    class Classifier(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(size, EMBEDDING_SIZE)
            self.lstm = nn.LSTM(EMBEDDING_SIZE, UNITS, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(DROPOUT)
            self.output = nn.Linear(4 * UNITS, 1)

        def forward(self, ids: Any) -> Any:
            mask = (ids > 0)[:, :, None]
            hidden, _ = self.lstm(self.dropout(self.embedding(ids)))
            largest = hidden.masked_fill(~mask, -2.0).amax(dim=1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            return self.output(self.dropout(torch.cat([largest, mean], dim=1)))[:, 0]

    return Classifier()
