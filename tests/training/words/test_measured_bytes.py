"""The bytes of the text that is measured, found again by its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foretell.data.corpus import Corpus
from foretell.text.tokenizer import Tokenizer
from foretell.training.words.data import TokenizedCorpus, measured_bytes, split_tokens
from foretell.training.words.token_file import TokenFile, write_tokens
from tests.text.texts import ALL

LINES = ALL * 40


@contextmanager
def tokenized(path: Path, style: str, fraction: float) -> Iterator[TokenizedCorpus]:
    tokenizer = Tokenizer.train(LINES, style, lowercase=False, vocabulary=30)  # type: ignore[arg-type]
    write_tokens(path, LINES, tokenizer)
    with TokenFile(path) as file:
        yield TokenizedCorpus(tokenizer, *split_tokens(file, fraction))


@pytest.mark.parametrize("style", ["words", "subword", "char"])
def test_the_bytes_of_the_validation_part(tmp_path: Path, style: str) -> None:
    with tokenized(tmp_path / "tokens.npy", style, 0.4) as tokens:
        assert tokens.valid is not None
        size = measured_bytes(tokens, Corpus.from_texts(LINES), None)
        assert size is not None
        assert size.tokens == len(tokens.valid)
        ids = tokens.valid.read(0, len(tokens.valid)).tolist()
    if style != "words":
        # Decoded, these tokens are the text; only the share of the line that is cut is an estimate.
        assert size.text == pytest.approx(len(tokens.tokenizer.decode(ids).encode()), abs=90)
        assert size.spelled == 0
    else:
        assert size.text == pytest.approx(0.4 * sum(len(line.encode()) + 1 for line in LINES), rel=0.1)
        assert size.spelled > ids.count(1)


def test_of_less_to_measure_the_bytes_are_fewer(tmp_path: Path) -> None:
    with tokenized(tmp_path / "tokens.npy", "char", 0.4) as tokens:
        assert tokens.valid is not None
        few = tokens.measured_to(60)
        assert few.measured is few.valid
        ids = few.measured.read(0, 60).tolist()
        assert ids == tokens.valid.read(0, 60).tolist()
        size = measured_bytes(few, Corpus.from_texts(LINES), None)
        assert size is not None
        assert size.tokens == 60
        assert size.text == pytest.approx(len(tokens.tokenizer.decode(ids).encode()), abs=60)
        of_users = measured_bytes(few, Corpus.from_texts(LINES), LINES)
    assert of_users is not None
    assert of_users.tokens == 60


@pytest.mark.parametrize("style", ["words", "char"])
def test_the_bytes_of_the_users_validation_text(tmp_path: Path, style: str) -> None:
    valid = Corpus.from_texts(["ab", "é"])
    with tokenized(tmp_path / "tokens.npy", style, 0.0) as tokens:
        size = measured_bytes(tokens, Corpus.from_texts(LINES), valid)
    assert size is not None
    # The é is not one of the thirty characters: it has two bytes, which are two tokens.
    assert (size.tokens, size.text) == ({"words": 4, "char": 6}[style], 6)


def test_without_validation_the_beginning_is_measured(tmp_path: Path) -> None:
    with tokenized(tmp_path / "tokens.npy", "char", 0.0) as tokens:
        size = measured_bytes(tokens.measured_to(50), Corpus.from_texts(LINES), None)
    assert size is not None
    assert size.tokens == 50
    assert size.bits_per_byte(-1.0) == pytest.approx(50 / size.text / 0.6931472)


def test_tokens_split_at_white_space_have_no_lines(tmp_path: Path) -> None:
    with tokenized(tmp_path / "tokens.npy", "white-space", 0.4) as tokens:
        assert measured_bytes(tokens, Corpus.from_texts(LINES), None) is None
