"""A newcomer's mistakes and habits in Python: each works, or is one line that says what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError

import foretell
from foretell import LanguageModel, TextClassifier
from foretell.config import WordsSettings
from foretell.errors import ForetellError
from tests.builders import write_random

pytest.importorskip("tensorflow")

NOUNS = ("soup", "wine", "room", "film", "staff", "music", "bread")
TEXTS = [f"{a} {b}" for a in ("lovely", "fine", "awful", "poor") for b in NOUNS]
LABELS = ["good" if text.startswith(("lovely", "fine")) else "bad" for text in TEXTS]
TINY: dict[str, Any] = {
    "units": 4,
    "embedding_size": 8,
    "epochs": 1,
    "min_steps": 1,
    "batch_size": 8,
    "learning_rate": 0.1,
}


def tiny(**settings: Any) -> TextClassifier:
    return TextClassifier("quick", **{**TINY, "folds": 0, **settings})


@pytest.fixture(scope="module")
def clf() -> TextClassifier:
    # NumPy's numbers are numbers.
    return tiny(units=np.int64(4)).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def saved(clf: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    clf.save(path)
    return path


TWO = TEXTS[:2]


def test_a_column_of_texts_is_taken(clf: TextClassifier) -> None:
    arrow = pa.chunked_array([TWO[:1], TWO[1:]])
    for given in (
        np.array(TWO)[:, None],
        pl.DataFrame({"body": TWO}),
        arrow,
        pa.table({"body": TWO}),
    ):
        assert list(clf.predict(given)) == clf.predict(TWO)


TWO_COLUMNS = {"body": TEXTS, "team": LABELS}
GIVE_ONE = "found 2 columns; give one column"
WRONG_TEXTS = [
    ("lovely", "X: expected several texts, found one str; give a list"),
    (Path("reviews.csv"), "X: expected several texts, found one "),
    (None, "X: expected several texts, found one NoneType"),
    ([1, 2], r"X\[0\]: expected a text, found 1"),
    (["a", float("nan")], r"X\[1\]: expected a text, found nan; leave out rows without a text"),
    ([b"lovely"], r"found b'lovely'; decode it"),
    (np.array([TWO, TWO]), GIVE_ONE),
    (pl.DataFrame(TWO_COLUMNS), GIVE_ONE),
]


@pytest.mark.parametrize(("texts", "message"), WRONG_TEXTS, ids=lambda value: type(value).__name__)
def test_what_is_no_column_of_texts_is_one_line(
    clf: TextClassifier, texts: Any, message: str
) -> None:
    with pytest.raises(ForetellError, match=message) as caught:
        clf.predict(texts)
    assert "\n" not in str(caught.value)


def in_order(texts: Any, labels: Any = None, **settings: Any) -> Callable[[], Any]:
    return lambda: tiny(**settings).fit(texts, labels)


WRONG_FITS = {
    "X and y swapped": (in_order(LABELS, TEXTS), r"the other way round; fit\(texts, labels\)"),
    "one label too few": (
        in_order(TEXTS, LABELS[1:]),
        "expected 28 labels, one for each text, found 27",
    ),
    "no y": (in_order(TEXTS), "found none: y is None"),
    "nothing": (in_order([], []), "expected texts with labels"),
    "two columns": (in_order(pd.DataFrame(TWO_COLUMNS), LABELS), GIVE_ONE),
    "a missing file": (in_order("nope.csv"), "nope.csv: expected a file or folder that exists"),
    "a text as path": (
        in_order("a text\n" * 100),
        "found nothing; .*a text itself goes into a list",
    ),
    "a number as text": (
        in_order(TEXTS, LABELS, units="64"),
        "units: .* found '64'; leave out the quotes",
    ),
    "no model": (lambda: foretell.load("nope"), "found nothing there; check the path"),
    "a file as model": (lambda: foretell.load(__file__), "found a file; check the path"),
}


@pytest.mark.parametrize("name", WRONG_FITS)
def test_a_mistake_is_one_line(name: str) -> None:
    call, message = WRONG_FITS[name]
    with pytest.raises(ForetellError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "use", ["predict", "predict_proba", "classify", "explain", "report", "save", "export"]
)
def test_before_fit(use: str) -> None:
    arguments = () if use == "report" else ("onnx",) if use == "export" else (["a"],)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(TextClassifier(), use)(*arguments)


def test_a_model_is_opened_by_its_job(saved: Path) -> None:
    assert isinstance(foretell.load(saved), TextClassifier)
    with pytest.raises(ForetellError, match="expected a model for words, found one for labels"):
        LanguageModel.load(saved)


@pytest.mark.skipif(os.name == "nt", reason="a path of POSIX systems")
def test_a_model_cannot_be_saved_everywhere(
    clf: TextClassifier, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ForetellError):
            clf.save(place)
    with pytest.raises(ForetellError, match=r"a finished model; .*overwrite=True"):
        tiny().fit(TEXTS, LABELS, out=saved)
    assert foretell.load(saved).predict(TWO) == clf.predict(TWO)


@pytest.mark.parametrize(
    ("call", "way"),
    [
        (lambda _: TextClassifier(random_state=1), "its name here is seed"),  # type: ignore[call-arg]
        (lambda _: TextClassifier(class_weight="balanced"), "its name here is balance"),  # type: ignore[call-arg]
        (lambda _: TextClassifier(n_jobs=-1), "foretell uses every processor"),  # type: ignore[call-arg]
        (lambda _: TextClassifier(unit=3), "did you mean units?"),  # type: ignore[call-arg]
        (lambda _: TextClassifier(stratify=True), "expected one of preset, seed"),  # type: ignore[call-arg]
        (lambda _: LanguageModel(), "LanguageModel.train"),
        (lambda _: LanguageModel.train("meditations", random_state=1), "its name here is seed"),
        (lambda lm: lm.complete("the", max_length=5), "its name here is words"),
        (lambda lm: lm.complete("the", max_new_tokens=5), "its name here is max_tokens"),
        (lambda lm: lm.complete("the", n=2), r"its name here is continuations\(text, n\)"),
        (lambda lm: lm.continuations("the", do_sample=False), "its name here is temperature"),
    ],
)
def test_names_of_other_libraries_lead_to_those_here(
    call: Callable[[Any], object], way: str, tmp_path: Path
) -> None:
    path = write_random(tmp_path / "w", WordsSettings(embedding_size=4, units=4))
    with pytest.raises(ForetellError, match=way):
        call(LanguageModel.load(path))


def test_a_path_may_begin_with_the_home_folder(
    clf: TextClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    clf.save("~/model")
    clf.export("onnx", "~/exported")
    foretell.load("~/model")
    assert {each.name for each in tmp_path.iterdir()} == {"model", "exported"}
