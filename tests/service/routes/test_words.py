"""Next words and scores over HTTP are the runtime's, which are the command line's."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from service_workplace import (
    Running,
)

from foretell.cli import main
from foretell.runtime.words.predictor import WordsRuntime

Models = tuple[Path, Path]


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


def test_next_ends_an_unfinished_word(served: Running, models: Models) -> None:
    found = served.post("/v1/next", {"texts": "the obst", "unfinished": True}).json()["answers"][0]["words"]
    assert [word["word"] for word in found] == ["obstacle"]
    assert WordsRuntime.open(models[1]).next("the obst", unfinished=True)[0].word == "obstacle"


def test_score_gives_the_runtimes_numbers_and_each_word(served: Running, models: Models) -> None:
    texts = ["the mind adapts", "the obstacle 😀\nnosuchword to our acting ."]
    answers = served.post("/v1/score", {"texts": texts, "words": True, "top": 2}).json()["answers"]
    runtime = WordsRuntime.open(models[1])
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
        assert found["characters"] == sum(word["characters"] for word in each) == len(" to our acting .") + 1
        assert (found["tokens"], found["unknown"]) == (5, 0)
    del asked["words"]
    assert served.post("/v1/score", asked).json()["answers"][0] == {**found, "each": None}
    assert whole["characters"] == sum(word["characters"] for word in whole["each"]) == len(text) + 1


def test_a_cache_for_next_and_score(served: Running, models: Models) -> None:
    runtime = WordsRuntime.open(models[1])
    text = "the obstacle the obstacle the"
    (words,) = served.post("/v1/next", {"texts": text, "cache": 20}).json()["answers"]
    assert [(each["word"], pytest.approx(each["probability"])) for each in words["words"]] == [
        (each.word, each.probability) for each in runtime.next(text, cache=20)
    ]
    for more in ({}, {"words": True}, {"start": 13}):
        scores = [
            served.post("/v1/score", {"texts": text, "cache": cache, **more}).json()["answers"][0]
            for cache in (0, 20)
        ]
        assert scores[0]["log_probability"] != scores[1]["log_probability"]
    assert scores[1]["tokens"] < runtime.score([text]).tokens
    whole = served.post("/v1/score", {"texts": text, "cache": 20}).json()["answers"][0]
    assert whole["log_probability"] == pytest.approx(runtime.score([text], cache=20).log_probability)
    for cache in (-1, 2001, "9"):
        assert served.post("/v1/next", {"texts": text, "cache": cache}).status_code == 422
