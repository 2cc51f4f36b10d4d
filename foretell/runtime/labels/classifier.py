"""`LabelsRuntime`: classify texts with a model directory, without TensorFlow.

The way of a text: the tokenizer turns it into ids, the network (`labels.network`) and the linear
models (`ngrams.linear`, `ngrams.tfidf`, and of a kept teacher's embeddings,
`artifacts.kept_teacher`) give probabilities, the ensemble (`ngrams.ensemble`) combines them, and a
`Verdict` has the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foretell.arrays import Float32s, LogProbabilities, Mask, Probabilities, in_parts
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.label_types import label_name, values_of_names
from foretell.errors import SettingsError, UsageError
from foretell.ngrams.ensemble import NETWORK_ALONE, LabelwiseEnsemble
from foretell.readable import did_you_mean
from foretell.runtime.labels.network import BATCH, LabelsNetwork
from foretell.runtime.labels.verdict import NONE_APPLIES, Verdict, flags_of
from foretell.runtime.open import model_of, settings_of
from foretell.runtime.session import Threads, check_threads
from foretell.runtime.stopping import check_stopped

if TYPE_CHECKING:
    from foretell.runtime.labels.explanation import Explanation

__all__ = ["LabelsRuntime", "Verdict"]

# Bounds on the memory; none of them changes an answer.
TEXTS_AT_ONCE = 512
CHARACTERS_AT_ONCE = 1 << 18

_NAMES_SHOWN = 20


class LabelsRuntime:
    """A classifier, opened for prediction. Threads may share it, and forked children may use it.

    Attributes:
        model: the opened model.
        path: the model directory.
        labels: the labels as text, sorted as their type is; columns of `predict_proba` are in this
            order.
        classes: the values that the labels stand for, in the same order.
        tokenizer: the model's tokenizer.
        metrics: metrics of the training.
        separator: what separates labels where a text may have several; "": each text has one.
    """

    def __init__(self, model: str | Path | Model, *, threads: int | None = None) -> None:
        """Open a model as `runtime.open.open_model` does; UsageError: it is for words."""
        model = model_of(model)
        fix = "use foretell next, complete or score with it"
        settings = settings_of(model, LabelsSettings, fix)
        self.path: Path = model.directory
        self.labels = model.labels
        self.classes: list[Any] = values_of_names(self.labels, model.label_type)
        self.tokenizer = model.tokenizer
        self.metrics = model.metrics
        self._threads = Threads(check_threads(threads), "foretell")
        self._network = LabelsNetwork(model, settings, self._threads)
        self._teacher = _teacher(model, self._threads.count)
        if model.teacher is not None:
            # The encoder's session has its own copy of the files.
            model = replace(model, teacher=model.teacher.without_files())
        self.model = model
        self.separator = settings.multi_label

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each label for each text, [text, label].

        The row of a text does not depend on the other texts. An empty text is read as one unknown
        word.
        """
        if len(texts) <= TEXTS_AT_ONCE:
            return self._probabilities(self.tokenizer.encode_batch(texts), texts)
        # The texts of the next part are tokenized while the network computes this one.
        with ThreadPoolExecutor(1) as network:
            encoded = (
                (self.tokenizer.encode_batch(part), part) for part in in_parts(texts, TEXTS_AT_ONCE)
            )
            rows = [network.submit(self._probabilities, *each) for each in encoded]
            return np.concatenate([part.result() for part in rows])

    def classify(
        self,
        texts: Iterable[str],
        *,
        abstain_below: float | None = None,
        chunk: int = TEXTS_AT_ONCE,
    ) -> Iterator[Verdict]:
        """Yield one verdict for each text, in order, while the texts are being read.

        Args:
            texts: any number of texts; never in memory all together.
            abstain_below: give no label where the most probable one has a lower probability than
                this, 0 to 1; None: always give one.
            chunk: texts that are read before their answers are given, at most. The first chunks are
                smaller, so that the first answers come at once, except of a list that is no longer
                than this. 1 answers each text before it reads the next.

        Raises:
            SettingsError: `chunk` below 1, or `abstain_below` not from 0 to 1, or with several
                labels a text.
        """
        if chunk < 1:
            raise SettingsError("at least 1", repr(chunk), where="chunk")
        if abstain_below is not None and self.separator:
            raise SettingsError(
                "no abstain-below where texts may have several labels: each label has a threshold",
                repr(abstain_below),
                where="abstain-below",
                fix="leave it out",
            )
        threshold = 0.0 if abstain_below is None else float(abstain_below)
        if not 0 <= threshold <= 1:
            raise SettingsError(
                "a probability from 0 to 1",
                repr(abstain_below),
                where="abstain-below",
            )
        if isinstance(texts, str):
            texts = [texts]
        first = 1
        if isinstance(texts, list) and len(texts) <= chunk:
            first = chunk
        chunks = _chunks(texts, chunk, first)
        return (verdict for part in chunks for verdict in self._verdicts(part, threshold))

    def decide(self, probabilities: Probabilities) -> Mask:
        """Return which labels texts with these probabilities [text, label] get, bool [text, label].

        Each label whose probability is at least its threshold; where a text has one label, the most
        probable.
        """
        if isinstance(self.model.ensemble, LabelwiseEnsemble):
            return self.model.ensemble.decide(probabilities)
        best: Mask = probabilities.argmax(axis=1)[:, None] == np.arange(len(self.labels))
        return best

    def explain(self, text: str, label: Any = None, *, bounded: bool = False) -> Explanation:
        """Return the effect of each word of a text on a label; see `Explanation`.

        Computes one answer for each word, and one for each point of the running verdict, at most
        100.

        Args:
            text: the text.
            label: the label, as in `classes` or as text; None: the most probable one.
            bounded: as the service does it: a text has at most 100,000 characters, and above 400
                words several are left out together.

        Raises:
            UsageError: the model has no such label, or the text has too many characters.
        """
        # Imported here: predictions need neither this nor the page of an explanation.
        from foretell.runtime.labels.leave_one_out import MAX_CHARACTERS, explain

        if bounded and len(text) > MAX_CHARACTERS:
            raise UsageError(
                f"a text of at most {MAX_CHARACTERS:,} characters to explain",
                f"{len(text):,}",
                fix="explain a part of it",
            )
        place = None if label is None else self._place_of(label)
        return explain(
            text,
            self.tokenizer.encode_with_offsets(text),
            self._probabilities,
            self.classes,
            length=self._network.length,
            first=0 if self.tokenizer.start is None else 1,
            label=place,
            labelwise=isinstance(self.model.ensemble, LabelwiseEnsemble),
            bounded=bounded,
        )

    def _place_of(self, label: Any) -> int:
        name = label_name(label, self.labels)
        if name not in self.labels:
            raise UsageError(
                f"a label of the model: {', '.join(self.labels[:_NAMES_SHOWN])}",
                name[:60],
                where="label",
                fix=did_you_mean(name, self.labels),
            )
        return self.labels.index(name)

    def _probabilities(self, ids: list[list[int]], texts: Sequence[str]) -> Probabilities:
        """Return the ensemble's probabilities [text, label] for the ids of each text, and the
        texts.
        """
        ensemble = self.model.ensemble
        if ensemble == NETWORK_ALONE:
            return self._network(ids)
        if ensemble.network and ensemble.linear and len(ids) > BATCH and self._teacher is None:
            # Of many texts the linear models are computed on another thread while the network is;
            # not a teacher, which can be stopped on this thread alone.
            linear = self._threads.submit(lambda some: self._linear(some, texts), ids)
            return ensemble(self._network(ids), linear.result())
        return ensemble(
            self._network(ids) if ensemble.network else None,
            self._linear(ids, texts) if ensemble.linear else None,
        )

    def _linear(self, ids: list[list[int]], texts: Sequence[str]) -> LogProbabilities:
        """Return what the linear models together say of each label, [text, label]: the ensemble's
        input.
        """
        assert self.model.linear is not None
        scores = self.model.linear.scores(ids)
        for model in self.model.tfidf:
            scores = scores + model.scores(ids, texts)
        if self._teacher is not None:
            scores = scores + self._teacher(texts)
        return self.model.ensemble.of_scores(scores)

    def _verdicts(self, texts: Sequence[str], threshold: float) -> Iterator[Verdict]:
        ids = self.tokenizer.encode_batch(texts)
        rows = self._probabilities(ids, texts)
        decided = self.decide(rows)
        for i, row in enumerate(rows.tolist()):
            n_words = len(ids[i]) - (self.tokenizer.start is not None)
            n_unknown = self.tokenizer.count_unknown(ids[i])
            labels: tuple[Any, ...] | None = None
            probability = max(row)
            label = self.classes[row.index(probability)]
            reason = ""
            if self.separator:
                labels = tuple(self.classes[place] for place in np.flatnonzero(decided[i]))
                label = self.separator.join(map(str, labels))
                if not labels:
                    reason = NONE_APPLIES
            elif probability < threshold:
                label = ""
                reason = f"below {threshold:g}"
            yield Verdict(
                label=label,
                probability=probability,
                probabilities=dict(zip(self.classes, row, strict=True)),
                reason=reason,
                flags=tuple(flags_of(n_words, n_unknown, self.metrics)),
                labels=labels,
            )


def _teacher(model: Model, threads: int) -> Callable[[Sequence[str]], Float32s] | None:
    """Return what gives the scores [text, column] of a kept teacher; None: no answer needs one."""
    kept = model.teacher
    if kept is None or not model.ensemble.linear:
        return None
    # Imported here: a classifier without a teacher opens faster.
    from foretell.runtime.encoder import SentenceEncoder

    encoder = SentenceEncoder.of_model(model, threads=threads)
    kept = kept.without_files()
    return lambda texts: kept.scores(encoder.encode_counted(texts, check=check_stopped).features())


def _chunks(texts: Iterable[str], max_texts: int, size: int) -> Iterator[list[str]]:
    """Group texts, each chunk twice as large as the one before, from `size` texts up to
    `max_texts`.
    """
    chunk = list[str]()
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) >= size or characters >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk = []
            characters = 0
            size = min(2 * size, max_texts)
    if chunk:
        yield chunk
