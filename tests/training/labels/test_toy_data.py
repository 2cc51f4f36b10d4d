"""Toy data: too few different texts to measure on give a usable model, and no accuracy is claimed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")

from docs_blocks import DOCS, python_of

import foretell
from foretell.training.labels.folds import MANY_TEXTS, folds_to_decide, too_few

SENTENCES = {
    "billing": ["my invoice is wrong", "you charged me twice", "send the bill again", "what does it cost",
                "refund my last payment"],
    "bug": ["the app crashes on start", "the login page shows an error", "nothing loads since the update",
            "the search is broken", "photos do not upload"],
    "delivery": ["where is my parcel", "it is three days late", "change the address", "it arrived damaged",
                 "track my order"],
    "praise": ["I love your service", "great support, thank you", "the design looks wonderful",
               "best purchase this year", "your team was friendly"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def short_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network has no weight here: its training may be short."""
    monkeypatch.setattr("foretell.training.labels.fold_networks._EPOCHS", 1)
    monkeypatch.setattr("foretell.training.labels.fold_networks._STEPS", 2)


def fitted(texts: list[str], labels: object) -> foretell.TextClassifier:
    with pytest.warns(foretell.TooFewTextsWarning, match=r"too few different texts to measure \("):
        clf = foretell.TextClassifier("quick", units=4, embedding_size=4).fit(texts, labels)
    assert clf.metrics_["not_measured"].startswith("too few different texts to measure (")
    assert not {"accuracy", "macro_f1", "measured_on", "linear_accuracy", "members"} & set(clf.metrics_)
    return clf


def test_twenty_sentences_of_four_labels_are_learned() -> None:
    texts = [text for each in SENTENCES.values() for text in each]
    labels = [name for name, each in SENTENCES.items() for _ in each]
    clf = fitted(texts, labels)
    assert clf.predict(texts) == labels
    assert clf.predict(["the app shows an error", "you charged me"]) == ["bug", "billing"]


def test_one_text_for_each_of_three_labels_is_learned() -> None:
    texts, labels = ["a red apple", "a green pear", "a yellow banana"], ["x", "y", "z"]
    assert fitted(texts, labels).predict(texts) == labels


@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_the_docs_answer_rightly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(python_of(DOCS / "tracking.md")[0], names)
    clf, texts, labels = names["clf"], names["texts"], names["labels"]
    assert clf.predict(texts) == labels  # type: ignore[attr-defined]
    assert clf.predict_proba(texts).max(axis=1).min() > 0.8  # type: ignore[attr-defined]


def test_the_example_of_several_labels_answers_rightly() -> None:
    names: dict[str, object] = {}
    exec(python_of(DOCS / "multi-label.md")[0], names)
    clf, texts = names["clf"], names["texts"]
    assert isinstance(clf, foretell.TextClassifier)
    assert clf.predict(texts).tolist() == [[0, 1], [1, 0], [1, 1], [0, 0]] * 25
    assert clf.predict(["no refund, and a crash"]).tolist() == [[1, 1]]
    assert np.abs(clf.predict_proba(texts) - 0.5).min() > 0.3
    assert "accuracy" not in clf.metrics_


def test_thousands_of_repetitions_are_no_evidence() -> None:
    texts, labels = (
        ["good food", "kind people", "bad food", "a long wait"] * 300,
        ["pos", "pos", "neg", "neg"] * 300,
    )
    assert fitted(texts, labels).predict(texts[:4]) == labels[:4]


def test_report_and_card_claim_nothing(tmp_path: Path) -> None:
    texts, labels = ["good food", "kind people", "bad food", "a long wait"], ["pos", "pos", "neg", "neg"]
    with pytest.warns(foretell.TooFewTextsWarning):
        clf = foretell.TextClassifier("quick", units=4).fit(texts, labels, out=tmp_path / "m")
    for page in (tmp_path / "m" / "README.md", tmp_path / "m" / "run" / "report.html"):
        assert "too few different texts to measure (4" in page.read_text()
    assert "too few different texts" in clf._repr_html_()


def test_where_texts_are_enough_folds_decide() -> None:
    texts = [f"text {i}" for i in range(MANY_TEXTS)]
    few = np.array([0] * 26 + [1] * 4, np.int32)
    assert "of the rarest label 4" in too_few(texts[:30], few)
    assert too_few(texts[:30], np.arange(30, dtype=np.int32) % 2) == ""
    assert "measure (29," in too_few(texts[:29], np.arange(29, dtype=np.int32) % 2)
    assert too_few(texts, np.array([0] * 98 + [1] * 2, np.int32)) == ""
    several = np.stack([few, 1 - few], axis=1).astype(np.float32)
    assert not folds_to_decide(texts[:30], several, 5, 1).held.any()
    assert folds_to_decide(texts, np.tile(several[-2:], (50, 1)), 5, 1).count == 5


def test_python_trains_what_it_is_told(tmp_path: Path) -> None:
    texts = [f"{('dull bad', 'good fine')[i % 2]} film {i}" for i in range(40)]
    notes: list[str] = []
    clf = foretell.TextClassifier("quick", units=4, epochs=2, batch_size=40).fit(
        texts, [i % 2 for i in range(40)], listener=lambda event: notes.append(getattr(event, "text", ""))
    )
    assert (clf.metrics_["epochs"], clf.metrics_["steps"]) == (2, 2)
    assert not any("instead of" in note for note in notes)
    clf.save(tmp_path / "m")
    loaded = foretell.TextClassifier.load(tmp_path / "m")
    assert (loaded.epochs, loaded.batch_size, loaded.min_steps) == (2, 40, None)
