"""The arrays of linear models and of the Kneser–Ney model: the model again, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from foretell.errors import ArtifactError
from foretell.ngrams.kneser_ney import KneserNey
from foretell.ngrams.linear import LinearModel
from foretell.ngrams.tfidf import tfidf_arrays, tfidf_models
from foretell.training.words.kneser_ney_fit import count
from tests.ngrams.test_linear import model_of
from tests.ngrams.test_tfidf import made

ARRAYS = {
    "linear": model_of({3, 4, 30}, columns=4).to_arrays(),
    "tfidf": tfidf_arrays([made(), made(1, characters=False)]),
    "ngrams": count(np.array([0, 1, 2, 1]), 4, order=2).model.to_arrays(),
}


def again(kind: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays of the model that is made of some."""
    if kind == "tfidf":
        return tfidf_arrays(tfidf_models(arrays))
    return (LinearModel if kind == "linear" else KneserNey).from_arrays(arrays).to_arrays()


@pytest.mark.parametrize("kind", ARRAYS)
def test_they_come_back(kind: str) -> None:
    np.testing.assert_equal(again(kind, load(save(ARRAYS[kind]))), ARRAYS[kind])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("linear/keys", None),
        *(
            ("linear/keys", np.array(keys))
            for keys in ([4, 3, 30], [-1, 3, 30], [3, 30, 7**3 + 7**2 + 7])
        ),
        ("linear/keys", np.array([3, 4, 30], np.int32)),
        *(("linear/weights", np.zeros(shape, np.float32)) for shape in ((2, 4), (3, 2))),
        ("linear/weights", np.full((3, 4), np.nan, np.float32)),
        ("linear/bias", np.full(4, np.inf, np.float32)),
        *(("linear/size", np.array([size])) for size in (1 << 21, 0)),
        ("linear/longest", np.array([99])),
        ("tfidf_1/words", np.array([9, 3])),
        ("tfidf_1/characters", ARRAYS["tfidf"]["tfidf_1/characters"] + (1 << 62)),
        ("tfidf_1/alphabet", ARRAYS["tfidf"]["tfidf_1/alphabet"][::-1].copy()),
        *(("tfidf_1/shape", ARRAYS["tfidf"]["tfidf_1/shape"] * factor) for factor in (1 << 40, 0)),
        ("tfidf_2/idf", -ARRAYS["tfidf"]["tfidf_2/idf"]),
        ("tfidf_2/bias", np.zeros(3)),
        ("ngrams/1/keys", np.array([0, 1, 4])),
        ("ngrams/1/probabilities", np.array([0.3, 0.2, np.nan], np.float32)),
        ("ngrams/2/backoffs", np.array([1.0, 2.0, 1.0], np.float32)),
        ("ngrams/2/backoffs", np.array([1.0, 1.0], np.float32)),
        ("ngrams/size", None),
    ],
)
def test_others_are_refused(name: str, value: np.ndarray | None) -> None:
    kind = name.partition("/")[0].partition("_")[0]
    arrays = {key: each for key, each in {**ARRAYS[kind], name: value}.items() if each is not None}
    with pytest.raises(ArtifactError, match=f"{name.partition('/')[0]}/.*: expected .*, found"):
        again(kind, arrays)
