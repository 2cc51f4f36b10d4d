"""Labelling texts with a model directory, without TensorFlow: one answer a text, always."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foretell.artifacts import manifest
from foretell.artifacts.directory import open_verified
from foretell.artifacts.model import Model
from foretell.artifacts.weights import network_size
from foretell.config import LabelsSettings
from foretell.errors import SettingsError, UsageError
from foretell.ngrams.ensemble import NETWORK_ALONE, LogProbabilities, linear_log_probabilities
from foretell.runtime.labels.explanation import Explanation, Parts, explain
from foretell.runtime.session import Array, Session, check_threads, open_session
from foretell.text.padding import pad_end, pad_front
from foretell.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from foretell.runtime.labels.variants import Variants

Probabilities = NDArray[np.float32]

# Bounds on what is held at once; none of them changes an answer.
TEXTS_AT_ONCE = 512
CHARACTERS_AT_ONCE = 1 << 21
# Small batches are the fastest: what a step touches stays in the cache.
BATCH = 4
# A text much longer than what is read of it is cut to this many characters per word that is read, first.
CHARACTERS_PER_WORD = 64

# What a verdict's `flags` may say.
EMPTY = "empty"
UNKNOWN_WORDS = "mostly unknown words"
LONG = "far longer than any seen in training"
SHORT = "far shorter than any seen in training"
# More than so many times as long as the longest text seen, or as short as the shortest, is far.
FAR = 2

# Fewer words make so few variants that reading the weights for them does not pay.
SIDE_BY_SIDE = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one text.

    Attributes:
        label: the likeliest label; "" where the model abstains.
        probability: the likeliest label's probability, 0 to 1, abstaining or not.
        probabilities: the probability of every label.
        reason: why there is no label, such as "below 0.8"; "" where there is one.
        flags: what is odd about the text, so that the answer means less: "empty" (not one word), "mostly
            unknown words" (more than half), "far longer than any seen in training" (more than twice as
            long) or "far shorter ..." (less than half as long).
    """

    label: Any
    probability: float
    probabilities: dict[Any, float]
    reason: str = ""
    flags: tuple[str, ...] = ()


class LabelsRuntime:
    """A labels model, opened for prediction. Make one with `open`.

    Attributes:
        path: the model directory.
        labels: the labels, sorted; columns of `predict_proba` are in this order.
        tokenizer: the model's tokenizer.
        metrics: figures of the training.
        model: the opened model: its settings, parts and ensemble weights.
    """

    def __init__(self, model: Model, settings: LabelsSettings, session: Session, threads: int) -> None:
        self.model = model
        self.labels: list[str] = list(model.labels or [])
        self.path: Path = model.directory
        self.tokenizer: Tokenizer = model.tokenizer
        self.metrics: dict[str, Any] = model.metrics
        self._session = session
        self._length = settings.length
        self._manifest = _manifest(self.path)
        self._fixed_length = settings.traits.pads_front
        self._known = network_size(settings, model.tokenizer)
        self._linear = model.linear
        self._ensemble = model.ensemble
        self._far_shorter, self._far_longer = _far(model.metrics)
        self._n_threads = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="foretell")

    @classmethod
    def open(cls, path: str | Path, *, threads: int | None = None) -> LabelsRuntime:
        """Verify a model directory and open it.

        Args:
            path: the model directory.
            threads: batches that are worked on at once; None: the processors this process may use, at most 4.

        Raises:
            ArtifactError: the directory cannot be trusted (each reason has its own subclass).
            UsageError: it holds a words model.
            SettingsError: `threads` below 1.
        """
        return cls.from_model(open_verified(path), threads=threads)

    @classmethod
    def from_model(cls, model: Model, *, threads: int | None = None) -> LabelsRuntime:
        """Open a model that `open_verified` returned; see `open`."""
        settings = model.settings
        if not isinstance(settings, LabelsSettings):
            raise UsageError(
                expected="a labels model",
                found="a words model",
                where=str(model.path),
                fix="use foretell next, complete or score, or give another model",
            )
        return cls(model, settings, open_session(model.onnx_path), check_threads(threads))

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each label for each text, [text, label].

        A text has the same row whatever else is in the batch. An empty text is read as one unknown word.

        Args:
            texts: any number of texts, none included.
        """
        if len(texts) <= TEXTS_AT_ONCE:
            return self._probabilities(self.tokenizer.encode_batch(self._read(texts)))
        # While some texts are in the network, the next ones are tokenised.
        with ThreadPoolExecutor(1) as ahead:
            waiting = [
                ahead.submit(self._probabilities, self.tokenizer.encode_batch(self._read(part)))
                for part in (texts[i : i + TEXTS_AT_ONCE] for i in range(0, len(texts), TEXTS_AT_ONCE))
            ]
            return np.concatenate([each.result() for each in waiting])

    def _read(self, texts: Sequence[str]) -> Sequence[str]:
        """Return as much of each text as is read."""
        # The linear model reads whole texts: n-grams cost next to nothing.
        return texts if self._ensemble.linear else [self._end_of(text) for text in texts]

    def _probabilities(self, ids: list[list[int]]) -> Probabilities:
        """Return what the network and the linear model, mixed, give for the ids of each text."""
        of_linear: LogProbabilities | Future[LogProbabilities] | None = None
        of_network = None
        if self._ensemble.linear:
            # While the network has many texts, the linear model has them, too.
            is_shared = len(ids) > BATCH
            of_linear = self._threads.submit(self._of_linear, ids) if is_shared else self._of_linear(ids)
        if self._ensemble.network:
            of_network = self._network([each[-self._length :] for each in ids])
            if self._ensemble == NETWORK_ALONE:
                return of_network
        return self._ensemble(of_network, of_linear.result() if isinstance(of_linear, Future) else of_linear)

    def _of_linear(self, ids: list[list[int]]) -> LogProbabilities:
        """Return the log-probabilities that the linear model gives for each text: [text, label]."""
        assert self._linear is not None
        return linear_log_probabilities(self._linear.scores(ids))

    def _network(self, ids: list[list[int]]) -> Probabilities:
        """Return what the network gives for the ids of each text, cut to its length: [text, label]."""
        result = np.empty((len(ids), len(self.labels)), np.float32)
        # Texts of like length together: a batch takes as many steps as its longest text.
        order = sorted(range(len(ids)), key=lambda text: len(ids[text]))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        def predict(batch: list[int]) -> None:
            inputs = self._inputs([ids[text] for text in batch])
            result[batch] = self._session.run(["probabilities"], inputs)[0]

        # A lone batch stays on this thread: handing it over costs a tenth of a millisecond.
        for _ in map(predict, batches) if len(batches) == 1 else self._threads.map(predict, batches):
            pass
        return result

    def classify(
        self, texts: Iterable[str], *, abstain_below: float | None = None, chunk: int = TEXTS_AT_ONCE
    ) -> Iterator[Verdict]:
        """Yield one verdict for each text, in order, while the texts are being read.

        Args:
            texts: any number of texts; never held all together.
            abstain_below: give no label where the likeliest has a lower probability than this, 0 to 1; None:
                always give one.
            chunk: most texts that are read before their answers are given. The first chunks are smaller, so
                that the first answers come at once, except of a list that is no longer than this; 1 answers
                each text before it asks for the next. After 512 texts or more the next ones are read while
                their answers are being computed.

        Raises:
            SettingsError: `chunk` below 1, or `abstain_below` not from 0 to 1.
        """
        if chunk < 1:
            raise SettingsError(expected="at least 1", found=repr(chunk), where="chunk")
        least = 0.0 if abstain_below is None else float(abstain_below)
        if not 0 <= least <= 1:
            raise SettingsError(
                expected="a probability from 0 to 1", found=repr(abstain_below), where="abstain-below"
            )
        if isinstance(texts, str):
            texts = [texts]
        parts: Iterable[list[str]] = _chunks(texts, chunk)
        if isinstance(texts, list) and 0 < len(texts) <= chunk:
            parts = [texts]
        return self._answered(parts, least)

    def _answered(self, parts: Iterable[list[str]], least: float) -> Iterator[Verdict]:
        """Yield the verdicts of each part; while a large one is in the network, the next one is read."""
        ahead: Iterator[Verdict] | None = None
        with ThreadPoolExecutor(1) as network:
            try:
                for part in parts:
                    read = self._read(part)
                    ids = self.tokenizer.encode_batch(read)
                    if len(part) < TEXTS_AT_ONCE:
                        # Whoever gives few texts waits for their answers before giving more.
                        yield from ahead or ()
                        ahead = None
                        yield from self._verdicts(part, read, ids, self._probabilities(ids), least)
                        continue
                    rows = network.submit(self._probabilities, ids)
                    yield from ahead or ()
                    ahead = self._verdicts(part, read, ids, rows, least)
            except Exception:
                # A source that breaks off: what came before is answered all the same.
                yield from ahead or ()
                raise
            yield from ahead or ()

    def _verdicts(
        self,
        texts: list[str],
        read: Sequence[str],
        ids: list[list[int]],
        probabilities: Probabilities | Future[Probabilities],
        least: float,
    ) -> Iterator[Verdict]:
        rows = probabilities.result() if isinstance(probabilities, Future) else probabilities
        for i, (row, best) in enumerate(zip(rows.tolist(), rows.argmax(axis=1).tolist(), strict=True)):
            sure = row[best] >= least
            yield Verdict(
                label=self.labels[best] if sure else "",
                probability=row[best],
                probabilities=dict(zip(self.labels, row, strict=True)),
                reason="" if sure else f"below {least:g}",
                flags=self._flags(ids[i], len(texts[i]), len(read[i])),
            )

    def explain(self, text: str) -> Explanation:
        """Tell what each word of a text did to its label; see `Explanation`.

        Takes answers to as many texts as the network reads words, at most its `length`, and once more as many
        for the running verdict, at most 400. A "bilstm" reads them side by side, unless the model has changed
        on disk since it was opened; other networks one after another, which takes longer.
        """
        parts = Parts(
            self.labels,
            self._network_variants,
            self._length,
            self._linear if self._ensemble.linear else None,
            self._ensemble,
        )
        spans = self.tokenizer.encode_with_offsets(text)
        return explain(text, spans, parts, first=0 if self.tokenizer.start is None else 1)

    def _network_variants(self, ids: list[int], without: list[int], ends: list[int]) -> Probabilities:
        """Return what the network gives for a text, without each of these words, and up to each of `ends`."""
        if len(ids) >= SIDE_BY_SIDE and self._side_by_side is not None:
            return self._side_by_side(ids, without, ends)
        texts = [ids, *(ids[:i] + ids[i + 1 :] for i in without), *(ids[:end] for end in ends)]
        return self._network([each[-self._length :] for each in texts])

    @cached_property
    def _side_by_side(self) -> Variants | None:
        """What reads the variants of a text side by side; None where there is nothing that can."""
        # Only explanations of some length need it: classifying must not wait for it.
        from foretell.runtime.labels.variants import Variants, read_weights

        weights = None if self._fixed_length else read_weights(self.path, self._manifest)
        if weights is None:
            return None
        return Variants(weights, self._length, self.tokenizer.unknown or 0, threads=self._n_threads)

    def _flags(self, ids: list[int], characters: int, read: int) -> tuple[str, ...]:
        """Tell what is odd about a text: its ids, its characters and how many of them were read."""
        n_words = len(ids) - (self.tokenizer.start is not None)
        if n_words == 0:
            return (EMPTY,)
        flags = (UNKNOWN_WORDS,) if 2 * ids.count(self.tokenizer.unknown or 0) > n_words else ()
        if read < characters:
            # Only its end was encoded: taken to be like the rest.
            n_words = round(n_words * characters / read)
        if n_words > self._far_longer:
            return (*flags, LONG)
        return (*flags, SHORT) if n_words < self._far_shorter else flags

    def _inputs(self, ids: list[list[int]]) -> dict[str, Array]:
        unknown = self.tokenizer.unknown or 0
        if self._fixed_length:
            return {"ids": self._cut(pad_front(ids, self._length), unknown)}
        padded, lengths = pad_end(ids, self._length, empty=unknown)
        return {"ids": self._cut(padded, unknown), "lengths": lengths}

    def _cut(self, ids: NDArray[np.int64], unknown: int) -> NDArray[np.int64]:
        """Make words unknown that only the linear model knows."""
        return ids if self._known == self.tokenizer.size else np.where(ids < self._known, ids, unknown)

    def _end_of(self, text: str) -> str:
        """Return as much of the end of a very long text as is read: its last words decide."""
        size = CHARACTERS_PER_WORD * self._length
        while len(text) > 2 * size:
            # From a white space on: both tokenizer styles start a new word there.
            _, space, end = text[-size:].partition(" ")
            if space and len(self.tokenizer.encode(end)) > self._length:
                return end
            size *= 2
        return text


def _chunks(texts: Iterable[str], largest: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    size, held = 1, 0
    for text in texts:
        chunk.append(text)
        held += len(text)
        if len(chunk) >= size or held >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, held = [], 0
            size = min(2 * size, largest)
    if chunk:
        yield chunk


def _manifest(path: Path) -> bytes:
    """Return the manifest of a model that was just opened; nothing where it is already gone."""
    try:
        return (path / manifest.MANIFEST).read_bytes()
    except OSError:
        return b""


def _far(metrics: dict[str, Any]) -> tuple[float, float]:
    """Return which numbers of words are far shorter and far longer than any that training saw."""
    shortest, longest = metrics.get("shortest_text"), metrics.get("longest_text")
    return (
        shortest / FAR if isinstance(shortest, int) else -math.inf,
        longest * FAR if isinstance(longest, int) else math.inf,
    )
