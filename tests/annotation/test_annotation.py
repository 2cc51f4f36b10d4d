"""A whole annotation from Python: the order of texts, answers, undo, search, metrics, and its
end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from annotation.tickets import LABELS, answer_right, label_of, opened, shown, tickets
from builders import write_random

from foretell import TextClassifier
from foretell.annotation.annotation import LEASE_SECONDS, Annotation
from foretell.annotation.ranking import MODEL_FACTOR, QuickModel, TextPool
from foretell.config import LabelsSettings
from foretell.data.examples import read_examples
from foretell.errors import DataError, ForetellError, UsageError


@pytest.fixture
def annotation(tmp_path: Path) -> Iterator[Annotation]:
    with opened(tmp_path) as it:
        yield it


def test_one_text_in_five_is_random_and_never_trained_on(
    annotation: Annotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = set[int]()
    fit = QuickModel.probabilities

    def noted(model: QuickModel, places: Any, targets: Any) -> Any:
        trained.update(places.tolist())
        return fit(model, places, targets)

    # From the start: what was answered last may be fitted before the metrics are asked for.
    monkeypatch.setattr(QuickModel, "probabilities", noted)
    items = answer_right(annotation, 30)
    parts = [each.part for each in annotation.answers]
    assert all(5 * parts[:n].count("test") >= n for n in range(1, 31))
    assert parts.count("test") == 6
    # The random texts come in the order of the draw, whatever was answered, and without a
    # suggestion.
    pool = annotation._pool
    drawn = [item.id for item, part in zip(items, parts, strict=True) if part == "test"]
    assert drawn == pool.drawn[:6].tolist()
    assert all(item.suggested is None for item in items if item.id in drawn)
    assert annotation.metrics(fresh=True).accuracy.texts == 6  # type: ignore[union-attr]
    assert len(trained) == 24
    assert not pool.reserved[list(trained)].any()


def test_suggestions_are_recorded_and_become_right(annotation: Annotation) -> None:
    answer_right(annotation, 40, fresh=True)
    answers = annotation.answers
    suggested = [each for each in answers[10:] if each.suggested is not None]
    assert len(suggested) > 10
    assert sum(each.suggested == each.label for each in suggested) > 0.7 * len(suggested)
    accuracy = annotation.metrics(fresh=True).accuracy
    assert accuracy is not None
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert accuracy.value >= 0.75


def test_a_model_suggests_before_the_first_answer(tmp_path: Path) -> None:
    settings = LabelsSettings(units=5, embedding_size=6, length=30)
    model = write_random(tmp_path / "model", settings, sorted([*LABELS, "other"]))
    texts = tickets()
    with opened(tmp_path, suggest=model, labels=None) as annotation:
        assert annotation.labels == ["billing", "hardware", "other"]
        rows = annotation._ranker.quick._suggested[: len(texts), :3]
        pool = annotation._pool.texts
        expected = MODEL_FACTOR * TextClassifier.load(model).predict_proba(pool)
        assert rows == pytest.approx(expected, abs=1e-5)
    # Labels may be in another order, and more than the model has.
    names = ["new", "other", *LABELS]
    with opened(tmp_path, suggest=model, labels=names, out=tmp_path / "b.jsonl") as annotation:
        places = [3, 2, 1]
        found = annotation._ranker.quick._suggested[: len(texts)]
        assert found[:, places] == pytest.approx(expected, abs=1e-5)
        assert not found[:, 0].any()
    with pytest.raises(UsageError, match="found one with the label 'other'"):
        opened(tmp_path, suggest=model, labels=LABELS, out=tmp_path / "c.jsonl")
    assert not (tmp_path / "c.jsonl").exists()
    with opened(tmp_path, out=tmp_path / "d.jsonl"):
        pass
    with pytest.raises(UsageError, match="found one with the label 'other'"):
        opened(tmp_path, suggest=model, labels=None, out=tmp_path / "d.jsonl")


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as annotation:
        answer_right(annotation, 7)
        before = annotation.answers
        item = shown(annotation, fresh=True)
    with opened(tmp_path, labels=None) as annotation:
        assert (annotation.answers, annotation.labels) == (before, LABELS)
        assert shown(annotation, fresh=True).id == item.id
    # More texts may be added, others may not.
    with opened(tmp_path, texts=tickets(150)) as annotation:
        assert annotation.answers == before
    with pytest.raises(DataError, match="answered texts that are not there"):
        opened(tmp_path, texts=["something else"])
    # The journal is free again.
    opened(tmp_path).close()
    # Its seed decides which texts are drawn.
    for seed in (5, None):
        with opened(tmp_path, out=tmp_path / "seeded.jsonl", seed=seed) as annotation:
            assert annotation._pool.drawn.tolist() == TextPool(tickets(), 5).drawn.tolist()


def test_search_and_label_many_at_once(annotation: Annotation) -> None:
    found = annotation.search("Printer  broken")
    reserved = annotation._pool.reserved
    assert found
    assert all("printer" in item.text and "broken" in item.text for item in found)
    assert not any(reserved[item.id] for item in found)
    assert annotation.search("") == annotation.search("printer zebra") == []
    assert len(annotation.search("no", k=3)) == 3
    answers = annotation.answer(annotation.search("printer"), "hardware")
    assert len(answers) > 5
    assert {(each.batch, each.part) for each in answers} == {(1, "train")}
    assert annotation.search("printer") == []
    # The random texts that are now missing come first.
    assert reserved[shown(annotation).id]
    assert len(annotation.undo()) == len(answers)
    assert annotation.answers == []


def test_similar_texts_share_words(annotation: Annotation) -> None:
    item = annotation.search("invoice")[0]
    found = annotation.similar(item, k=8)
    assert len({each.id for each in found} - {item.id}) == 8
    assert [label_of(each.text) for each in found].count("billing") >= 7


def test_what_cannot_be_answered_is_one_line_and_not_written(annotation: Annotation) -> None:
    item = shown(annotation)
    with pytest.raises(UsageError, match=r"a label \(hardware, billing\), found 'other'"):
        annotation.answer(item, "other")
    annotation.answer(item, "billing")
    with pytest.raises(UsageError, match="a text without an answer"):
        annotation.answer(item, "billing")
    hidden = int(annotation._pool.drawn[-1])
    with pytest.raises(UsageError, match="reserved for the random sample"):
        annotation.answer([annotation.search("no")[0], hidden], "billing")
    assert annotation.counts().answers == 1
    for number in (-1, 120, 10**20):
        with pytest.raises(UsageError, match="the number of a text"):
            annotation.skip(number)


def test_people_have_texts_of_their_own_and_undo_their_own_answers(annotation: Annotation) -> None:
    mine, other = annotation.next(), annotation.next(by="bob")
    assert mine is not None
    assert other is not None
    assert mine != other
    assert (annotation.next(), annotation.next(by="bob")) == (mine, other)
    annotation.answer(mine, "billing")
    annotation.skip(other, by="bob")
    assert [each.text for each in annotation.undo()] == [mine.text]
    assert [each.by for each in annotation.answers] == ["bob"]
    assert shown(annotation).id == mine.id


def test_what_another_person_has_for_too_long_is_given_again_and_may_be_answered_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("foretell.annotation.annotation.time.monotonic", lambda: now)
    with opened(tmp_path, texts=tickets(4)) as annotation:
        item = shown(annotation)
        for _ in range(3):
            annotation.skip(annotation.next(by="bob"), by="bob")  # type: ignore[arg-type]
        assert annotation.next(by="bob") is None
        assert annotation.counts().left == 1
        now = LEASE_SECONDS + 1
        late = annotation.next(by="bob")
        assert late is not None
        assert late.id == item.id
        assert annotation.next() is None
        # It was shown to this person, so that the answer holds.
        (answer,) = annotation.answer(item, "billing")
        assert annotation.answer_open(late, "skip", by="bob") == ([], {item.id: answer})


def test_what_others_answered_meanwhile_stays_and_the_rest_is_written(
    annotation: Annotation,
) -> None:
    found = annotation.search("printer")
    (first,) = annotation.answer(found[2], "hardware", by="bob")
    new, earlier = annotation.answer_open(found, "label", "billing")
    assert earlier == {found[2].id: first}
    assert [each.text for each in new] == [item.text for item in found if item.id != found[2].id]
    with pytest.raises(UsageError, match="a label"):
        annotation.answer_open(found, "label", "other")


def test_all_texts_can_be_answered(tmp_path: Path) -> None:
    with opened(tmp_path, texts=tickets(23)) as annotation:
        answer_right(annotation, 23)
        assert annotation.next() is None
        assert annotation.counts().left == 0
        assert {each.text for each in annotation.answers} == set(tickets(23))


def test_the_export_is_what_a_training_reads(annotation: Annotation, tmp_path: Path) -> None:
    answer_right(annotation, 4)
    annotation.unclear(shown(annotation))
    annotation.export(tmp_path / "labels.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "labels.csv").read_text(), newline="")))
    assert (rows[-1]["label"], rows[0]["part"]) == ("", "test")
    assert [row["answer"] for row in rows] == ["label"] * 4 + ["unclear"]
    examples = read_examples(tmp_path / "labels.csv")
    assert examples.texts == [each.text for each in annotation.answers[:4]]
    assert examples.labels == [label_of(text) for text in examples.texts]
    with pytest.raises(ForetellError, match="another file than the answers"):
        annotation.export(annotation._journal.path)
    with pytest.raises(ForetellError, match="a file that can be written"):
        annotation.export(tmp_path / "none" / "labels.csv")


def test_what_the_last_answers_changed_is_measured_after_fifty(annotation: Annotation) -> None:
    answer_right(annotation, 50)
    assert annotation.metrics(fresh=True).changed is None
    answer_right(annotation, 1)
    changed = annotation.metrics(fresh=True).changed
    assert annotation.is_fitted
    # On all reserved texts, whether they were answered or not.
    assert changed is not None
    assert changed.texts == 30


def test_a_fit_that_fails_is_raised_and_the_end_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too many texts")

    monkeypatch.setattr("foretell.annotation.ranking.QuickModel", fail)
    annotation = opened(tmp_path)
    with pytest.raises(MemoryError, match="too many texts"):
        annotation.next()
    annotation.close()
