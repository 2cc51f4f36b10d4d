"""Verdicts, explanations, next words, scores and states over HTTP are those of the runtime."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_workplace import REVIEWS, TEXT, Running, running, write_several

import foretell
from foretell.artifacts.directory import read_model
from foretell.cli.entry import main
from foretell.config import LabelsSettings
from foretell.export.model_export import export_model
from foretell.runtime.gates import gates_along
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words.predictor import WordsRuntime
from foretell.service.routes.predictions import ClassifyRequest, _classify
from tests.builders import write_random

Models = tuple[Path, Path]


WORDS = TEXT.split()


@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([None, 0.0, 0.3, 0.5, 0.52, 0.6, 1.0]),
            st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=40, deadline=None)
def test_texts_with_different_thresholds_in_one_batch_are_answered_as_alone(
    served: Running, asked: list[tuple[float | None, str]]
) -> None:
    model = served.service.models.find("reviews")
    items = [
        (ClassifyRequest(texts=text, abstain_below=threshold), 0, text) for threshold, text in asked
    ]
    together = [json.loads(answer) for answer in _classify(model, items)]
    for item, found in zip(items, together, strict=True):
        (alone,) = map(json.loads, _classify(model, [item]))
        probabilities = alone.pop("probabilities")
        assert found.pop("probabilities") == pytest.approx(probabilities, abs=1e-6)
        assert found.pop("probability") == pytest.approx(alone.pop("probability"), abs=1e-6)
        assert found == alone


def test_the_classifier_of_these_tests_predicts_each_label_and_abstains(served: Running) -> None:
    body = {"texts": WORDS, "abstain_below": 0.52}
    answers = served.post("/v1/classify", body).json()["answers"]
    assert {answer["label"] for answer in answers} == {"", "neg", "pos"}


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("explain", [{}, {"label": "neg"}, {"label": "pos"}]),
        ("next", [{"k": 1}, {"k": 7}, {"unfinished": True}, {"cache": 9}]),
        ("score", [{}, {"words": True, "top": 2}, {"start": 4}, {"cache": 9, "words": True}]),
    ],
)
def test_requests_with_different_options_at_the_same_time_are_answered_as_alone(
    served: Running, verb: str, options: list[dict[str, Any]]
) -> None:
    bodies = [{"texts": text, **each} for each in options for text in REVIEWS[:2]] * 3
    alone = [served.post(f"/v1/{verb}", body).json() for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as pool:
        together = pool.map(lambda body: served.post(f"/v1/{verb}", body).json(), bodies)
        assert list(together) == alone
    assert len({json.dumps(answer) for answer in alone}) > len(options)


def test_a_service_that_stops_is_not_ready(served: Running) -> None:
    assert served.http.get("/health/live").json() == {"status": "live"}
    assert served.http.get("/health/ready").json() == {"status": "ready"}
    served.service.is_stopping = True
    try:
        answer = served.http.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    finally:
        served.service.is_stopping = False


def test_models_are_listed_by_name(served: Running, models: Models) -> None:
    found = {model["id"]: model for model in served.http.get("/v1/models").json()["data"]}
    assert found["reviews"]["labels"] == LabelsRuntime(models[0]).labels
    assert found["notes"]["layers"] == [
        {"name": "lstm_1", "units": 8},
        {"name": "lstm_2", "units": 8},
    ]
    assert served.http.get("/v1/models/notes").json() == found["notes"]
    assert served.http.get("/v1/models/nosuch").status_code == 404


@pytest.mark.parametrize(("model", "layer"), [("notes", "lstm_2"), ("reviews", "lstm_backward")])
def test_states_are_those_of_the_gates(
    served: Running, models: Models, model: str, layer: str
) -> None:
    text = "the mind 😀 adapts"
    asked = {"model": model, "text": text, "layer": layer, "unit": 3}
    found = served.post("/v1/states", asked).json()
    wanted = gates_along(read_model(models[model == "notes"]), text, layer)
    for name, values in {
        **found["gates"],
        "cell": found["cell"],
        "hidden": found["hidden"],
    }.items():
        assert values == pytest.approx(getattr(wanted, name)[:, 3].tolist(), abs=1e-9)
    assert [step["text"] for step in found["steps"]] == text.split()
    assert found["backward"] == (layer == "lstm_backward")
    units = {each["name"]: each["units"] for each in found["layers"]}
    assert sorted(found["liveliest"]) == list(range(units[layer]))


def test_states_choose_the_first_layer_and_its_liveliest_unit(served: Running) -> None:
    found = served.post("/v1/states", {"model": "notes", "text": "the mind adapts"}).json()
    assert found["layer"] == "lstm_1"
    assert found["unit"] == found["liveliest"][0]
    nothing = served.post("/v1/states", {"model": "reviews", "text": ""}).json()
    assert (nothing["steps"], nothing["cell"], nothing["unit"]) == ([], [], 0)


def test_classify_gives_the_command_lines_numbers(
    served: Running, models: Models, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in REVIEWS))
    assert (
        main(["classify", str(models[0]), str(file), "--format", "jsonl", "--abstain-below", "0.7"])
        == 0
    )
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answer = served.post("/v1/classify", {"texts": REVIEWS, "abstain_below": 0.7}).json()
    assert answer["model"] == "reviews"
    for found, wanted in zip(answer["answers"], expected, strict=True):
        for name in ("label", "reason", "flags"):
            assert found[name] == wanted[name]
        for name in ("probability", "probabilities"):
            assert found[name] == pytest.approx(wanted[name], abs=1e-5)


def test_explain_gives_the_runtimes_numbers(served: Running, models: Models) -> None:
    texts = ["good way to the bad 😀 obstacle", ""]
    answers = served.post("/v1/explain", {"texts": texts}).json()["answers"]
    runtime = LabelsRuntime(models[0])
    verdicts = served.post("/v1/classify", {"texts": texts}).json()["answers"]
    for text, found, verdict in zip(texts, answers, verdicts, strict=True):
        wanted = runtime.explain(text)
        assert found["label"] == wanted.label == verdict["label"]
        assert found["probability"] == pytest.approx(wanted.probability, abs=1e-5)
        assert found["flags"] == verdict["flags"]
        assert [word["text"] for word in found["words"]] == text.split()
        assert [word["effect"] for word in found["words"]] == pytest.approx(
            [word.effect for word in wanted.words], abs=1e-5
        )
        assert found["running"] == pytest.approx(list(wanted.running), abs=1e-5)


def test_next_gives_the_command_lines_numbers(
    served: Running, models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["next", str(models[1]), "the mind", "-k", "4", "--format", "jsonl"]) == 0
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = served.post("/v1/next", {"texts": ["the mind", ""], "k": 4}).json()["answers"]
    assert [word["word"] for word in found[0]["words"]] == [word["word"] for word in expected]
    for word, wanted in zip(found[0]["words"], expected, strict=True):
        assert word["probability"] == pytest.approx(wanted["probability"], abs=1e-5)
    assert len(found[1]["words"]) == 4
    (ended,) = served.post("/v1/next", {"texts": "the obst", "unfinished": True}).json()["answers"]
    assert [word["word"] for word in ended["words"]] == ["obstacle"]


def test_score_gives_the_runtimes_numbers_and_each_word(served: Running, models: Models) -> None:
    texts = ["the mind adapts", "the obstacle 😀\nnosuchword to our acting ."]
    answers = served.post("/v1/score", {"texts": texts, "words": True, "top": 2}).json()["answers"]
    runtime = WordsRuntime(models[1])
    for text, found in zip(texts, answers, strict=True):
        wanted = runtime.score([text])
        assert found["log_probability"] == pytest.approx(wanted.log_probability, abs=1e-5)
        assert found["perplexity"] == pytest.approx(wanted.perplexity, rel=1e-5)
        assert found["unknown"] == wanted.unknown
        each = found["each"]
        total = math.fsum(word["log_probability"] for word in each)
        assert total == pytest.approx(wanted.log_probability, abs=1e-4)
        assert all(word["text"] == text[word["start"] : word["end"]] for word in each)
        assert all(len(word["top"]) == 2 for word in each)
    assert [word["text"] for word in answers[1]["each"] if not word["known"]] == ["nosuchword"]
    assert served.post("/v1/score", {"texts": "the mind"}).json()["answers"][0]["each"] is None


def test_a_score_may_begin_in_the_text(served: Running) -> None:
    text = "the obstacle 😀\nnosuchword to our acting ."
    whole = served.post("/v1/score", {"texts": text, "words": True}).json()["answers"][0]
    asked = {"texts": [text, text], "words": True, "start": text.index("to our")}
    for found in served.post("/v1/score", asked).json()["answers"]:
        each = [word for word in whole["each"] if word["start"] >= asked["start"]]
        assert [word["text"] for word in found["each"]] == ["to", "our", "acting", ".", ""]
        assert [word["log_probability"] for word in found["each"]] == pytest.approx(
            [word["log_probability"] for word in each], abs=1e-6
        )
        assert (
            found["characters"]
            == sum(word["characters"] for word in each)
            == len(" to our acting .") + 1
        )
        assert (found["tokens"], found["unknown"]) == (5, 0)
    del asked["words"]
    assert served.post("/v1/score", asked).json()["answers"][0] == {**found, "each": None}
    assert whole["characters"] == sum(word["characters"] for word in whole["each"]) == len(text) + 1


def test_a_cache_for_next_and_score(served: Running, models: Models) -> None:
    runtime = WordsRuntime(models[1])
    text = "the obstacle the obstacle the"
    (words,) = served.post("/v1/next", {"texts": text, "cache": 20}).json()["answers"]
    assert [(each["word"], pytest.approx(each["probability"])) for each in words["words"]] == [
        (each.word, each.probability) for each in runtime.next(text, cache=20)
    ]
    expected = pytest.approx(runtime.score([text], cache=20).log_probability)
    for each in (False, True):
        body = {"texts": text, "cache": 20, "words": each}
        (whole,) = served.post("/v1/score", body).json()["answers"]
        assert whole["log_probability"] == expected


# ---- several labels, labels that are numbers


def test_several_labels_have_a_list_and_each_can_be_explained(tmp_path: Path) -> None:
    path = write_several(tmp_path / "tickets")
    texts = ["good way", "the mind"]
    with running(path) as it:
        answers = it.post("/v1/classify", {"texts": texts}).json()["answers"]
        for answer, verdict in zip(answers, LabelsRuntime(path).classify(texts), strict=True):
            assert answer["labels"] == list(verdict.labels or ()) == ["ux", "bug"]
            assert answer["label"] == "ux;bug"
            assert answer["probability"] == max(answer["probabilities"].values())
        assert it.http.get("/v1/models").json()["data"][0]["multi_label"] is True
        (most,) = it.post("/v1/explain", {"texts": "the good way"}).json()["answers"]
        assert most["explained"] == max(
            most["probabilities"], key=most["probabilities"].__getitem__
        )
        (other,) = it.post("/v1/explain", {"texts": "the good way", "label": "billing"}).json()[
            "answers"
        ]
        assert other["explained"] == "billing"
        assert other["explained_probability"] == pytest.approx(
            other["probabilities"]["billing"], abs=1e-6
        )
        assert other["running"][-1] == other["explained_probability"]
        refused = it.post("/v1/classify", {"texts": "x", "abstain_below": 0.5})
        assert refused.status_code == 422
        assert "threshold of its own" in refused.json()["error"]["message"]


def test_labels_that_are_numbers_are_numbers_in_their_order_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = LabelsSettings(embedding_size=6, units=5, length=30)
    text = "good way"
    path = write_random(
        tmp_path / "numbers", settings, ["2", "10", "33"], text=text, label_type="integer"
    )
    model = foretell.load(path)
    (row,) = model.predict_proba([text]).tolist()
    best = model.classes_[int(np.argmax(row))].item()
    assert model.classes_.tolist() == [2, 10, 33]
    assert main(["classify", str(path), "--literal", text, "--json"]) == 0
    answers = [json.loads(capsys.readouterr().out)]
    with running(path) as served:
        for verb in ("classify", "explain"):
            answers += served.post(f"/v1/{verb}", {"texts": text}).json()["answers"]
    for answer in answers:
        assert list(answer["probabilities"].values()) == pytest.approx(row, abs=1e-6)
        assert list(answer["probabilities"]) == ["2", "10", "33"]
        assert (answer["label"], type(answer["label"])) == (best, int)
    export_model(path, tmp_path / "copy", "onnx")
    assert json.loads((tmp_path / "copy" / "model.json").read_text())["labels"] == [2, 10, 33]
