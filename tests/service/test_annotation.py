"""/v1/annotation: texts, answers, undo, search, export and errors."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from annotation.tickets import label_of, opened
from service_workplace import Running, running

from foretell.annotation.annotation import Annotation

pytestmark = pytest.mark.usefixtures("from_the_start")


@pytest.fixture(scope="module")
def annotation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annotation]:
    with opened(tmp_path_factory.mktemp("annotation")) as annotation:
        yield annotation


def post(labelling: Running, name: str, **body: Any) -> Any:
    response = labelling.post(f"/v1/annotation/{name}", body)
    assert response.status_code == 200, response.text
    return response.json()


def test_answers_are_on_disk_and_the_next_text_comes(
    labelling: Running, annotation: Annotation
) -> None:
    state = post(labelling, "next")
    assert [(each["name"], each["key"]) for each in state["labels"]] == [
        ("hardware", "1"),
        ("billing", "2"),
    ]
    for number in range(1, 7):
        item = state["item"]
        label = label_of(item["text"])
        state = post(labelling, "answers", texts=[item["id"]], answer="label", label=label)
        assert (state["written"], state["counts"]["answers"]) == (1, number)
        assert (
            annotation._journal.path.read_text().splitlines()[-1].count(f'"label": "{label}"') == 1
        )
    assert state["counts"]["test"] == 2
    assert sum(each["count"] for each in state["labels"]) == 6
    assert state["item"]["id"] == post(labelling, "next")["item"]["id"]
    status = labelling.http.get("/v1/annotation").json()
    assert status["counts"] == state["counts"]
    assert "item" not in status


def test_a_second_tab_gets_the_next_text_and_the_first_answer_stays(
    labelling: Running, annotation: Annotation
) -> None:
    tabs = [post(labelling, "next", by="ada") for _ in range(2)]
    item = tabs[0]["item"]
    assert tabs[1]["item"] == item
    body = {"texts": [item["id"]], "by": "ada"}
    first = post(labelling, "answers", **body, answer="label", label="billing")
    second = post(labelling, "answers", **body, answer="skip")
    assert (first["written"], first["conflicts"]) == (1, [])
    assert (second["written"], second["item"]) == (0, first["item"])
    assert second["conflicts"] == [
        {"id": item["id"], "answer": "label", "label": "billing", "by": "ada"}
    ]
    assert [each.label for each in annotation.answers] == ["billing"]


def test_several_people_have_texts_of_their_own(labelling: Running, annotation: Annotation) -> None:
    states = [post(labelling, "next", by=name) for name in ("ada", "bob", "eve")]
    assert len({state["item"]["id"] for state in states}) == 3
    for name, state in zip(("ada", "bob"), states, strict=False):
        post(labelling, "answers", texts=[state["item"]["id"]], answer="unclear", by=name)
    state = post(labelling, "undo", by="ada")
    assert (state["written"], state["item"]["id"]) == (1, states[0]["item"]["id"])
    assert [each.by for each in annotation.answers] == ["bob"]
    assert post(labelling, "undo", by="bob")["written"] == 1


def test_where_a_token_is_needed_each_person_needs_a_name(annotation: Annotation) -> None:
    token = "a-token-of-32-visible-characters"
    with running(annotation=annotation, token=token.encode()) as it:
        it.http.headers["Authorization"] = f"Bearer {token}"
        assert it.http.get("/v1/annotation").json()["is_shared"] is True
        for body in ({}, {"by": " "}, {"by": None}):
            response = it.post("/v1/annotation/next", body)
            assert response.status_code == 422
            assert response.json()["error"]["code"] == "name_needed"
        assert post(it, "next", by="bob")["item"]


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        (
            "answers",
            {"texts": [1], "answer": "label", "label": "other"},
            "a label (hardware, billing)",
        ),
        ("answers", {"texts": [1], "answer": "label"}, "a label with the answer label"),
        ("answers", {"texts": [1], "answer": "maybe"}, "answer"),
        ("answers", {"texts": list(range(1001)), "answer": "skip"}, "at most 1000 texts"),
        ("similar", {"text": 120}, "the number of a text"),
        ("next", {"who": "x"}, "who"),
    ],
)
def test_what_is_wrong_gets_a_typed_error(
    labelling: Running, annotation: Annotation, name: str, body: Any, says: str
) -> None:
    response = labelling.post(f"/v1/annotation/{name}", body)
    assert response.status_code == 422
    assert says in response.json()["error"]["message"]
    assert annotation.answers == []


def test_a_full_disk_is_503_and_what_it_refuses_is_not_written_later(
    labelling: Running, annotation: Annotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = post(labelling, "next")["item"]
    path = annotation._journal.path
    size = path.stat().st_size

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("foretell.annotation.journal.os.fsync", full)
        body = {"texts": [item["id"]], "answer": "label", "label": "billing"}
        response = labelling.post("/v1/annotation/answers", body)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_written")
    assert str(path) not in response.text
    assert path.stat().st_size == size
    state = post(labelling, "answers", texts=[item["id"]], answer="label", label="hardware")
    assert state["counts"]["answers"] == 1
    assert [json.loads(line)["label"] for line in path.read_bytes()[size:].splitlines()] == [
        "hardware"
    ]


def test_access_is_that_of_the_service(labelling: Running, served: Running) -> None:
    path = "/v1/annotation/next"
    assert labelling.post(path, {}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert labelling.post(path, {}, headers={"Host": "evil.example"}).status_code == 421
    # Without texts there are no such routes.
    assert served.http.get("/v1/annotation").status_code == 404
    assert [each.http.get("/v1/models").json()["annotation"] for each in (labelling, served)] == [
        True,
        False,
    ]
