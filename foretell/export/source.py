"""The model that is exported: opened, verified, able to answer, and described for another
program.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from tokenizers import Regex, pre_tokenizers

from foretell.arrays import Float32s, Floats
from foretell.artifacts.directory import read_model
from foretell.artifacts.manifest import KNESER_NEY, TFIDF
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings
from foretell.data.label_types import json_value, values_of_names
from foretell.errors import SettingsError, UsageError
from foretell.hub.models import local_path
from foretell.ngrams.cache import HALF, ContinuousCache
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.ngrams.kneser_ney import Interpolation
from foretell.ngrams.pruning import pruned
from foretell.ngrams.tfidf import TfidfModel
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.open import open_model
from foretell.text import styles
from foretell.text.tokenizer import Tokenizer

Kind = Literal["classifier", "stateful", "windowed"]
"""What a copy takes and gives. classifier: the ids of a text to the probability of each label;
stateful: ids and LSTM states to logits and states; windowed: the article's windows of raw integers
to logits.
"""


_SURROGATES = range(0xD800, 0xE000)
_SCRIPTS = {
    "character": styles.CHARACTER,
    "unspaced": styles.UNSPACED,
    "extending": styles.EXTENDING,
    "regional": styles.REGIONAL,
    "joining": styles.JOINING,
    "southeast_asian": styles.SOUTHEAST_ASIAN,
}
"""The parts of `foretell.text.styles`: `character` is a pattern, the others are insides of
classes.
"""


class ExportSource:
    """A model directory, opened to be exported.

    Args:
        model: the model directory, or the model that was read from it.
        max_ngrams: n-grams of two or more words that are kept of a Kneser–Ney model; None: all.

    Attributes:
        model: the verified model, without a kept teacher.
        has_teacher: whether the model keeps a teacher, which no export holds.
        kind: what a copy takes and gives.
        tfidf: the linear models of TF-IDF values whose scores a copy takes as `tfidf_scores`; ():
            none.
        labels: the labels as text, in the order of the answers; [] for words.
        thresholds: where texts may have several labels, the probability from which a text gets
            each; or None.
        states: the LSTM states of a stateful model, name to number of units, in the order of the
            layers.
        window: the number of words that a windowed model reads; 0 for the others.
        length: the maximum number of words that a classifier's network reads; 0 for words.
    """

    def __init__(self, model: str | Path | Model, max_ngrams: int | None = None) -> None:
        if not isinstance(model, Model):
            model = read_model(local_path(model))
        ensemble = model.ensemble
        settings = model.settings
        self.has_teacher = model.teacher is not None and bool(ensemble.linear)
        self.model = replace(model, teacher=None)
        if max_ngrams is not None:
            self.model = _pruned(self.model, max_ngrams)
        self.tfidf: tuple[TfidfModel, ...] = model.tfidf if ensemble.linear else ()
        self.labels = list(model.labels)
        self.thresholds: list[float] | None = None
        if isinstance(ensemble, LabelwiseEnsemble):
            self.thresholds = list(ensemble.thresholds)
        self.states: dict[str, int] = {}
        self.window = self.length = 0
        self.kind: Kind = "classifier"
        self._runtime = open_model(self.model)
        if isinstance(settings, LabelsSettings):
            self.length = settings.length
        elif settings.follows_article:
            self.kind = "windowed"
            self.window = settings.window
        else:
            self.kind = "stateful"
            for layer in range(1, settings.layers + 1):
                self.states |= {f"h_{layer}": settings.units, f"c_{layer}": settings.units}

    def ids(self, text: str) -> list[int]:
        """Return the ids that a copy of the model takes for one line of text."""
        ids = self.model.tokenizer.encode(text)
        end = self.model.tokenizer.end_of_line
        if self.model.job == "words" and end is not None:
            # A language model's stream starts after the end of a line.
            return [end, *ids]
        return ids

    def tfidf_scores(self, text: str) -> Float32s | None:
        """Return the scores that a copy takes with one text, float32 [1, column]; None if it takes
        none.
        """
        if not self.tfidf:
            return None
        ids = [self.model.tokenizer.encode(text)]
        by_model = [model.scores(ids, [text]) for model in self.tfidf]
        scores: Float32s = np.sum(by_model, axis=0, dtype=np.float32)
        return scores

    def answers(self, texts: Sequence[str]) -> Floats:
        """Return foretell's own answers: the probability of each label or each next word, [text,
        choice].

        Those of a classifier are without a kept teacher. Words that foretell never predicts are
        NaN.
        """
        if isinstance(self._runtime, LabelsRuntime):
            return self._runtime.predict_proba(texts)
        tokenizer = self._runtime.tokenizer
        rows = np.full((len(texts), tokenizer.size), np.nan)
        for row, text in zip(rows, texts, strict=True):
            for candidate in self._runtime.next(text, k=tokenizer.size):
                row[tokenizer.id(candidate.word)] = candidate.probability
        return rows

    def description(self, format: str, *, int8: bool) -> dict[str, object]:
        """Return the content of model.json about the model."""
        model = self.model
        cache = model.cache or ContinuousCache()
        described: dict[str, object] = {
            "foretell": model.written_by,
            "format": format,
            "precision": "int8" if int8 else "float32",
            "answer": "without teacher" if self.has_teacher else "whole",
            "job": model.job,
            "preset": model.preset,
            "labels": list(map(json_value, values_of_names(self.labels, model.label_type))),
            "thresholds": self.thresholds,
            "length": self.length,
            "states": self.states,
            "window": self.window,
            "tfidf": TFIDF * bool(self.tfidf),
            "kneser_ney": KNESER_NEY * (model.kneser_ney is not None),
            "interpolation": model.interpolation and list(model.interpolation.kneser_ney_weights),
            "cache": self.states and {**cache.to_dict(), "half": HALF},
        }
        # What the model does not have is null.
        described = {name: value or None for name, value in described.items()}
        return {**described, "tokens": token_rules(model.tokenizer)}


def token_rules(tokenizer: Tokenizer) -> dict[str, object]:
    """Return the rules by which another language splits texts exactly as a tokenizer does, ready
    for JSON.

    The tokenizer's regular expressions use `\\w` and `\\s`, whose characters depend on an engine's
    version of Unicode. `letters` and `spaces` list them, as the insides of a character class of
    JavaScript's regular expressions with the flag u. `scripts` has the other parts of the pattern,
    and the characters that determine the spaces of a written text; None where the tokenizer does
    not split by scripts. `first_byte` is the id of the byte 0, after which the other bytes follow;
    None where the vocabulary is not open. `max_run` is the length of the longest run of letters or
    signs of "subword".
    """
    return {
        "style": tokenizer.style,
        "lowercase": "Lowercase" in json.dumps(json.loads(tokenizer.to_json())["normalizer"]),
        "size": tokenizer.size,
        "pad": tokenizer.pad,
        "start": tokenizer.start,
        "unknown": tokenizer.unknown,
        "end_of_line": tokenizer.end_of_line,
        "first_byte": tokenizer.bytes.start if tokenizer.is_open else None,
        "max_run": styles.MAX_RUN,
        "letters": _class_of(r"\w+"),
        "spaces": _class_of(r"\s+"),
        "scripts": _SCRIPTS if tokenizer.style == "words" else None,
    }


@functools.cache
def _class_of(pattern: str) -> str:
    """Return the characters that a pattern of the tokenizers library matches, as ranges
    \\u{…}-\\u{…}.
    """
    text = "".join(chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES)
    # "removed" with `invert` keeps what the pattern matches, in the order of the code points.
    runs = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(text)
    codes = [ord(character) for run, _ in runs for character in run]
    ranges = []
    for _, group in itertools.groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        members = [code for _, code in group]
        ranges.append(f"\\u{{{members[0]:x}}}-\\u{{{members[-1]:x}}}")
    return "".join(ranges)


def _pruned(model: Model, max_ngrams: int) -> Model:
    """Return a language model with at most so many n-grams of two or more words."""
    if max_ngrams < 1:
        raise SettingsError("a number of n-grams, 1 or more", max_ngrams, where="max_ngrams")
    if model.kneser_ney is None or model.interpolation is None:
        raise UsageError(
            "a language model with a Kneser–Ney model",
            f"a model for {model.job} without one",
            where="max_ngrams",
            fix="leave it out",
        )
    smaller = pruned(model.kneser_ney, max_ngrams)
    weights = model.interpolation.kneser_ney_weights[: smaller.order]
    return replace(model, kneser_ney=smaller, interpolation=Interpolation(weights))
