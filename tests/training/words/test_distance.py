"""How far a continued model goes from the old one: the best on the new text that keeps the old."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from foretell.config import WordsSettings
from foretell.ngrams.kneser_ney import Interpolation
from foretell.training.events import silent
from foretell.training.words.data import TokenizedCorpus
from foretell.training.words.distance import MAX_GROWTH, best_distance
from foretell.training.words.kneser_ney_fit import NEW_WEIGHTS, count, fit_kneser_ney
from foretell.training.words.token_file import TokenFile
from tests.builders import random_model

SETTINGS = WordsSettings(units=8, embedding_size=6, kneser_ney=True)
BEFORE = random_model(SETTINGS, text="a b c d e f g h i j k l")
PLACES = [
    (0.0, True, 1.0),
    (0.018, True, 0.75),
    (0.045, True, 0.3),
    (9.0, True, 0.0),
    (9.0, False, 1.0),
]


@pytest.mark.parametrize("has_counts", [False, True])
@pytest.mark.parametrize(("price", "has_old", "share"), PLACES)
def test_it_goes_as_far_as_the_old_text_allows(
    tmp_path: Path, price: float, has_old: bool, share: float, has_counts: bool
) -> None:
    """The trained weights are worth a tenth of a nat on the new text, and cost `price` on the old
    one.
    """
    rng = np.random.default_rng(2)
    files = []
    for name, low in (("new", 3), ("valid", 3), ("old", 6)):
        ids = rng.integers(low, low + 6, 3_000).astype(np.uint16)
        if name == "old" and not has_counts:
            # A word that only the new model has.
            ids[100] = BEFORE.tokenizer.size
        ids.tofile(tmp_path / f"{name}.uint16")
        files.append(TokenFile(tmp_path / f"{name}.uint16"))
    new, valid, old = files
    first = valid.read(0, 9).tolist()

    def measure(place: float, text: TokenFile) -> np.ndarray:
        if text.read(0, 9).tolist() == first:
            return np.full(len(text) - 1, 0.1 * place - 3, np.float64)
        logs = np.full(len(text) - 1, -price * place - 3, np.float64)
        if not has_counts:
            logs[99] -= 1_000 * place
        return logs

    before = BEFORE
    fits = []
    if has_counts:
        size = before.tokenizer.size
        counted = count(old.read(0, 3_000), size).model
        weights = Interpolation((0.0,) * counted.order)
        before = dataclasses.replace(before, kneser_ney=counted, interpolation=weights)
        fits = fit_kneser_ney(new, valid, size, SETTINGS, silent, old=counted)
        assert len(fits) == len(NEW_WEIGHTS)
    tokens = TokenizedCorpus(before.tokenizer, new, valid, old if has_old else None)
    found = best_distance(measure, tokens, before, fits)
    assert found.growth <= MAX_GROWTH
    if has_counts:
        assert found.kneser_ney in fits
        assert found.loss < 2.5
    else:
        assert (found.share, found.kneser_ney) == (share, None)
