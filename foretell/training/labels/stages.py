"""What surrounds the network's training: the vocabulary, the linear model, soft labels, the ensemble."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.config import LabelsSettings
from foretell.data.examples import Examples
from foretell.metrics import calibration_error, coverage_curve, reliability_bins
from foretell.ngrams.ensemble import NETWORK_ALONE, Ensemble, LogProbabilities, Probabilities, log_of
from foretell.ngrams.linear import LinearModel, weighted_sum
from foretell.training.budget import Budget
from foretell.training.events import Listener, Said
from foretell.training.labels.batches import EncodedTexts, network_texts
from foretell.training.labels.cooccurrence import word_vectors
from foretell.training.labels.ensemble_fit import LINEAR, fit_ensemble
from foretell.training.labels.linear import (
    Soft,
    TokenizedTexts,
    baseline_figures,
    baseline_of,
    encode,
    fit_linear,
    linear_logs,
    one_hot,
    tokenize,
)
from foretell.training.labels.plan import are_enough
from foretell.training.labels.teacher import can_teach, teach

if TYPE_CHECKING:
    from foretell.training.labels.network_fit import Arrays, Fitting

_MARGIN = 1.25
"""What a fit may take longer than the one before it, on a machine that others use too."""

_LEAST_WORDS = 20_000
"""Of fewer words, which stand near which is chance."""

_SHARE_OF_VECTORS, _LEAST_FITS = 1 / 3, 3.0
"""Of the time, for vectors of texts; with less than three fits of the linear model take, none are made."""

_SOFT, _SHARE = "taught/soft", "taught/share"


class Stages:
    """The parts of one training that are not the network's: each a function of the data and the settings.

    Attributes:
        tokenizer: of the training and the unlabelled texts.
        linear: the linear model, once `fit_linear` was called and where there is one.
        held_out_logs: its log-probabilities of the held-out texts, [text, label].
    """

    def __init__(
        self,
        train: Examples,
        held_out: Examples | None,
        unlabelled: Sequence[str],
        labels: list[str],
        settings: LabelsSettings,
        listener: Listener,
    ) -> None:
        self.train, self.held_out, self.unlabelled = train, held_out, unlabelled
        self.labels, self.settings, self.listener = labels, settings, listener
        self.tokenizer, self._texts = tokenize([*train.texts, *unlabelled], settings)
        self._targets = self._places(train)
        self._held_out_texts = None if held_out is None else encode(held_out.texts, self.tokenizer)
        self._soft: Probabilities | None = None
        self._baseline: dict[str, Any] = {}
        self._fit_seconds = 0.0
        self._by_vectors: LinearModel | None = None
        self._share: Ensemble | None = None
        self.linear: LinearModel | None = None
        self.held_out_logs: LogProbabilities | None = None

    def fit_linear(self, baseline: bool) -> None:
        """Fit the linear model where it is a part of the classifier or wanted as `baseline`."""
        n, n_labels = len(self.train.texts), len(self.labels)
        if not self.settings.linear:
            if baseline and self.held_out is not None:
                held_out = self.held_out
                self._baseline = baseline_of(
                    self.train.texts, self._targets, held_out.texts, self._places(held_out), n_labels
                )
                self._say_baseline()
            return
        hard = one_hot(self._targets, n_labels)
        self._fit(self._texts.part(0, n), hard)
        self._measure_linear("baseline_")
        self._say_baseline()

    def label(self, budget: Budget, kept: Arrays | None = None) -> None:
        """Give the unlabelled texts soft labels, and let the linear model learn from them.

        The linear model labels them, then, in a third of the time that is left, a better teacher.

        Args:
            budget: of the whole training.
            kept: what `to_keep` gave, of a training that is resumed.
        """
        assert self.linear is not None
        if kept is not None and _SOFT in kept:
            if _SHARE in kept:
                self._by_vectors = LinearModel.from_arrays(kept)
                network, linear = kept[_SHARE].tolist()
                self._share = Ensemble(network=network, linear=linear)
            self._learn_from(kept[_SOFT])
            return
        n, hard = len(self.train.texts), one_hot(self._targets, len(self.labels))
        taught = linear_logs(self.linear, self._texts.part(n, len(self._texts)))
        self._learn_from(np.concatenate([hard, np.exp(taught).astype(np.float32)]))
        self.listener(Said(text="the linear model has labelled them, and learns from them"))
        seconds = _SHARE_OF_VECTORS * budget.left()
        if self._vectors_pay(seconds):
            self._learn_from(self._labels_by_vectors(hard, seconds))

    def to_keep(self) -> Arrays:
        """Return what it took minutes to find out about the unlabelled texts, as named arrays."""
        if self._soft is None:
            return {}
        kept: Arrays = {_SOFT: self._soft}
        if self._by_vectors is not None and self._share is not None:
            share = np.array([self._share.network, self._share.linear])
            kept |= {**self._by_vectors.to_arrays(), _SHARE: share}
        return kept

    def _vectors_pay(self, seconds: float) -> bool:
        """Return whether vectors of texts can be made, of texts enough and in time."""
        if not self.settings.text_vectors or self.held_out is None:
            return False
        if len(self._texts.ids) < _LEAST_WORDS or seconds < _LEAST_FITS * self._fit_seconds:
            return False
        if not can_teach():
            self.listener(Said(text="vectors of texts would label them better; they need Numba"))
            return False
        return True

    def _labels_by_vectors(self, hard: Soft, seconds: float) -> Soft:
        assert self.linear is not None
        assert self.held_out is not None
        assert self._held_out_texts is not None
        texts, places = self._texts.followed_by(self._held_out_texts), self._places(self.held_out)
        by_linear = linear_logs(self.linear, texts.part(len(hard), len(texts)))
        seed, size = self.settings.seed, self.tokenizer.size
        taught = teach(texts, size, hard, by_linear, places, seed=seed, seconds=seconds)
        self._by_vectors = taught.by_vectors
        text = f"with vectors of texts it has labelled them again: {taught.held_out_accuracy:.2%}"
        self.listener(Said(text=f"{text} of the held-out part"))
        return taught.soft

    def _learn_from(self, soft: Soft) -> None:
        self._soft = soft
        self._fit(self._texts, soft)
        self._measure_linear("linear_")

    def for_network(self) -> EncodedTexts:
        """Return the texts that the network learns from, as it reads them.

        The unlabelled ones are among them, with their soft labels, where those with labels are few. Many
        teach it better alone: soft labels only say what the linear model knows, which the answer has anyway.
        """
        n, settings = len(self.train.texts), self.settings
        soft = self._soft
        if soft is not None and are_enough(settings, n):
            text = f"{n:,} texts with labels are enough for the network: the others teach the linear model"
            self.listener(Said(text=text))
            soft = None
        if soft is None:
            texts, targets = self._texts.part(0, n), self._targets
        else:
            texts, targets = self._texts, soft.argmax(axis=1).astype(np.int32)
        return network_texts(
            texts.ids, texts.starts, targets, len(self.labels), self.tokenizer, settings, soft
        )

    def held_out_for_network(self) -> EncodedTexts | None:
        """Return the held-out texts as the network reads them."""
        texts = self._held_out_texts
        if self.held_out is None or texts is None:
            return None
        targets = self._places(self.held_out)
        return network_texts(
            texts.ids, texts.starts, targets, len(self.labels), self.tokenizer, self.settings
        )

    def give_vectors(self, network: Any) -> None:
        """Let the embedding of a new network start from vectors of the words, made of these texts."""
        if len(self._texts.ids) < _LEAST_WORDS:
            return
        weights = network.get_layer("embedding").embeddings
        first, (size, width) = self.tokenizer.specials, weights.shape
        vectors, known = word_vectors(
            self._texts.ids, self._texts.starts, first=first, size=size, width=width, seed=self.settings.seed
        )
        weights.assign(np.where(known[:, None], vectors, weights.numpy()))
        text = f"{known.sum():,} words have vectors that tell which words stand near them"
        self.listener(Said(text=text))

    def mix(self, fitting: Fitting, of_network: Probabilities | None) -> Ensemble:
        """Return what network and linear model weigh, as the held-out texts say; without any, half each.

        Args:
            fitting: the network's training, at its end.
            of_network: what the network gives for the held-out texts, [text, label].
        """
        if not self.settings.linear:
            # The article's answers stay as its network gives them.
            if fitting.valid is None or of_network is None or self.settings.traits.follows_article:
                return NETWORK_ALONE
            return fit_ensemble(fitting.valid.targets, [log_of(of_network), None])
        return self._ensemble(fitting, of_network)

    def refit(self) -> None:
        """Fit the linear model once more, to the held-out texts too: what they had to say is said."""
        if self.linear is None or self.held_out is None or self._held_out_texts is None:
            return
        n_labels = len(self.labels)
        soft = one_hot(self._targets, n_labels) if self._soft is None else self._soft
        targets = np.concatenate([soft, one_hot(self._places(self.held_out), n_labels)])
        self._fit(self._texts.followed_by(self._held_out_texts), targets)

    def seconds_to_end(self) -> float:
        """Return about how long the linear model's fit after the network's training will take."""
        refit = self.settings.linear and self.settings.refit and self.held_out is not None
        return _MARGIN * self._fit_seconds if refit else 0.0

    def _fit(self, texts: TokenizedTexts, soft: Soft) -> None:
        """Fit the linear model; what the vectors of n-grams say is added to its weights."""
        began = time.monotonic()
        self.linear = fit_linear(texts, soft, self.tokenizer.size)
        self._fit_seconds = time.monotonic() - began
        if self._by_vectors is None:
            return
        if self._share is None:
            assert self.held_out is not None
            assert self._held_out_texts is not None
            parts = [linear_logs(model, self._held_out_texts) for model in (self._by_vectors, self.linear)]
            self._share = fit_ensemble(self._places(self.held_out), parts)
        self.linear = weighted_sum([self._by_vectors, self.linear], [self._share.network, self._share.linear])

    def _ensemble(self, fitting: Fitting, of_network: Probabilities | None) -> Ensemble:
        if fitting.valid is None or of_network is None or self.held_out_logs is None:
            return Ensemble(network=0.5, linear=0.5)
        return fit_ensemble(fitting.valid.targets, [log_of(of_network), self.held_out_logs], LINEAR)

    def figures(
        self, targets: npt.NDArray[np.int32], of_network: Probabilities, answers: Probabilities
    ) -> dict[str, Any]:
        """Return what each part is worth alone, and how far the answers' probabilities can be trusted."""
        found = {**self._baseline, **self.lengths()}
        for name, probabilities in (("", answers), ("network_", of_network)):
            confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
            found[f"{name}calibration_error"] = calibration_error(confidence, right)
            if name:
                found[f"{name}accuracy"] = float(right.mean())
            else:
                found["reliability"] = reliability_bins(confidence, right)
                found["coverage"] = coverage_curve(confidence, right)
        return found

    def lengths(self) -> dict[str, int]:
        """Return the words of the shortest and the longest text learned from, unlabelled ones included."""
        words = np.diff(self._texts.starts) - (self.tokenizer.start is not None)
        return {"shortest_text": int(words.min()), "longest_text": int(words.max())}

    def _places(self, examples: Examples) -> npt.NDArray[np.int32]:
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place[label] for label in examples.labels], np.int32)

    def _measure_linear(self, prefix: str) -> None:
        if self.held_out is None or self._held_out_texts is None or self.linear is None:
            return
        self.held_out_logs = linear_logs(self.linear, self._held_out_texts)
        found = baseline_figures(self.held_out_logs, self._places(self.held_out))
        self._baseline |= {name.replace("baseline_", prefix): value for name, value in found.items()}

    def _say_baseline(self) -> None:
        if self._baseline:
            accuracy = self._baseline["baseline_accuracy"]
            self.listener(Said(text=f"a linear model of 1-3 grams: {accuracy:.2%} of the held-out part"))
