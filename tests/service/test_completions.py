"""OpenAI's own client, over a real socket, gets what the runtime writes."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from service_workplace import Running, until

from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.writing import Writing


@pytest.fixture(scope="module")
def client(served: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as it:
        yield it


@pytest.fixture(scope="module")
def create(client: openai.OpenAI) -> Any:
    """A completion of "the mind" by the language model."""
    return functools.partial(client.completions.create, model="notes", prompt="the mind")


@pytest.fixture(scope="module")
def runtime(models: tuple[Path, Path]) -> WordsRuntime:
    return WordsRuntime(models[1])


def test_the_text_is_the_runtimes(create: Any, runtime: WordsRuntime) -> None:
    found = create(max_tokens=7, seed=3, temperature=0.8)
    wanted = runtime.continuations("the mind", words=7, seed=3, temperature=0.8)[0]
    assert (found.choices[0].text, found.choices[0].finish_reason) == (wanted.text, "length")
    assert found.object == "text_completion"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (
        2,
        7,
        9,
    )


def test_a_stream_is_the_same_text_word_by_word(create: Any) -> None:
    whole = create(max_tokens=12, seed=5)
    chunks = list(
        create(max_tokens=12, seed=5, stream=True, stream_options={"include_usage": True})
    )
    choices = [chunk.choices[0] for chunk in chunks[:-1]]
    assert "".join(choice.text for choice in choices) == whole.choices[0].text
    assert sum(bool(choice.text) for choice in choices) == 12
    assert [choice.finish_reason for choice in choices] == [None] * 12 + ["length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_several_samples_of_several_prompts_each_have_their_own_seed(
    create: Any, runtime: WordsRuntime
) -> None:
    found = create(prompt=["the mind", "to our"], n=3, max_tokens=5, seed=10)
    assert [choice.index for choice in found.choices] == list(range(6))
    for choice in found.choices:
        prompt = ("the mind", "to our")[choice.index // 3]
        seed = 10 + choice.index % 3
        assert choice.text == runtime.continuations(prompt, words=5, seed=seed)[0].text
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (4, 30)


def test_a_stop_ends_the_text_before_it(create: Any, runtime: WordsRuntime) -> None:
    free = create(max_tokens=20, seed=2).choices[0].text
    stop = free.split()[4]
    for stream in (False, True):
        found = create(max_tokens=20, seed=2, stop=["never this", stop], stream=stream)
        choices = [chunk.choices[0] for chunk in found] if stream else found.choices
        assert "".join(choice.text for choice in choices) == free[: free.index(stop)]
        assert choices[-1].finish_reason == "stop"
    assert runtime.continuations("the mind", words=20, seed=2, stop=stop)[0].finished == "stop"


def test_log_probabilities_are_the_models_own(create: Any, runtime: WordsRuntime) -> None:
    found = create(max_tokens=6, seed=4, temperature=0.5, logprobs=3)
    wanted = runtime.continuations("the mind", words=6, seed=4, temperature=0.5, alternatives=3)[0]
    choice = found.choices[0]
    logprobs = found.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.token_logprobs == pytest.approx(
        [word.log_probability for word in wanted.words], abs=1e-5
    )
    assert "".join(logprobs.tokens or []) == choice.text
    for token, offset in zip(logprobs.tokens or [], logprobs.text_offset or [], strict=True):
        assert choice.text[offset : offset + len(token)] == token
    for top, word in zip(logprobs.top_logprobs or [], wanted.words, strict=True):
        assert top == {
            each.word: pytest.approx(math.log(each.probability)) for each in word.likeliest
        }
        assert len(top) == 3


PROMPTS = ["the mind adapts and", " to  our\n\nown zebra 😀 way \n", "the", "", "\n"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_echoed_prompt_has_the_log_probabilities_of_score(
    create: Any, served: Running, prompt: str
) -> None:
    choice = create(prompt=prompt, max_tokens=0, echo=True, logprobs=2).choices[0]
    assert (choice.text, choice.finish_reason) == (prompt, "length")
    logprobs = choice.logprobs
    assert "".join(logprobs.tokens) == prompt
    if not prompt.strip():
        assert logprobs.token_logprobs == [None] * len(prompt)
        return
    body = {"model": "notes", "texts": prompt, "words": True, "top": 2}
    wanted = served.post("/v1/score", body).json()["answers"][0]["each"]
    if not prompt.rstrip(" ").endswith("\n"):
        # The last line of a prompt goes on.
        assert wanted.pop()["text"] == ""
    assert logprobs.token_logprobs == [word["log_probability"] for word in wanted]
    for token, offset, word, top in zip(
        logprobs.tokens, logprobs.text_offset, wanted, logprobs.top_logprobs, strict=True
    ):
        assert prompt[offset : offset + len(token)] == token
        assert token.strip() == word["text"]
        assert top == {
            each["word"]: pytest.approx(math.log(each["probability"])) for each in word["top"]
        }


def test_a_client_that_measures_finds_the_log_probabilities_of_its_continuation(
    create: Any, served: Running
) -> None:
    """As lm-evaluation-harness does it: one token more is written, and left out."""
    context, continuation = "the mind", " adapts and converts"
    prompts = [context + continuation, "the mind the mind"]
    found = create(prompt=prompts, max_tokens=1, echo=True, logprobs=1, temperature=0, n=1)
    for prompt, choice in zip(prompts, found.choices, strict=True):
        assert choice.text.startswith(prompt)
        tokens = choice.logprobs.token_logprobs[2:-1]
        body = {"model": "notes", "texts": prompt, "words": True, "top": 1, "start": len(context)}
        words = served.post("/v1/score", body).json()["answers"][0]["each"][:-1]
        assert tokens == [word["log_probability"] for word in words]
        is_greedy = [
            logp == max(top.values())
            for logp, top in zip(tokens, choice.logprobs.top_logprobs[2:-1], strict=True)
        ]
        assert is_greedy == [word["top"][0]["word"] == word["text"] for word in words]
    # The written token is the most probable one.
    last = found.choices[0].logprobs
    assert last.token_logprobs[-1] == max(last.top_logprobs[-1].values())
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (9, 2)


def test_an_echo_without_log_probabilities_and_in_a_stream(create: Any) -> None:
    plain = create(max_tokens=5, seed=3).choices[0].text
    echoed = create(max_tokens=5, seed=3, echo=True)
    assert (echoed.choices[0].text, echoed.choices[0].logprobs) == (f"the mind{plain}", None)
    chunks = create(max_tokens=5, seed=3, echo=True, logprobs=0, stream=True)
    choices = [chunk.choices[0] for chunk in chunks]
    assert "".join(choice.text for choice in choices) == f"the mind{plain}"
    offsets = [offset for choice in choices for offset in choice.logprobs.text_offset]
    assert offsets == sorted(offsets)
    assert offsets[:3] == [0, 3, 8]


def test_foretells_own_parameters_steer(create: Any, runtime: WordsRuntime) -> None:
    own = {"top_k": 2, "min_p": 0.01, "repetition_penalty": 1.5, "cache": 20}
    found = create(max_tokens=9, seed=1, extra_body=own)
    assert (
        found.choices[0].text == runtime.continuations("the mind", words=9, seed=1, **own)[0].text
    )
    ended = create(prompt="the obst", max_tokens=1, extra_body={"unfinished": True})
    assert ended.choices[0].text == "acle"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"best_of": 3}, "best_of"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": 2_000 * "a"}, "stop"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"suffix": "."}, "suffix"),
        ({"repetition_penalty": 1e300}, "repetition_penalty"),
        ({"prompt": [1, 2, 3]}, "prompt.0"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_what_cannot_be_honoured_is_a_400_that_names_it(
    create: Any, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(extra_body=body)
    assert (caught.value.type, caught.value.param) == ("invalid_request_error", param)
    if param in ("logit_bias", "frequency_penalty", "suffix"):
        assert f"{param}: not supported; leave it out" in str(caught.value)


def test_values_at_which_they_mean_nothing_are_accepted(create: Any) -> None:
    create(
        max_tokens=1,
        best_of=1,
        echo=False,
        suffix=None,
        logit_bias={},
        temperature=0,
        user="somebody",
        presence_penalty=0,
        frequency_penalty=0.0,
        stop=[],
        seed=-5,
    )


def test_other_errors_have_openais_classes(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="nosuch", prompt="the mind")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="reviews", prompt="the mind")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(
            model="notes", messages=[{"role": "user", "content": "hello"}]
        )
    assert [model.id for model in client.models.list()] == ["reviews", "notes"]
    assert client.models.retrieve("notes").id == "notes"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_its_generation(
    served: Running, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    written = []
    really = Writing.__next__

    def count(self: Writing) -> Any:
        written.append(0)
        return really(self)

    monkeypatch.setattr(Writing, "__next__", count)
    body = json.dumps(
        {"model": "notes", "prompt": "the mind", "max_tokens": 19_000, "stream": stream}
    )
    with served.connect() as connection:
        head = (
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        until(lambda: len(written) > 10)
    until(lambda: served.service.waiting == 0)
    assert len(written) < 19_000
    assert served.post("/v1/next", {"texts": "the"}).status_code == 200
