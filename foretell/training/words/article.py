"""The article's training loop: one window of raw integers an iteration, RMSProp, 50,000 times.

Batch size is 1, so an iteration multiplies vectors by matrices: it reads some 3.3 million weights and writes
them again with their RMSProp slots, and memory traffic is all it costs. Three things keep that traffic small,
none of which changes the mathematics:

* XLA compiles a loop of iterations into one program, so the weights stay where they are.
* The tape gives the gradient with respect to the pre-activations only, a few thousand numbers. The gradient
  of a weight matrix is a sum of three outer products (one a step), and XLA computes it inside the update: it
  never exists in memory, where `tape.gradient(loss, kernel)` would write three matrices and add them up.
* Summed by broadcasting, not by a matrix product, for XLA cannot fuse a matrix product into what uses it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from foretell.artifacts.weights import Weights
from foretell.config import WordsSettings
from foretell.errors import DataError
from foretell.networks import set_weights, weights_of
from foretell.networks.words import ArticleNetwork, Tensor
from foretell.training.checkpoints import Checkpoint
from foretell.training.events import Checkpointed, EpochDone, Listener, Progress, Said
from foretell.training.interrupt import Interrupt, interrupted
from foretell.training.run import Run
from foretell.training.words.data import TokenFile

Array = np.ndarray[Any, Any]

DECAY, EPSILON = 0.9, 1e-10
"""TensorFlow 1's defaults of RMSPropOptimizer; its momentum, 0, is left out."""

REPORT_EVERY = 1_000
"""Iterations that one reported average covers."""

CHUNK = 250
"""Iterations in one call: about a second, so that Ctrl-C is answered; calls then cost nothing."""


class OffsetWalk:
    """Where each iteration's window starts: the article's walk, with a seeded generator.

    It starts at a random offset in [0, n_input + 1], both included, moves on by n_input + 1 words, and
    restarts at such a random offset when fewer than n_input + 1 words are left.

    Args:
        words: how many words the text has.
        n_input: words of a window; its target is the word after it.
        seed: of NumPy's default generator.
    """

    def __init__(self, words: int, n_input: int, seed: int) -> None:
        self._words, self._stride = words, n_input + 1
        self._rng = np.random.default_rng(seed)
        self._offset = self._random()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self._offset > self._words - self._stride:
            self._offset = self._random()
        offset = self._offset
        self._offset += self._stride
        return offset

    def _random(self) -> int:
        return int(self._rng.integers(0, self._stride, endpoint=True))

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs, as plain values."""
        return {"offset": self._offset, "generator": self._rng.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another walk stood."""
        self._offset, self._rng.bit_generator.state = state["offset"], state["generator"]


class ArticleSteps:
    """The compiled iterations of one network, and its RMSProp slots.

    Args:
        network: the network to train, in place.
        words: int32 [word of the text], the text as integers.
        settings: window and learning_rate are read.

    Attributes:
        slots: the running mean square of each weight, in the order of `network.trainable_variables`;
            TensorFlow 1 starts them at one, not at zero, which makes its first steps small.
    """

    def __init__(self, network: ArticleNetwork, words: Array, settings: WordsSettings) -> None:
        self.network, self.n_input, self.rate = network, settings.window, settings.learning_rate
        self.windows = np.lib.stride_tricks.sliding_window_view(words.astype(np.int32), self.n_input + 1)
        self.slots = [tf.Variable(tf.ones_like(v)) for v in network.trainable_variables]
        # Always CHUNK windows, and the count of those to use: another shape would compile again.
        signature = [tf.TensorSpec([CHUNK, self.n_input + 1], tf.int32), tf.TensorSpec([], tf.int32)]
        self.compiled = tf.function(self._run, jit_compile=True, input_signature=signature)

    def run(self, offsets: Sequence[int]) -> tuple[Array, Array]:
        """Do one iteration at each of at most CHUNK offsets.

        Returns:
            loss in nats and correctness (1 or 0) of each before its update, both float32 [iteration].
        """
        # Windows and not offsets go in: XLA compiles a slice anew for each value of where it begins.
        windows = np.zeros([CHUNK, self.n_input + 1], np.int32)
        windows[: len(offsets)] = self.windows[offsets]
        losses, right = self.compiled(windows, np.int32(len(offsets)))
        return losses.numpy()[: len(offsets)], right.numpy()[: len(offsets)]

    def _run(self, windows: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Do the first `count` of the iterations on `windows`, int32 [CHUNK, n_input + 1].

        Returns:
            loss and correctness (1 or 0) of each iteration before its update, float [CHUNK], 0 after `count`.
        """
        losses = right = tf.zeros([CHUNK])
        for k in tf.range(count):
            loss, hit = self.iteration(tf.gather(windows, k))
            here = tf.one_hot(k, CHUNK)
            losses += here * loss
            right += here * hit
        return losses, right

    def iteration(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from one window, int32 [n_input + 1]; return loss in nats and 1 or 0, before the update."""
        n = self.n_input
        with tf.GradientTape() as tape:
            logits, trace = self.network.forward(window[:n])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=window[n:], logits=logits)[0]
        hit = tf.cast(tf.argmax(logits[0], output_type=tf.int32) == window[n], tf.float32)
        gradients = tape.gradient(loss, [pre for _, pre in trace])
        variables, slots = iter(self.network.trainable_variables), iter(self.slots)
        for (inputs, _), by_step in zip(trace, gradients, strict=True):
            errors = tf.concat(by_step, axis=0)  # [step, out]
            outer = [inputs[t][:, None] * errors[t][None] for t in range(errors.shape[0])]
            _rmsprop(next(variables), next(slots), tf.add_n(outer), self.rate)  # kernel, [in, out]
            _rmsprop(next(variables), next(slots), tf.reduce_sum(errors, axis=0), self.rate)  # bias, [out]
        return loss, hit


def _rmsprop(variable: Any, slot: Any, gradient: Tensor, rate: float) -> None:
    """Update as TensorFlow 1's RMSPropOptimizer: epsilon is inside the root."""
    slot.assign(DECAY * slot + (1 - DECAY) * gradient * gradient)
    variable.assign_sub(rate * gradient * tf.math.rsqrt(slot + EPSILON))


@dataclass
class Recent:
    """Loss and correctness of the last REPORT_EVERY iterations, the newest last; float32 [iteration]."""

    losses: Array
    right: Array

    def add(self, losses: Array, right: Array) -> None:
        """Take in newer iterations."""
        self.losses = np.concatenate([self.losses, losses])[-REPORT_EVERY:]
        self.right = np.concatenate([self.right, right])[-REPORT_EVERY:]

    def means(self) -> dict[str, float]:
        """Return the averages."""
        return {
            "loss": float(self.losses.mean(dtype=np.float64)),
            "accuracy": float(self.right.mean(dtype=np.float64)),
        }


def train_article(
    run: Run,
    tokens: TokenFile,
    size: int,
    settings: WordsSettings,
    listener: Listener,
    stop_after_steps: int | None = None,
) -> tuple[Weights, dict[str, Any]]:
    """Train, from the run's latest checkpoint where it has one, and return the weights and the figures.

    Args:
        run: the training.
        tokens: the text.
        size: how many different words it has.
        settings: every setting.
        listener: is told what happens.
        stop_after_steps: stop as at Ctrl-C once so many iterations are done.

    Raises:
        DataError: too few words for the walk.
        Interrupted: after a checkpoint.
    """
    # The walk may restart as far in as n_input + 1, and needs a window and its target from there.
    least = 2 * (settings.window + 1)
    if len(tokens) < least:
        raise DataError(
            expected=f"at least {least} words for windows of {settings.window}",
            found=f"{len(tokens)}",
            where="the corpus",
            fix="give more text",
        )
    loop = _Loop(run, tokens.read(0, len(tokens)), size, settings, listener)
    with Interrupt(stop_after_steps) as interrupt:
        loop.train(interrupt, stop_after_steps)
    return weights_of(loop.network), loop.metrics()


class _Loop:
    def __init__(
        self, run: Run, words: Array, size: int, settings: WordsSettings, listener: Listener
    ) -> None:
        self.run, self.settings, self.listener, self.words = run, settings, listener, words
        self.network = ArticleNetwork(settings, size)
        self.steps = ArticleSteps(self.network, words, settings)
        self.walk = OffsetWalk(len(words), settings.window, settings.seed)
        self.recent = Recent(np.zeros(0, np.float32), np.zeros(0, np.float32))
        self.step, seconds = 0, 0.0
        self.epochs = math.ceil(settings.iterations / REPORT_EVERY)
        saved = run.checkpoints.latest()
        if saved is None:
            run.log_graph(self.steps.compiled.get_concrete_function().graph)
        else:
            seconds = self._restore(saved)
        self._began = time.monotonic() - seconds

    def train(self, interrupt: Interrupt, stop_after_steps: int | None) -> None:
        last = self.settings.iterations
        while self.step < last:
            # Up to the next report, the end, or where a test stops: whichever comes first.
            ends = [self.step // REPORT_EVERY * REPORT_EVERY + REPORT_EVERY, last]
            if stop_after_steps is not None and stop_after_steps > self.step:
                ends.append(stop_after_steps)
            self._chunk(min(CHUNK, min(ends) - self.step))
            reported = self.step % REPORT_EVERY == 0 or self.step == last
            if reported:
                self._report()
            if self.step < last and interrupt.at(self.step):
                self._save()
                raise interrupted(self.step, self.run.out)
            if self.run.checkpoints.due() or self.step == last:
                self._save()

    def _chunk(self, count: int) -> None:
        began = time.monotonic()
        losses, right = self.steps.run([next(self.walk) for _ in range(count)])
        self.recent.add(losses, right)
        self.step += count
        each = (time.monotonic() - began) / count
        self.listener(
            Progress(
                step=self.step,
                steps=self.settings.iterations,
                epoch=(self.step - 1) // REPORT_EVERY + 1,
                epochs=self.epochs,
                speed=1 / each,
                unit="iterations",
                seconds_left=(self.settings.iterations - self.step) * each,
                **self.recent.means(),
            )
        )

    def _report(self) -> None:
        means = self.recent.means()
        epoch = (self.step - 1) // REPORT_EVERY + 1
        self.run.log(step=self.step, epoch=epoch, speed=self.step / self._seconds(), **means)
        self.listener(
            EpochDone(
                epoch=epoch,
                epochs=self.epochs,
                step=self.step,
                loss=means["loss"],
                accuracy=means["accuracy"],
            )
        )

    def _seconds(self) -> float:
        return max(1e-9, time.monotonic() - self._began)

    def metrics(self) -> dict[str, Any]:
        """Return the figures; accuracy and perplexity are averages of the last 1,000 iterations."""
        means = self.recent.means()
        return {
            "accuracy": means["accuracy"],
            "perplexity": math.exp(min(means["loss"], 700.0)),
            "valid_perplexity": None,
            "measured_on": f"the last {len(self.recent.losses):,} iterations",
            "steps": self.step,
            "words": len(self.words),
            "vocabulary": self.network.size,
            "seconds": self._seconds(),
            "iterations_per_second": self.step / self._seconds(),
            "words_per_second": self.step * self.settings.window / self._seconds(),
        }

    def _save(self) -> None:
        arrays = {f"weights/{name}": value for name, value in weights_of(self.network).items()}
        arrays |= {f"slots/{k}": np.array(slot.numpy()) for k, slot in enumerate(self.steps.slots)}
        arrays |= {"recent/losses": self.recent.losses, "recent/right": self.recent.right}
        state = {"walk": self.walk.state(), "seconds": self._seconds()}
        path = self.run.checkpoints.save(self.step, arrays, state)
        self.listener(Checkpointed(path=path, step=self.step))

    def _restore(self, saved: Checkpoint) -> float:
        start = "weights/"
        weights = {n.removeprefix(start): v for n, v in saved.arrays.items() if n.startswith(start)}
        set_weights(self.network, weights)
        for k, slot in enumerate(self.steps.slots):
            slot.assign(saved.arrays[f"slots/{k}"])
        self.recent = Recent(saved.arrays["recent/losses"], saved.arrays["recent/right"])
        self.walk.restore(saved.state["walk"])
        self.step = saved.step
        self.run.rewind(saved.step)
        self.listener(Said(text=f"resumed after iteration {saved.step:,} of {self.settings.iterations:,}"))
        return float(saved.state["seconds"])
