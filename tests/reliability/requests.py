"""Requests to a service with the models of `write_served`: usual ones, and the most expensive permitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reliability.clients import request

from foretell.config import LabelsSettings, WordsSettings
from foretell.ngrams.ensemble import Ensemble
from foretell.runtime.labels.leave_one_out import MAX_CHARACTERS
from tests.builders import kneser_ney_parts, random_linear_model, write_random

VOCABULARY = 3_000
TEXT = " ".join(f"w{number % VOCABULARY}" for number in range(2 * VOCABULARY))
MAX_TOKENS = 20_000
"""The usual --limit-tokens."""


def write_served(folder: Path, *, units: int) -> tuple[Path, Path]:
    """Write a classifier named `reviews` and a language model named `notes`, with random weights."""
    labels = LabelsSettings(embedding_size=units, units=units, length=200, vocabulary=VOCABULARY)
    parts: dict[str, Any] = {
        "ensemble": Ensemble(network=1, linear=1),
        "linear": random_linear_model(size=200, n_columns=1),
    }
    words = WordsSettings(embedding_size=units, units=units, vocabulary=VOCABULARY)
    return (
        write_random(folder / "reviews", labels, ["neg", "pos"], text=TEXT, scale=0.1, **parts),
        write_random(
            folder / "notes", words, text=TEXT, scale=0.1, **kneser_ney_parts(words, TEXT, (0.2, 0.3, 0.4))
        ),
    )


def usual(number: int) -> bytes:
    """Return a request that a person or a program often sends; each kind in turn."""
    few = " ".join(f"w{(7 * number + k) % VOCABULARY}" for k in range(number % 40 + 1))
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/v1/classify", {"model": "reviews", "texts": few}),
        ("/v1/classify", {"model": "reviews", "texts": [few, few[::-1], ""]}),
        ("/v1/next", {"model": "notes", "texts": few}),
        ("/v1/score", {"model": "notes", "texts": few, "words": True}),
        ("/v1/explain", {"model": "reviews", "texts": few[:60]}),
        ("/v1/completions", {"model": "notes", "prompt": few, "max_tokens": 5, "seed": number}),
        ("/v1/completions", {"model": "notes", "prompt": few, "max_tokens": 5, "stream": True}),
        ("/v1/states", {"model": "notes", "text": few}),
    ]
    gets = ("/v1/models", "/health/ready", "/", "/metrics")
    index = number % (len(posts) + len(gets))
    return request(*posts[index]) if index < len(posts) else request(gets[index - len(posts)])


def expensive(number: int) -> bytes:
    """Return a request at the usual limits; each kind in turn."""
    long = " ".join(f"w{(7 * k + number) % VOCABULARY}" for k in range(MAX_TOKENS - 100))
    # As many short texts as a request may hold.
    many = ["w1 " * 19] * 1_000
    completion = {"model": "notes", "logprobs": 5, "cache": 2_000}
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/v1/explain", {"texts": long[:MAX_CHARACTERS]}),
        ("/v1/completions", {**completion, "prompt": long[:3_000], "n": 16, "max_tokens": 700}),
        ("/v1/score", {"texts": long, "words": True, "top": 5, "cache": 2_000}),
        ("/v1/classify", {"texts": many}),
        ("/v1/next", {"texts": many, "k": 100, "cache": 2_000}),
        ("/v1/states", {"model": "reviews", "text": long}),
        ("/v1/completions", {**completion, "prompt": ["w1"] * 62, "n": 16, "max_tokens": 15, "stream": True}),
        ("/v1/explain", {"texts": [" ".join(long.split()[:1_000])] * 19}),
    ]
    return request(*posts[number % len(posts)])


KINDS_OF_EXPENSIVE = 8
