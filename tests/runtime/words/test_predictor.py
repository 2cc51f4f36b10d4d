from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import DataError, SettingsError, UsageError
from foretell.runtime.labels.classifier import LabelsRuntime
from foretell.runtime.words import sampling
from foretell.runtime.words.predictor import WordsRuntime
from foretell.runtime.words.scoring import log_probabilities_of

PROMPT = "the mind adapts"
Words = Callable[..., WordsRuntime]
SLOW = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def slow_logits(runtime: WordsRuntime, ids: list[int]) -> np.ndarray:
    """The definition: read everything again from the start, one word at a time."""
    network = runtime._network
    logits, state = network.read(ids[:1])
    for word in ids[1:]:
        logits, state = network.follow(np.array([word]), state)
    return logits[0]


def stream_of(runtime: WordsRuntime, lines: list[str]) -> list[int]:
    end = runtime.tokenizer.end_of_line
    assert end is not None
    return [end, *itertools.chain.from_iterable([*runtime.tokenizer.encode(line), end] for line in lines)]


def log_probability(runtime: WordsRuntime, ids: list[int], start: int = 1) -> float:
    return sum(sampling.log_softmax(slow_logits(runtime, ids[:i]))[ids[i]] for i in range(start, len(ids)))


def text_of(runtime: WordsRuntime, prompt: str = PROMPT, **how: Any) -> str:
    return "".join(runtime.complete(prompt, **how))


def test_next_gives_the_likeliest_words_with_their_probabilities(lstm: WordsRuntime) -> None:
    candidates = lstm.next(PROMPT, k=4)
    end = lstm.tokenizer.end_of_line
    logp = sampling.log_softmax(slow_logits(lstm, [end, *lstm.tokenizer.encode(PROMPT)]))
    ids = [lstm.tokenizer.id(candidate.word) for candidate in candidates]
    np.testing.assert_allclose([c.probability for c in candidates], np.exp(logp[ids]), rtol=1e-4)
    assert candidates == sorted(candidates, key=lambda candidate: -candidate.probability)
    everything = lstm.next(PROMPT, k=10_000)
    assert not {"<unk>", "<pad>"} & {candidate.word for candidate in everything}
    assert len(everything) == lstm.tokenizer.size - 2


def test_an_empty_prompt_asks_for_a_first_word(lstm: WordsRuntime) -> None:
    assert lstm.next("") == lstm.next(" \n\n ")
    assert lstm.next(f"{PROMPT}\n") != lstm.next(PROMPT)


@SLOW
@given(st.integers(0, 2**31), st.floats(0.1, 3), st.integers(0, 9))
def test_the_same_seed_gives_the_same_text(
    lstm: WordsRuntime, seed: int, temperature: float, top_k: int
) -> None:
    texts = {text_of(lstm, seed=seed, temperature=temperature, top_k=top_k) for _ in range(2)}
    assert len(texts) == 1


def test_different_seeds_give_different_texts(lstm: WordsRuntime) -> None:
    assert len({text_of(lstm, seed=seed) for seed in range(5)}) > 1
    assert len({text_of(lstm) for _ in range(5)}) > 1


@pytest.mark.parametrize("penalty", [1.0, 1.8])
def test_temperature_zero_is_greedy_and_carries_its_state(lstm: WordsRuntime, penalty: float) -> None:
    tokenizer = lstm.tokenizer
    ids = [tokenizer.end_of_line, *tokenizer.encode(PROMPT)]
    start = len(ids)
    for _ in range(12):
        logp = sampling.penalize_repetition(
            sampling.log_softmax(slow_logits(lstm, ids)), np.array(ids), penalty
        )
        logp[[tokenizer.pad, tokenizer.unknown]] = -np.inf
        ids.append(int(logp.argmax()))
    whole = tokenizer.decode(ids[1:])
    pieces = list(lstm.complete(PROMPT, words=12, temperature=0, repetition_penalty=penalty))
    assert len(pieces) == len(ids) - start
    assert PROMPT + "".join(pieces) == whole


@pytest.mark.parametrize("runtime", ["lstm", "article_words"])
def test_one_beam_and_top_k_of_one_are_greedy_too(runtime: str, request: pytest.FixtureRequest) -> None:
    opened = request.getfixturevalue(runtime)
    greedy = text_of(opened, temperature=0)
    assert text_of(opened, top_k=1, seed=3) == greedy
    assert text_of(opened, beams=3, top_k=1) == greedy


def test_enough_beams_find_the_likeliest_continuation_of_all(words_model: Words) -> None:
    runtime = words_model(vocabulary=3)
    tokenizer = runtime.tokenizer
    prompt = [tokenizer.end_of_line, *tokenizer.encode(PROMPT)]
    allowed = [word for word in range(tokenizer.size) if word not in (tokenizer.pad, tokenizer.unknown)]
    best = max(
        itertools.product(allowed, repeat=3),
        key=lambda words: log_probability(runtime, [*prompt, *words], len(prompt)),
    )
    found = text_of(runtime, beams=len(allowed) ** 3, words=3)
    assert found.split() == tokenizer.decode(best).split()
    assert text_of(runtime, beams=4, words=6) == text_of(runtime, beams=4, words=6, seed=9)


def test_unknown_words_are_avoided_until_asked_for(lstm: WordsRuntime) -> None:
    many: dict[str, Any] = {"words": 400, "seed": 1, "temperature": 3.0}
    assert "<unk>" not in text_of(lstm, **many)
    assert "<unk>" in text_of(lstm, avoid_unknown=False, **many)
    assert "<pad>" not in text_of(lstm, avoid_unknown=False, **many)


def test_spacing_follows_the_prompt(lstm: WordsRuntime) -> None:
    joined = text_of(lstm, "the mind", seed=5, temperature=0)
    assert text_of(lstm, "the mind ", seed=5, temperature=0) == joined.lstrip(" ")
    assert not text_of(lstm, "", temperature=0, words=1).startswith(" ")


def test_pieces_stream_one_by_one(lstm: WordsRuntime) -> None:
    endless = lstm.complete(PROMPT, words=10**7, seed=1)
    assert len(list(itertools.islice(endless, 5))) == 5


@pytest.mark.parametrize(
    "wrong", [{"words": 0}, {"beams": 0}, {"seed": -1}, {"temperature": -1.0}, {"top_p": 0.0}]
)
def test_wrong_values_are_refused_before_the_first_piece(lstm: WordsRuntime, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        lstm.complete(PROMPT, **wrong)
    with pytest.raises(SettingsError):
        lstm.next(PROMPT, k=0)


LINES = ["the mind adapts , and converts .", "to zebra acting", "", "   ", "the obstacle to our purposes"]


def test_score_equals_the_slow_reference(lstm: WordsRuntime) -> None:
    score = lstm.score(LINES)
    kept = [line for line in LINES if line.strip()]
    ids = stream_of(lstm, kept)
    assert score.tokens == len(ids) - 1
    assert score.words == score.tokens - len(kept)
    assert score.unknown == 1
    assert score.characters == sum(len(line) + 1 for line in kept)
    assert score.log_probability == pytest.approx(log_probability(lstm, ids), rel=1e-5)
    assert score.perplexity == pytest.approx(np.exp(-score.log_probability / score.tokens))
    bits = -score.log_probability / np.log(2) / score.characters
    assert score.bits_per_character == pytest.approx(bits)
    assert lstm.score("\n".join(LINES)) == score
    assert lstm.score(f"{line}\r\n" for line in LINES) == score


def test_score_does_not_depend_on_how_the_text_is_cut(
    lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LINES * 20
    whole = lstm.score(lines)
    for name, size in {
        "MOST_STEPS": 3,
        "LINES_AT_ONCE": 2,
        "CHARACTERS_AT_ONCE": 50,
        "LONGEST_PIECE": 11,
    }.items():
        monkeypatch.setattr(f"foretell.runtime.words.scoring.{name}", size)
        cut = lstm.score(lines)
        assert cut.log_probability == pytest.approx(whole.log_probability, rel=1e-5)
        assert (cut.tokens, cut.words, cut.characters, cut.unknown) == (
            whole.tokens,
            whole.words,
            whole.characters,
            whole.unknown,
        )


@pytest.mark.parametrize("shift", [0.0, 60.0, 95.0, -60.0, -95.0, 3e4, -3e4])
def test_log_probabilities_of_logits_of_any_size(shift: float) -> None:
    rng = np.random.default_rng(0)
    logits = (rng.normal(0, 5, (40, 300)) + shift).astype(np.float32)
    logits[::2] -= np.float32(2 * shift)
    words = rng.integers(300, size=40)
    exact = sampling.log_softmax(logits.astype(np.float64))
    found = log_probabilities_of(logits, words)
    np.testing.assert_allclose(found, exact[np.arange(40), words], atol=1e-4)


def test_score_takes_linear_time_in_constant_memory(lstm: WordsRuntime) -> None:
    def seconds(n: int) -> float:
        start = time.process_time()
        lstm.score(itertools.repeat(LINES[0], n))
        return time.process_time() - start

    seconds(100)
    # Quadratic time would take 100 times as long.
    assert min(seconds(8000) for _ in range(2)) < 40 * max(min(seconds(800) for _ in range(3)), 0.01)


def test_score_of_nothing_is_an_error(lstm: WordsRuntime) -> None:
    with pytest.raises(DataError, match="0 words"):
        lstm.score(["", "  "])


def test_the_article_reads_windows_of_three_known_words(article_words: WordsRuntime) -> None:
    assert article_words.next("the mind adapts") == article_words.next("unheard of the mind adapts")
    with pytest.raises(DataError, match=r"at least 3 words, found 2"):
        article_words.next("the mind")
    with pytest.raises(DataError, match="'zebra'"):
        article_words.complete("the mind zebra and converts")
    assert len(text_of(article_words, words=7).split()) == 7


def test_the_article_score_averages_over_windows(article_words: WordsRuntime) -> None:
    lines = ["the mind adapts and", "converts zebra its own purposes the obstacle"]
    score = article_words.score(lines)
    windows = [
        "the mind adapts and",
        "mind adapts and converts",
        "its own purposes the",
        "own purposes the obstacle",
    ]
    expected = 0.0
    for window in windows:
        *seen, last = article_words.tokenizer.encode(window)
        logits, _ = article_words._network.read(seen)
        expected += sampling.log_softmax(logits[0])[last]
    assert score.log_probability == pytest.approx(expected, rel=1e-5)
    assert (score.tokens, score.words, score.unknown) == (4, 11, 1)
    assert score.characters == len("and converts the obstacle ")
    with pytest.raises(DataError, match="3 words"):
        article_words.score(["the mind zebra"])


def test_a_long_prompt_is_read_in_chunks(lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = " ".join(LINES[0] for _ in range(10))
    whole = lstm.next(prompt)
    monkeypatch.setattr("foretell.runtime.words.networks.PROMPT_CHUNK", 7)
    for a, b in zip(lstm.next(prompt), whole, strict=True):
        assert a.word == b.word
        assert a.probability == pytest.approx(b.probability, rel=1e-4)


def test_white_space_words_with_an_lstm(words_model: Words) -> None:
    runtime = words_model(tokens="white-space")
    assert runtime.score(["the mind adapts"]).tokens == 2
    assert len(text_of(runtime, words=4).split()) == 4
    with pytest.raises(DataError, match="at least 1"):
        runtime.next("")
    with pytest.raises(DataError, match="does not know"):
        runtime.score(["the zebra"])


def test_a_labels_model_is_refused(any_labels: LabelsRuntime) -> None:
    with pytest.raises(UsageError, match="found a labels model"):
        WordsRuntime.open(any_labels.path)


def test_each_further_word_takes_under_a_millisecond(words_model: Words) -> None:
    many = " ".join(f"w{i}" for i in range(10_000))
    runtime = words_model(text=many, units=256, embedding_size=256)

    def seconds() -> float:
        start = time.thread_time()
        text_of(runtime, "w1 w2", words=100, seed=1, top_k=40)
        return time.thread_time() - start

    assert min(seconds() for _ in range(10)) / 100 < 1e-3


def test_prediction_imports_nothing_heavy() -> None:
    code = (
        "import sys, foretell.runtime.words.predictor, foretell.runtime.labels.classifier\n"
        "import foretell.runtime.labels.evaluation\n"
        "heavy = {'tensorflow', 'keras', 'onnx', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'torch'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
