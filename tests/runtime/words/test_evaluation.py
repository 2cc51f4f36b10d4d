"""`evaluate` of a language model: accuracy of the next word, keystrokes saved, against their
definition.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foretell.metrics.bootstrap import resamples
from foretell.ngrams import suggestions
from foretell.ngrams.kneser_ney import KneserNey
from foretell.ngrams.suggestions import METRICS, Keyboard, headline
from foretell.runtime.words import evaluation, scoring
from foretell.runtime.words.evaluation import compare_words, evaluate_words
from foretell.runtime.words.predictor import WordsRuntime
from foretell.text.tokenizer import keys_of

LINES = ["the mind adapts, and the xyzzy stands", "", "what stands in the way becomes the way."] * 3


def by_definition(runtime: WordsRuntime, cache: int) -> dict[str, float]:
    """Type each word of the text, letter by letter, as somebody who accepts it as soon as it is
    suggested.
    """
    tokenizer = runtime.tokenizer
    network = runtime.network_for(cache)
    read = [tokenizer.end_of_line]
    hits = []
    keys = 0
    cost = 0
    typed = [
        (word, tokenizer.id(word))
        for line in LINES
        if line
        for word in [*tokenizer.runs(line), "<eos>"]
    ]
    for word, id in typed:
        logits, _ = network.read(read)
        ranked = [tokenizer.word(i) for i in np.argsort(-logits[0], kind="stable").tolist()]
        ranked = [each for each in ranked if each not in ("<pad>", "<unk>")]
        hits.append(ranked.index(word) if word in ranked else len(ranked))
        full = 0 if word == "<eos>" else len(word) + (word[0].isalpha())
        needed = full
        if id is not None and full > 1:
            for n in range(len(word) + 1):
                shown = [w for w in ranked if w.startswith(word[:n]) and w[0].isalpha()][:3]
                if word in shown:
                    needed = min(full, n + 1)
                    break
        keys = keys + needed
        cost = cost + full
        read.append(tokenizer.unknown if id is None else id)
    ranks = np.array(hits)
    values = (float((ranks < 1).mean()), float((ranks < 3).mean()), 1 - keys / cost)
    return dict(zip(METRICS, values, strict=True))


@pytest.mark.parametrize("cache", [0, 20])
def test_the_metrics_are_those_of_somebody_who_types(
    interpolated: WordsRuntime, cache: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "_AT_ONCE", 5 * interpolated.tokenizer.size)
    monkeypatch.setattr(suggestions, "BLOCK", 2)
    monkeypatch.setattr(scoring, "MAX_STEPS", 13)
    contexts = []
    really = KneserNey.distribution

    def distribution(self: KneserNey, context: Any) -> Any:
        contexts.append(len(context))
        return really(self, context)

    monkeypatch.setattr(KneserNey, "distribution", distribution)
    report = evaluate_words(interpolated, LINES, cache=cache)
    assert contexts == [1, 2, *[3] * (len(contexts) - 2)]
    found = {key: report[key] for key in METRICS}
    assert found == pytest.approx(by_definition(interpolated, cache))
    models = report["suggestions"]["models"]
    assert list(models) == ["network", "kneser_ney", "both", "cache"]
    assert headline(report["suggestions"], with_cache=bool(cache)) == found
    assert report["suggestions"]["positions"] == report["tokens"]
    assert report["perplexity"] == interpolated.score(LINES, cache=cache).perplexity
    for model in models.values():
        for key in METRICS:
            low, high = model["intervals"][key]
            assert low <= model[key] <= high


def test_the_headline_is_of_the_model_as_it_predicts() -> None:
    values = {"network": 0.1, "kneser_ney": 0.2, "both": 0.3, "cache": 0.4}
    models = {name: dict.fromkeys(METRICS, value) for name, value in values.items()}
    assert headline({"models": models}) == models["both"]
    assert headline({"models": models}, with_cache=True) == models["cache"]
    del models["both"]
    assert headline({"models": models}) == models["network"]


def test_one_letter_more_where_three_words_begin_alike() -> None:
    words = ["<pad>", "<unk>", "<eos>", "then", "them", "there", "the", "they", "cat", ","]
    keyboard = Keyboard(words, list(map(keys_of, words)), [0, 1])
    # Equally probable words come in the order of their ids; marks are not among suggestions of
    # words.
    targets = np.array([3, 5, 6, 7, 8, 9, 1])
    # A word that others begin with is finished as fast as it is suggested.
    costs = np.array([5, 6, 4, 5, 4, 1, 9])
    _, top3, keys = keyboard.suggested(np.full((7, len(words)), 0.1, np.float32), targets, costs)
    assert keys.tolist() == [1, 1, 4, 5, 2, 1, 9]
    assert top3.tolist() == [True, False, False, False, False, False, False]


@pytest.mark.parametrize("changes", [{"tokens": "char"}, {"name": "article"}])
def test_other_models_have_no_suggestions(words_model, changes) -> None:
    runtime = words_model(**changes)
    assert "suggestions" not in evaluate_words(runtime, ["the mind adapts and converts"])


def test_only_the_beginning_of_a_text_is_measured(
    lstm: WordsRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "MAX_POSITIONS", 10)
    report = evaluate_words(lstm, iter(LINES * 3))
    assert report["suggestions"]["positions"] == 10 < report["tokens"]
    assert list(report["suggestions"]["models"]) == ["network", "cache"]


def test_a_difference_is_that_of_all_bytes_of_the_parts_that_are_drawn() -> None:
    random = np.random.default_rng(0)
    sizes = random.integers(1, 40, 50)
    bits = random.random((2, 50)) * sizes
    spelled = random.integers(9, size=50)

    def runtime(row: int) -> Any:
        def score(lines: list[str]) -> scoring.Score:
            tally = scoring.Tally()
            for place in map(int, lines):
                tally.tokens += 1
                tally.characters += 1
                tally.bytes += int(sizes[place])
                tally.spelled += int(spelled[place])
                tally.log_probability -= bits[row, place] * np.log(2)
            return tally.score()

        return SimpleNamespace(score=score)

    found = compare_words(runtime(0), runtime(1), map(str, range(50)))
    of_all = (bits[0] + 8 * spelled).sum() / sizes.sum()
    assert found["bits_per_byte"] == pytest.approx(of_all)
    # The parts are scored from the end on.
    drawn = 49 - np.concatenate(list(resamples(50)))
    values = (bits[0] - bits[1])[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    assert found["interval"] == pytest.approx(np.quantile(values, [0.025, 0.975]))
    # It is worse by more than chance only where the whole interval says so.
    assert found["interval"][0] < 0 < found["interval"][1]
    assert not found["has_dropped"]
    bits[0] += sizes
    assert compare_words(runtime(0), runtime(1), map(str, range(50)))["has_dropped"]
