"""Token files, the order of training, what is measured and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import decoded
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data.corpus import Corpus
from foretell.text.tokenizer import Tokenizer
from foretell.training.checkpoints import sealed
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run
from foretell.training.words.data import (
    NONE,
    ReadingOrder,
    TokenizedCorpus,
    measured_bytes,
    split_tokens,
    tokenized,
)
from foretell.training.words.token_file import TokenFile, kind_for, write_tokens
from tests.text.texts import ALL
from tests.training.words.small import SMALL, noisy_corpus


def token_file(folder: Path, ids: np.ndarray) -> TokenFile:
    path = folder / "tokens.uint16"
    path.write_bytes(ids.astype(np.uint16).tobytes())
    return TokenFile(path)


def encoded(folder: Path, stem: str, lines: list[str], tokenizer: Tokenizer) -> TokenFile:
    path = folder / f"{stem}.{kind_for(tokenizer)}"
    write_tokens(lines, tokenizer, path)
    return TokenFile(path)


@pytest.mark.parametrize(("vocabulary", "kind"), [(100, "uint16"), (70_000, "uint32")])
def test_a_text_becomes_a_row_of_ids(tmp_path: Path, vocabulary: int, kind: str) -> None:
    lines = ["the cat", "the dog sat"] * 50
    more = [" ".join(f"w{i}" for i in range(vocabulary))] if kind == "uint32" else []
    tokenizer = Tokenizer.train(
        [*lines, *more], "words", lowercase=True, vocabulary=vocabulary, min_count=1
    )
    assert kind_for(tokenizer) == kind
    expected = [id for line in lines for id in [*tokenizer.encode(line), tokenizer.end_of_line]]
    file = encoded(tmp_path, "t", lines, tokenizer)
    assert len(file) == 350
    assert file.read(0, 350).tolist() == expected
    assert file.read(348, 5).tolist() == expected[348:] + expected[:3]
    part = file.part(10, 20)
    # A part keeps the file open.
    del file
    assert part.part(1, 10).read(8, 2).tolist() == [expected[19], expected[11]]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 120), st.integers(1, 7), st.integers(1, 9), st.integers(0, 200))
def test_a_pass_predicts_every_token_once(tmp_path_factory, tokens, streams, window, entry) -> None:
    plan = ReadingOrder(tokens, min(streams, tokens), window)
    predicted = []
    file = token_file(tmp_path_factory.mktemp("t"), np.arange(tokens))
    for w in range(plan.windows):
        ids, targets = plan.batch(file, w, entry)
        taken = targets != NONE
        assert ((ids[taken] + 1) % tokens == targets[taken]).all()
        predicted += targets[taken].tolist()
    assert sorted(predicted) == list(range(tokens))


@pytest.mark.parametrize(
    ("tokens", "fraction", "n_valid"),
    [(3_000, 0.3, 0), (10_000, 0.3, 3_000), (10_000_000, 0.05, 200_000)],
)
def test_the_end_is_for_validation_unless_the_text_is_short(
    tmp_path: Path, tokens: int, fraction: float, n_valid: int
) -> None:
    train, valid = split_tokens(token_file(tmp_path, np.arange(tokens)), fraction)
    assert len(train) == tokens - n_valid
    assert (0 if valid is None else len(valid)) == n_valid
    if valid is not None:
        assert valid.read(0, 1).tolist() == [(tokens - n_valid) % 65_536]


class CountedCorpus(Corpus):
    """Counts how often it is read."""

    reads = 0

    def __iter__(self) -> Iterator[str]:
        type(self).reads += 1
        return super().__iter__()


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
@pytest.mark.parametrize("stem", ["tokens", "tokenizer"])
def test_what_is_cached_is_not_read_again_and_a_damaged_cache_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str, damage: str
) -> None:
    """Used unchecked, a token file with a flipped bit trains another model, without an error."""
    monkeypatch.setattr(CountedCorpus, "reads", 0)
    lines = list(noisy_corpus(9_000))
    corpus = CountedCorpus("lines", lambda: iter(lines), [])
    request = Request(job="words", settings=SMALL, data="x")

    def read(resume: bool) -> tuple[str, bytes]:
        options = TrainOptions(out=tmp_path / "m", resume=resume)
        with Run.open(request, options) as run:
            tokens = tokenized(run, corpus, None, SMALL, None, None)
            return tokens.tokenizer.to_json(), tokens.train.read(0, len(tokens.train)).tobytes()

    before = read(resume=False)
    assert CountedCorpus.reads == 2
    path = sealed(tmp_path / "m.run" / "cache", stem)
    assert path is not None
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        half = len(content) // 2
        path.write_bytes(
            content[:half] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1])
        )
    for _ in range(2):
        assert read(resume=True) == before
        assert path.read_bytes() == content
        assert CountedCorpus.reads == 3


LINES = ALL * 40


def text_tokens(folder: Path, style: Any, fraction: float) -> TokenizedCorpus:
    tokenizer = Tokenizer.train(LINES, style, lowercase=False, vocabulary=30)
    return TokenizedCorpus(
        tokenizer, *split_tokens(encoded(folder, "tokens", LINES, tokenizer), fraction)
    )


@pytest.mark.parametrize("style", ["words", "subword", "char"])
@pytest.mark.parametrize("count", [10**9, 60])
def test_the_bytes_of_the_validation_part(tmp_path: Path, style: str, count: int) -> None:
    tokens = text_tokens(tmp_path, style, 0.4)
    assert tokens.valid is not None
    few = tokens.measured_to(count)
    size = measured_bytes(few, Corpus.from_texts(LINES), are_valid=False)
    assert size is not None
    assert size.tokens == len(few.measured) == min(count, len(tokens.valid))
    ids = few.measured.read(0, size.tokens).tolist()
    assert ids == tokens.valid.read(0, size.tokens).tolist()
    if style != "words":
        # Decoded, these tokens are the text; only the share of a line that is cut is an estimate.
        assert size.text == pytest.approx(len(decoded(tokens.tokenizer, ids).encode()), abs=90)
        assert size.spelled == 0
    elif count != 60:
        assert size.text == pytest.approx(
            0.4 * sum(len(line.encode()) + 1 for line in LINES), rel=0.1
        )
        assert size.spelled > ids.count(1)


def test_of_a_line_that_is_cut_the_unknown_words_count_in_part(tmp_path: Path) -> None:
    lines = ["a b c"] * 20
    tokenizer = Tokenizer.train(lines, "words", lowercase=True, vocabulary=9, min_count=1)
    cut = ["a unknown b", "c unknown a"]
    whole = TokenizedCorpus(tokenizer, encoded(tmp_path, "t", cut, tokenizer), None)
    # Four tokens are a line, ends of lines included.
    sizes = [measured_bytes(whole.measured_to(n), cut, are_valid=False) for n in (4, 6, 8)]
    spelled = [0.0 if size is None else size.spelled for size in sizes]
    of_a_line = tokenizer.spelled_bytes(cut[0])
    assert spelled == [of_a_line, 1.5 * of_a_line, 2 * of_a_line]
    assert of_a_line >= len("unknown")


def test_without_validation_the_beginning_is_measured_and_without_lines_nothing(
    tmp_path: Path,
) -> None:
    # Without validation the beginning is measured.
    tokens = text_tokens(tmp_path, "char", 0.0).measured_to(50)
    size = measured_bytes(tokens, Corpus.from_texts(LINES), are_valid=False)
    assert size is not None
    assert size.tokens == 50
    # Tokens that are split at white space have no lines.
    assert measured_bytes(text_tokens(tmp_path, "white-space", 0.4), LINES, are_valid=False) is None


def test_validation_that_begins_within_a_line_has_the_rest_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.training.words.data.MIN_VALID", 1)
    lines = [*["a b c"] * 6, "a b longer", *["a b c"] * 3]
    tokenizer = Tokenizer.train(lines, "words", lowercase=True, vocabulary=9, min_count=1)
    # Of 40 tokens the last 14: half a line and three.
    parts = split_tokens(encoded(tmp_path, "t", lines, tokenizer), 0.35)
    size = measured_bytes(TokenizedCorpus(tokenizer, *parts), lines, are_valid=False)
    assert size is not None
    assert (size.tokens, size.text) == (14, 0.5 * len("a b longer\n") + 3 * len("a b c\n"))
