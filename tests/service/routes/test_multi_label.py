"""POST /v1/classify and /v1/explain of a model whose texts may have several labels, and the page with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_workplace import opened
from playwright.sync_api import Browser, expect
from service_workplace import TEXT, Running, running

from foretell.config import LabelsSettings
from foretell.ngrams.labelwise import LabelwiseEnsemble
from foretell.runtime.labels.classifier import LabelsRuntime
from tests.builders import write_random

LABELS = ["ux", "bug", "billing"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = LabelsSettings(embedding_size=6, units=5, length=30, multi_label=";")
    ensemble = LabelwiseEnsemble(network=(1.0,) * 3, offsets=(3.0, 2.0, -4.0), thresholds=(0.5, 0.5, 0.5))
    folder = tmp_path_factory.mktemp("several") / "tickets"
    return write_random(folder, settings, LABELS, text=TEXT, ensemble=ensemble)


@pytest.fixture(scope="module")
def it(path: Path) -> Iterator[Running]:
    with running(path) as served:
        yield served


def test_the_answers_have_a_list_of_labels(it: Running, path: Path) -> None:
    texts = ["good way", "the mind"]
    answers = it.post("/v1/classify", {"texts": texts}).json()["answers"]
    for answer, verdict in zip(answers, LabelsRuntime.open(path).classify(texts), strict=True):
        assert answer["labels"] == list(verdict.labels or ()) == ["ux", "bug"]
        assert answer["label"] == "ux;bug"
        assert list(answer["probabilities"]) == LABELS
        assert answer["probability"] == max(answer["probabilities"].values())
    assert it.http.get("/v1/models").json()["data"][0]["multi_label"] is True


def test_a_label_is_explained(it: Running) -> None:
    (most,) = it.post("/v1/explain", {"texts": "the good way"}).json()["answers"]
    assert most["labels"] == ["ux", "bug"]
    assert most["explained"] == max(most["probabilities"], key=most["probabilities"].__getitem__)
    (other,) = it.post("/v1/explain", {"texts": "the good way", "label": "billing"}).json()["answers"]
    assert other["explained"] == "billing"
    assert other["explained_probability"] == pytest.approx(other["probabilities"]["billing"], abs=1e-6)
    assert other["running"][-1] == other["explained_probability"]
    refused = it.post("/v1/explain", {"texts": "x", "label": "nothing"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "label")


def test_abstaining_is_refused_in_one_line(it: Running) -> None:
    refused = it.post("/v1/classify", {"texts": "x", "abstain_below": 0.5})
    assert refused.status_code == 422
    assert "threshold of its own" in refused.json()["error"]["message"]


def test_the_page_shows_the_labels_that_apply(browser: Browser, it: Running) -> None:
    with opened(browser, f"{it.url}/#labels") as page:
        page.locator("#labels-text").fill("the good way")
        answer = page.locator("#view-labels .prediction")
        expect(answer.locator(".answer > :first-child")).to_have_text("ux, bug")
        expect(answer.locator(".bars li")).to_have_count(3)
        # The most probable one first; those that apply are bold.
        expect(answer.locator(".bars li b")).to_have_count(2)
        expect(answer.locator(".bars li").nth(2)).to_contain_text("billing")
        # A label is explained when it is chosen, by the keyboard too.
        answer.get_by_role("button", name="billing").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#view-labels .word-effects")).to_contain_text("billing")
        # Each label has a threshold of its own.
        page.locator("#view-labels .file [type=file]").set_input_files(
            {"name": "a.csv", "mimeType": "text/csv", "buffer": b"text\ngood way\nbad mind\n"}
        )
        button = page.get_by_role("button", name="Classify 2 texts")
        expect(button).to_be_visible()
        expect(page.locator("#file-below")).to_be_hidden()
        button.click()
        expect(page.locator(".texts tbody th")).to_have_text(["ux;bug", "ux;bug"])
