"""A teacher: students learn words that no label shows, and out-of-fold answers stay honest."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("onnx")

from trainers import Notes, train

from foretell.artifacts.directory import read_model
from foretell.artifacts.model import Model
from foretell.config import LabelsSettings, with_changes
from foretell.data.examples import Examples
from foretell.data.folds import Folds, make_folds
from foretell.errors import ArtifactError, Interrupted, RunError, SettingsError
from foretell.presets import LABELS_PRESETS
from foretell.runtime.encoder import SentenceEncoder
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.training.labels import teacher as module
from foretell.training.labels.corpus import Origin, make_corpus, part_of
from foretell.training.labels.members import Evidence, evidence_of, fit_ensembled
from foretell.training.labels.outputs import OneLabel
from foretell.training.labels.teacher import choose_teacher
from tests.encoders import tiny_encoder
from tests.training.labels.few import FewTraining

SMALL = {"units": 4, "embedding_size": 4, "batch_size": 8, "folds": 2, "valid_fraction": 0.0}
SETTINGS: LabelsSettings = with_changes(LABELS_PRESETS["base"], SMALL)
KNOWN = range(10)
NEW = range(10, 20)
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
    rng = random.Random(seed)
    texts = []
    labels = []
    for i in range(n):
        kind = ("good", "bad")[i % 2]
        texts.append(
            f"the film {rng.choice(OTHERS)} {kind}{rng.choice(words)} {rng.choice(OTHERS)} n{i}"
        )
        labels.append(kind)
    return texts, labels


def train_taught(out: Path, encoder: SentenceEncoder | None, **options: Any) -> Any:
    return train(
        Examples(*texts_of(KNOWN, 36, 3), name="made up"),
        SETTINGS,
        unlabelled=texts_of(range(20), 160, 4)[0],
        valid=Examples(*texts_of(range(20), 40, 7), name="valid"),
        teacher=encoder,
        out=out,
        **options,
    )


def accuracy_of(folder: Path, words: range, n: int, seed: int) -> float:
    texts, labels = texts_of(words, n, seed)
    runtime = LabelsRuntime(folder)
    found = runtime.predict_proba(texts).argmax(axis=1)
    return float(
        np.mean([runtime.labels[i] == label for i, label in zip(found, labels, strict=True)])
    )


@pytest.fixture(scope="module")
def kept(encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """Return a classifier that keeps its teacher, and its directory."""
    out = tmp_path_factory.mktemp("kept") / "m"
    return train_taught(out, encoder, keep_teacher=True), out


def test_students_and_a_kept_teacher_know_words_that_only_unlabelled_texts_have(
    encoder: SentenceEncoder, kept: tuple[Model, Path]
) -> None:
    (model, out), metrics = kept, kept[0].metrics["teacher"]
    # Nothing but the teacher connects the new words with a label.
    assert accuracy_of(out, NEW, 100, 5) > 0.95
    assert (metrics["texts"], metrics["sha256"]) == (160, encoder.sha256)
    assert metrics["accuracy"] > 0.9
    weights = {name: each["weight"] for name, each in model.metrics["members"].items()}
    assert weights["taught_ngrams"] + weights["taught_tfidf"] + weights["teacher"] > 0
    # The classifier that is saved is the one that was measured on the validation texts.
    assert model.metrics["accuracy"] == pytest.approx(accuracy_of(out, range(20), 40, 7))
    stored = read_model(out).teacher
    assert stored is not None
    assert metrics["kept"]
    assert stored.files.window == encoder.window
    assert hashlib.sha256(stored.files.graph + stored.files.tokenizer).hexdigest() == encoder.sha256
    assert metrics["bytes"] == len(stored.files.graph) + len(stored.files.tokenizer)
    # The weight in the ensemble is a factor of the stored coefficients.
    alone = stored.scores(encoder.encode_counted(texts_of(NEW, 20, 6)[0]).features())
    assert ((alone[:, 0] > 0) == [i % 2 == 0 for i in range(20)]).all()


def test_a_resumed_training_is_as_if_never_interrupted_and_encodes_nothing_again(
    encoder: SentenceEncoder,
    kept: tuple[Model, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, out = kept
    often = {"stop_after_steps": 3, "checkpoint_seconds": 1e-9}
    with pytest.raises(Interrupted):
        train_taught(tmp_path / "cut", encoder, keep_teacher=True, **often)
    with pytest.raises(RunError, match="the data"):
        train_taught(tmp_path / "cut", None, resume=True)
    encode = SentenceEncoder.encode_counted
    texts = list[str]()

    def counted(self: SentenceEncoder, given: Sequence[str], **more: Any) -> Any:
        texts.extend(given)
        return encode(self, given, **more)

    monkeypatch.setattr(SentenceEncoder, "encode_counted", counted)
    resumed = train_taught(tmp_path / "cut", encoder, keep_teacher=True, resume=True)
    # Nothing but the validation texts, on which the classifier is measured.
    assert len(texts) == 40
    assert resumed.metrics["teacher"] == whole.metrics["teacher"]
    for path in [*out.glob("*.safetensors"), out / "teacher.onnx"]:
        assert (tmp_path / "cut" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_teacher_without_weight_is_not_kept(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    fit = OneLabel.fit_pool
    monkeypatch.setattr(
        OneLabel,
        "fit_pool",
        lambda one, targets, logs: np.append(fit(one, targets, logs[:-1]), 0.0),
    )
    model = train_taught(tmp_path / "m", encoder, keep_teacher=True, listener=notes)
    assert model.teacher is None
    assert model.metrics["teacher"]["kept"] is False
    assert "the teacher has weight 0 out of fold: it is not kept" in notes
    assert not list((tmp_path / "m").glob("teacher*"))
    assert "The model does not contain it." in (tmp_path / "m" / "README.md").read_text()


def chosen(
    encoder: SentenceEncoder,
    texts: list[str],
    labels: list[str],
    unlabelled: list[str],
    left: float = 1e9,
) -> tuple[Any, Evidence, list[str]]:
    """Return the teacher, the held-out texts, and the notes."""
    parts = {Origin.LABELS: part_of(Examples(texts, labels), ["bad", "good"])}
    corpus = make_corpus(parts, unlabelled, ["bad", "good"], SETTINGS)
    fold_of = np.full(len(corpus), -1, np.int32)
    fold_of[: len(texts)] = make_folds(texts, corpus.rows.truth(), 2, 1).fold_of
    evidence = evidence_of(corpus, Folds(fold_of=fold_of), OneLabel(2))
    training: Any = FewTraining(corpus, left)
    return choose_teacher(encoder, evidence, corpus, training), evidence, training.notes


def test_a_teacher_answers_by_the_labels_that_it_was_shown(encoder: SentenceEncoder) -> None:
    (texts, labels), (new, _) = texts_of(KNOWN, 40, 1), texts_of(NEW, 12, 2)
    inside = np.arange(40) < 30
    swapped = [
        label if i < 30 else {"bad": "good", "good": "bad"}[label] for i, label in enumerate(labels)
    ]
    first, second = (chosen(encoder, texts, each, new)[0] for each in (labels, swapped))
    inside = np.append(inside, np.zeros(12, bool))
    alike = replace(second.chosen, strength=first.chosen.strength)
    rows = first.rows(inside)
    again = replace(second, chosen=alike, _known={}).rows(inside)
    np.testing.assert_array_equal(again.target, rows.target)
    assert (rows.truth() == [1, 0] * 6).all()
    assert rows.texts.tolist() == list(range(40, 52))
    # Of other labels it has learned something else.
    assert (second.rows(~inside).target != second.rows(inside).target).any()


@pytest.mark.parametrize(("chunk", "texts"), [(20, None), (40, 4)])
def test_the_time_limit_leaves_texts_or_the_teacher_out(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, chunk: int, texts: int | None
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    found, _, notes = chosen(
        encoder, *texts_of(KNOWN, 36, 3), texts_of(range(20), 99, 4)[0], left=1e-9
    )
    # The first chunk is encoded in any case. There are 36 labelled texts.
    if texts is None:
        assert found is None
        assert notes == ["the time limit leaves the teacher (tiny) no time: it is left out"]
    else:
        assert found.metrics["texts"] == texts
        assert notes == [
            f"the time limit leaves the teacher (tiny) time for {texts} unlabelled texts"
        ]


def test_a_teacher_sees_which_word_comes_first_and_can_be_all_that_has_weight(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both words are in every text, so the mean over all tokens has nothing of the label."""
    rng = random.Random(8)
    texts = []
    labels = []
    for i in range(60):
        first, last = ("good", "bad")[:: 1 if i % 2 else -1]
        words = f"{first}{rng.choice(range(20))} {rng.choice(OTHERS)} {last}{rng.choice(range(20))}"
        texts.append(f"{words} n{i}")
        labels.append(first)
    teacher, evidence, _ = chosen(encoder, texts, labels, [])
    assert teacher.metrics["accuracy"] > 0.95
    assert teacher.metrics["texts"] == 0
    monkeypatch.setattr(OneLabel, "fit_pool", lambda *given: np.eye(len(given[-1]))[-1])
    members = fit_ensembled([teacher.chosen], evidence)
    assert (len(members.linear), members.tfidf) == (0, ())
    assert members.teacher is not None
    assert len(members.teacher.weights) == encoder.n_features == 3 * encoder.dimension


def test_to_keep_needs_a_teacher_of_usual_parts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keep_teacher: expected a teacher to keep, found none"):
        train_taught(tmp_path / "m", None, keep_teacher=True)
    folder = tiny_encoder(tmp_path / "tiny")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 17}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ArtifactError, match="an encoder whose tokenizer has usual parts alone"):
        train_taught(tmp_path / "m", SentenceEncoder.open(folder), keep_teacher=True)
