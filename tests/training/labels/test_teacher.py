"""A teacher: students learn words that no label shows, and out-of-fold answers stay honest."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("onnx")

from trainers import Notes, train

from foretell.artifacts.directory import read_model
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.errors import ArtifactError, Interrupted, RunError, SettingsError
from foretell.presets import LABELS_PRESETS
from foretell.runtime.encoder import SentenceEncoder
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.budget import STAGES
from foretell.training.labels import teacher as module
from foretell.training.labels.dense_fit import DenseFit
from foretell.training.labels.members import Chosen
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.rows import Rows
from foretell.training.labels.teacher import Embedded, Teacher, _candidate
from foretell.training.labels.tokenized import one_hot
from foretell.training.labels.tokens import targets_of, tokenize
from tests.encoders import tiny_encoder

SMALL = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 2, "valid_fraction": 0.0}
SETTINGS: LabelsSettings = with_changes(LABELS_PRESETS["base"], SMALL)
KNOWN, NEW = range(10), range(10, 20)
OTHERS = ["the", "film", "was", "plot"]
WORDS = [
    *("[PAD]", "[CLS]", "[SEP]", "[UNK]"),
    *(f"{kind}{i}" for kind in ("good", "bad") for i in range(20)),
    *OTHERS,
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    """Return an encoder for which the words of a kind are nearly the same."""
    generator = np.random.default_rng(1)
    table = 0.2 * generator.normal(size=(len(WORDS), 6)).astype(np.float32)
    table[:, 0] += 1
    for i, word in enumerate(WORDS):
        table[i, 1] += 3 * (word.startswith("good") - word.startswith("bad"))
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    return SentenceEncoder.open(tiny_encoder(folder, words=WORDS, table=table))


def texts_of(words: range, n: int, seed: int) -> tuple[list[str], list[str]]:
    """Return texts with one word of their kind each, and their labels."""
    rng, texts, labels = random.Random(seed), [], []
    for i in range(n):
        kind = ("good", "bad")[i % 2]
        texts.append(f"the film {rng.choice(OTHERS)} {kind}{rng.choice(words)} {rng.choice(OTHERS)} n{i}")
        labels.append(kind)
    return texts, labels


def train_taught(out: Path, encoder: SentenceEncoder | None, **options: Any) -> Any:
    return train(
        Examples(*texts_of(KNOWN, 36, 3), name="made up"),
        options.pop("settings", SETTINGS),
        unlabelled=options.pop("unlabelled", texts_of(range(20), 160, 4)[0]),
        teacher=encoder,
        out=out,
        **options,
    )


def right_of_new_words(folder: Path) -> float:
    texts, labels = texts_of(NEW, 100, 5)
    runtime = LabelsRuntime.open(folder)
    rows = runtime.predict_proba(texts)
    return float(
        np.mean([runtime.labels[row.argmax()] == label for row, label in zip(rows, labels, strict=True)])
    )


def test_students_know_words_that_only_unlabelled_texts_have(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    notes = Notes()
    model = train_taught(
        tmp_path / "m",
        encoder,
        listener=notes,
    )
    # Nothing but the teacher connects the new words with a label.
    assert right_of_new_words(tmp_path / "m") > 0.95
    metrics = model.metrics["teacher"]
    assert (metrics["texts"], metrics["sha256"], metrics["split_texts"]) == (160, encoder.sha256, 0)
    assert metrics["accuracy"] > 0.9
    weights = {name: each["weight"] for name, each in model.metrics["members"].items()}
    assert weights["taught_ngrams"] + weights["taught_tfidf"] > 0
    assert any(note.startswith("teacher (tiny): out-of-fold accuracy ") for note in notes)
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"(SHA-256 of its files `{encoder.sha256}`) helped to label 160 texts" in card


def test_a_teacher_answers_by_the_labels_that_it_was_shown(encoder: SentenceEncoder) -> None:
    texts, labels = texts_of(KNOWN, 40, 1)
    targets, (new, _) = targets_of(labels, ["bad", "good"]), texts_of(NEW, 12, 2)
    embedded = Embedded(labelled=encoder.encode(texts), taught=encoder.encode(new), split_texts=0)
    inside, none = np.arange(40) < 30, tokenize(["a"], LABELS_PRESETS["base"])[1]

    def answers(targets: Any) -> Any:
        rows = Rows(
            texts=texts,
            tokenized=none,
            targets=targets,
            counts=np.ones(40),
            unlabelled=none,
            outputs=OneLabel(2),
        )
        chosen = Chosen(candidate=_candidate(embedded.labelled, rows), strength=30.0, logs=np.zeros((40, 2)))
        teacher = Teacher(texts=new, tokenized=none, embedded=embedded, rows=rows, chosen=chosen, saved={})
        return teacher.answers(inside)

    first = answers(targets)
    np.testing.assert_array_equal(answers(np.where(inside, targets, 1 - targets)), first)
    taught, soft = embedded.taught, one_hot(targets, 2)
    fit = DenseFit(embedded.labelled[:30], np.ones(30, bool), soft[:30], np.ones(30))
    model = fit.fit(30.0, fit.fit(10.0))
    expected = 1 / (1 + np.exp(-(taught @ model.weights + model.bias)))
    np.testing.assert_allclose(first[:, 1:], expected, atol=1e-6)


def test_a_resumed_training_is_as_if_never_interrupted_and_encodes_nothing_again(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"keep_teacher": True}
    whole = train_taught(tmp_path / "whole", encoder, **options)
    with pytest.raises(Interrupted):
        train_taught(tmp_path / "cut", encoder, stop_after_steps=3, checkpoint_seconds=1e-9, **options)
    for other in (None, encoder):
        with pytest.raises(RunError, match="the data"):
            train_taught(tmp_path / "cut", other, resume=True)
    monkeypatch.setattr(SentenceEncoder, "encode_counted", None)
    resumed = train_taught(tmp_path / "cut", encoder, resume=True, **options)
    assert resumed.metrics["teacher"] == whole.metrics["teacher"]
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], weight, err_msg=name)
    first, second = read_model(tmp_path / "whole"), read_model(tmp_path / "cut")
    for one, two in zip(first.tfidf, second.tfidf, strict=True):
        np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(first.linear.weights, second.linear.weights)
    for name in ("teacher.safetensors", "teacher.onnx", "teacher_tokenizer.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize(("chunk", "texts"), [(20, None), (40, 4)])
def test_the_time_limit_leaves_texts_or_the_teacher_out(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, texts: int | None
) -> None:
    notes = Notes()
    out = tmp_path / "run"
    settings = with_changes(SETTINGS, {"minutes": 5.0})
    monkeypatch.setattr(module, "_CHUNK", chunk)
    monkeypatch.setitem(STAGES, "teacher", 1e-9)
    model = train_taught(out, encoder, settings=settings, listener=notes)
    # The first chunk is encoded in any case. There are 36 labelled texts.
    if texts is None:
        assert "teacher" not in model.metrics
        assert "the time limit leaves no time for the teacher: it is left out" in notes
    else:
        assert model.metrics["teacher"]["texts"] == texts
        assert f"the time limit leaves the teacher time for {texts} unlabelled texts" in notes


def test_texts_of_another_kind_are_pointed_out(encoder: SentenceEncoder, tmp_path: Path) -> None:
    notes = Notes()
    train_taught(
        tmp_path / "m",
        encoder,
        unlabelled=[f"{first} {second} x{i}" for i in range(20) for first in OTHERS for second in OTHERS],
        listener=notes,
    )
    assert any("less certain of the unlabelled texts" in note for note in notes)


def test_a_kept_teacher_answers_without_unlabelled_texts(encoder: SentenceEncoder, tmp_path: Path) -> None:
    notes = Notes()
    model = train_taught(
        tmp_path / "m",
        encoder,
        unlabelled=(),
        keep_teacher=True,
        listener=notes,
    )
    # No labelled text has a new word; the encoder knows them.
    assert right_of_new_words(tmp_path / "m") > 0.95
    metrics = model.metrics["teacher"]
    assert (metrics["kept"], metrics["texts"], metrics["unlabelled_certainty"]) == (True, 0, None)
    assert model.metrics["members"]["teacher"]["weight"] > 0
    assert model.metrics["linear_accuracy"] >= model.metrics["baseline_accuracy"]
    assert any(note.startswith("teacher (tiny): out-of-fold accuracy ") for note in notes)
    stored = read_model(tmp_path / "m").teacher
    assert stored is not None
    assert stored.files.window == encoder.window
    assert hashlib.sha256(stored.files.graph + stored.files.tokenizer).hexdigest() == encoder.sha256
    assert metrics["bytes"] == len(stored.files.graph) + len(stored.files.tokenizer)
    # The weight in the ensemble is a factor of the stored coefficients.
    texts, _ = texts_of(NEW, 20, 6)
    alone = stored.scores(encoder.encode_counted(texts).features())
    assert ((alone[:, 0] > 0) == [i % 2 == 0 for i in range(20)]).all()


def test_a_teacher_sees_which_word_comes_first(encoder: SentenceEncoder, tmp_path: Path) -> None:
    """Both words are in every text, so the mean over all tokens has nothing of the label."""
    rng, texts, labels = random.Random(8), [], []
    for i in range(200):
        first, last = ("good", "bad")[:: 1 if i % 2 else -1]
        texts.append(
            f"{first}{rng.choice(range(20))} {rng.choice(OTHERS)} {last}{rng.choice(range(20))} n{i}"
        )
        labels.append(first)
    model = train(
        Examples(texts[:60], labels[:60], name="made up"),
        SETTINGS,
        teacher=encoder,
        keep_teacher=True,
        out=tmp_path / "m",
    )
    assert model.metrics["teacher"]["reads_ends"]
    stored = read_model(tmp_path / "m").teacher
    assert stored is not None
    assert len(stored.weights) == encoder.n_features == 3 * encoder.dimension
    runtime = LabelsRuntime.open(tmp_path / "m")
    answers = runtime.predict_proba(texts[60:]).argmax(axis=1)
    right = [runtime.labels[i] == label for i, label in zip(answers, labels[60:], strict=True)]
    assert np.mean(right) > 0.95


def test_a_kept_teacher_is_weighed_with_validation_texts_too(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    valid = Examples(*texts_of(range(20), 40, 7), name="valid")
    model = train_taught(tmp_path / "m", encoder, unlabelled=(), keep_teacher=True, valid=valid)
    answers = LabelsRuntime.open(tmp_path / "m").predict_proba(valid.texts)
    right = [model.labels[i] == label for i, label in zip(answers.argmax(axis=1), valid.labels, strict=True)]
    assert model.metrics["accuracy"] == pytest.approx(np.mean(right))


def test_a_teacher_without_weight_is_not_kept(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    fit = OneLabel.fit_pool
    monkeypatch.setattr(
        OneLabel, "fit_pool", lambda one, targets, logs: np.append(fit(one, targets, logs[:-1]), 0.0)
    )
    model = train_taught(
        tmp_path / "m",
        encoder,
        unlabelled=(),
        keep_teacher=True,
        listener=notes,
    )
    assert model.teacher is None
    assert model.metrics["teacher"]["kept"] is False
    assert "the teacher has weight 0 out of fold: it is not kept" in notes
    assert not list((tmp_path / "m").glob("teacher*"))
    assert "The model does not contain it." in (tmp_path / "m" / "README.md").read_text()


def test_a_teacher_alone_can_be_all_that_has_weight(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneLabel, "fit_pool", lambda *given: np.eye(len(given[-1]))[-1])
    model = train_taught(tmp_path / "m", encoder, unlabelled=(), keep_teacher=True)
    assert model.tfidf == ()
    assert right_of_new_words(tmp_path / "m") > 0.95


def test_to_keep_needs_a_teacher_of_usual_parts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keep_teacher: expected a teacher to keep, found none"):
        train_taught(tmp_path / "m", None, keep_teacher=True)
    folder = tiny_encoder(tmp_path / "tiny")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 17}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ArtifactError, match="an encoder whose tokenizer has usual parts alone"):
        train_taught(tmp_path / "m", SentenceEncoder.open(folder), unlabelled=(), keep_teacher=True)
    opened = SentenceEncoder.open(tiny_encoder(tmp_path / "changed"))
    tiny_encoder(tmp_path / "changed", words=[*WORDS[:5], "more"])
    with pytest.raises(ArtifactError, match="the encoder's files as they were opened"):
        opened.files()
