"""Several labels for each text: messy data in, one model, the same answers everywhere."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("tensorflow")

from sklearn.preprocessing import MultiLabelBinarizer

import foretell
from foretell.errors import DataError, SettingsError, UsageError
from foretell.ngrams.ensemble import LabelwiseEnsemble
from foretell.runtime.labels.classifier import LabelsRuntime

TINY: dict[str, Any] = {
    "units": 4,
    "embedding_size": 8,
    "epochs": 1,
    "min_steps": 1,
    "batch_size": 16,
    "length": 16,
    "minutes": 0.0,
}
WORDS = {
    "billing": ("bill", "price", "refund"),
    "bug": ("crash", "error", "broken"),
    "ux": ("ugly", "slow", "font"),
}


def tickets(n: int = 150, seed: int = 1) -> tuple[list[str], list[list[str]]]:
    """Return texts with none to three labels, each of which words show."""
    rng = random.Random(seed)
    texts = []
    labels = []
    for i in range(n):
        given = [name for name in WORDS if rng.random() < 0.4]
        words = [rng.choice(WORDS[name]) for name in given for _ in range(2)]
        words += [f"w{rng.randint(0, 20)}" for _ in range(4)]
        rng.shuffle(words)
        texts.append(" ".join([*words, f"n{i}"]))
        labels.append(given)
    return texts, labels


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> foretell.TextClassifier:
    texts, labels = tickets()
    return foretell.TextClassifier(**TINY, folds=2).fit(
        texts, labels, out=tmp_path_factory.mktemp("multi") / "m"
    )


def test_lists_of_labels_give_matrices_as_scikit_learn_does(
    fitted: foretell.TextClassifier,
) -> None:
    texts, labels = tickets(60, seed=2)
    assert fitted.classes_.tolist() == ["billing", "bug", "ux"]
    wanted = MultiLabelBinarizer().fit_transform(labels)
    predicted = fitted.predict(texts)
    rows = fitted.predict_proba(texts)
    assert predicted.dtype.kind == "i"
    assert predicted.shape == rows.shape == wanted.shape
    assert ((rows >= 0) & (rows <= 1)).all()
    # Each label is a decision of its own: the probabilities of a text need not add up to 1.
    assert rows.sum(axis=1).max() > 1.2
    assert (predicted == wanted).mean() > 0.9
    assert fitted.score(texts, wanted) > 0.7
    assert (predicted.sum(axis=1) == 0).any()
    np.testing.assert_allclose(np.stack(list(fitted.predict_proba(iter(texts)))), rows, atol=1e-6)
    np.testing.assert_array_equal(np.stack(list(fitted.predict(iter(texts)))), predicted)


def test_its_metrics_are_out_of_fold_and_its_parts_are_all_there(
    fitted: foretell.TextClassifier,
) -> None:
    metrics = fitted.metrics_
    model = fitted._runtime.model
    assert metrics["measured_on"].startswith("out-of-fold predictions of 2 folds")
    assert 0.8 < metrics["micro_f1"] <= 1
    assert set(metrics["members"]) == {"words", "ngrams", "tfidf", "svd", "pooled"}
    ensemble = model.ensemble
    assert isinstance(ensemble, LabelwiseEnsemble)
    assert len(ensemble.linear) == len(ensemble.offsets) == len(ensemble.thresholds) == 3
    assert len(ensemble.network) in (0, 3)
    assert model.linear is not None
    assert len(model.linear.bias) == 3
    # 150 predictions, more than ten positives: the thresholds are fitted.
    assert all(each != 0.5 for each in ensemble.thresholds)
    assert metrics["labels"]["bug"]["threshold"] == ensemble.thresholds[1]
    assert "none, one or several of 3 labels" in (fitted._home.path / "README.md").read_text()
    assert "billing" in (fitted._home.path / "run" / "report.html").read_text()


def test_verdicts_and_explanations_are_of_labels(fitted: foretell.TextClassifier) -> None:
    text = "the crash of the ugly font crash"
    (verdict,) = fitted.classify([text])
    assert verdict.labels == ("bug", "ux")
    assert verdict.label == "bug;ux"
    assert verdict.probability == max(verdict.probabilities.values())
    (none,) = fitted.classify(["w1 w2 w3"])
    assert none.labels == ()
    assert (none.label, none.reason) == ("", "no label reaches its threshold")
    for label, word in (("bug", "crash"), ("ux", "font")):
        why = fitted.explain(text, label=label)
        assert why.label == label
        assert why.probability == pytest.approx(verdict.probabilities[label], abs=1e-6)
        assert max(why.words, key=lambda each: each.effect).text in (word, "ugly")
        assert why.running[-1] == why.probability
    assert fitted.explain(text).label == max(
        verdict.probabilities, key=verdict.probabilities.__getitem__
    )
    with pytest.raises(UsageError, match="a label of the model"):
        fitted.explain(text, label="other")
    with pytest.raises(SettingsError, match="threshold"):
        fitted.classify([text], abstain_below=0.5)


def test_a_matrix_with_unknown_entries(tmp_path: Path) -> None:
    texts, labels = tickets(120)
    frame = pd.DataFrame(
        MultiLabelBinarizer(classes=["ux", "bug", "billing"]).fit_transform(labels),
        columns=["ux", "bug", "billing"],
        dtype=float,
    )
    frame = frame.assign(never=0.0, always=1.0)
    frame.loc[:39, "bug"] = np.nan
    frame.loc[119] = np.nan
    model = foretell.TextClassifier(**TINY, folds=2).fit(texts, frame, out=tmp_path / "m")
    # Columns stay in the order of the table, also after loading.
    loaded = foretell.load(tmp_path / "m")
    for each in (model, loaded):
        assert each.classes_.tolist() == ["ux", "bug", "billing", "never", "always"]
    rows = loaded.predict_proba(texts)
    assert rows[:, 3].max() < 0.2
    assert rows[:, 4].min() > 0.8
    assert model.metrics_["unlabelled_texts"] == 1
    assert model.metrics_["labels"]["bug"]["unknown"] == 40
    assert model.metrics_["labels"]["never"]["support"] == 0
    right = model.predict(texts)[:40, 1] == ["bug" in each for each in labels[:40]]
    assert right.mean() > 0.8


def test_a_messy_file_trains_and_is_evaluated(tmp_path: Path) -> None:
    texts, labels = tickets(150)
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "labels"])
        for i, (text, given) in enumerate(zip(texts, labels, strict=True)):
            # Spaces, repetitions, an empty part, quotes; a cell with only the separator: none
            # applies.
            cell = (
                " ; ".join([*given, *given[:1]]) + (";" if i % 5 == 0 else "") if given else " ; "
            )
            writer.writerow([text.replace(" ", ", ", 1), cell])
        writer.writerow(["a text whose labels nobody knows", ""])
    model = foretell.TextClassifier(**TINY, folds=0, multi_label=";").fit(
        str(tmp_path / "a.csv"), valid=(["a crash"], [["bug"]]), out=tmp_path / "m"
    )
    assert model.metrics_["valid_texts"] == 1
    assert model.classes_.tolist() == ["billing", "bug", "ux"]
    assert model.metrics_["texts"] == 150
    report = model.evaluate(str(tmp_path / "a.csv"))
    assert report["micro_f1"] > 0.9
    rows = [{"text": text, "labels": given} for text, given in zip(texts, labels, strict=True)]
    (tmp_path / "a.jsonl").write_text(
        "\n".join(map(json.dumps, [*rows, {"text": "a text", "labels": None}]))
    )
    again = model.evaluate(str(tmp_path / "a.jsonl"))
    assert again["texts"] == 150
    assert again["labels"]["bug"]["support"] == report["labels"]["bug"]["support"]
    with pytest.raises(DataError, match="set multi-label"):
        foretell.TextClassifier(**TINY).fit(str(tmp_path / "a.jsonl"))


def test_a_network_alone(tmp_path: Path) -> None:
    texts, labels = tickets(120)
    model = foretell.TextClassifier("cnn-lstm", **TINY, valid_fraction=0.3).fit(
        texts, labels, out=tmp_path / "m"
    )
    runtime = LabelsRuntime(tmp_path / "m")
    assert runtime.model.linear is None
    assert runtime.predict_proba(texts[:3]).shape == (3, 3)
    assert model.explain(texts[0]).words


def test_what_does_not_go_together_is_refused(fitted: foretell.TextClassifier) -> None:
    texts, labels = tickets(30)
    for more in ({"vectors": "glove"}, {"label_hints": {"bug": "crash", "ux": "font"}}):
        with pytest.raises(SettingsError, match="several labels"):
            foretell.TextClassifier(**TINY).fit(texts, labels, **more)
    with pytest.raises(SettingsError, match="leave out balance"):
        foretell.TextClassifier(**TINY, balance=True).fit(texts, labels)
    for separator in ("a", " ", "; and then;"):
        with pytest.raises(SettingsError, match="multi-label"):
            foretell.TextClassifier(**TINY, multi_label=separator).fit(texts, labels)
    with pytest.raises(DataError, match="two labels or more"):
        foretell.TextClassifier(**TINY).fit(texts, [["bug"]] * 30)
    with pytest.raises(UsageError, match="one label for each text, for compare"):
        foretell.compare(fitted, fitted, texts, ["bug"] * 30)
    with pytest.raises(DataError, match="the labels billing, bug, ux"):
        foretell.TextClassifier(**TINY).fit(texts, labels, valid=(["x"], [["new"]]))
