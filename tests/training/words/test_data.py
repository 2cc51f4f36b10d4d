"""Token files, the order of training, what is measured and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.config import with_changes
from foretell.data.corpus import Corpus
from foretell.errors import DataError
from foretell.text.tokenizer import Tokenizer
from foretell.training.options import TrainOptions
from foretell.training.run import Request, Run
from foretell.training.words.data import (
    NONE,
    Plan,
    TokenizedCorpus,
    measured_bytes,
    plan_for,
    split_tokens,
    tokenized,
)
from foretell.training.words.token_file import TokenFile, write_tokens
from tests.text.texts import ALL
from tests.training.words.small import SMALL, noisy_corpus


def test_tokens_are_written_as_a_numpy_file(tmp_path: Path) -> None:
    lines = ["the cat", "the dog sat"] * 50
    tokenizer = Tokenizer.train(lines, "words", lowercase=True, vocabulary=100, min_count=1)
    count = write_tokens(tmp_path / "t.npy", lines, tokenizer)
    ids = np.load(tmp_path / "t.npy", mmap_mode="r")
    assert ids.dtype == np.uint16
    assert len(ids) == count == 350
    expected = [id for line in lines for id in [*tokenizer.encode(line), tokenizer.end_of_line]]
    assert ids.tolist() == expected
    with TokenFile(tmp_path / "t.npy") as file:
        assert file.read(348, 5).tolist() == expected[348:] + expected[:3]
        assert file.part(10, 20).read(9, 2).tolist() == [expected[19], expected[10]]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 120), st.integers(1, 7), st.integers(1, 9), st.integers(0, 200))
def test_a_pass_predicts_every_token_once(tmp_path_factory, tokens, streams, window, entry) -> None:
    path = tmp_path_factory.mktemp("t") / "t.npy"
    np.save(path, np.arange(tokens, dtype=np.uint16))
    plan = Plan(tokens, min(streams, tokens), window)
    predicted = []
    with TokenFile(path) as file:
        for w in range(plan.windows):
            ids, targets = plan.batch(file, w, entry)
            taken = targets != NONE
            assert ((ids[taken] + 1) % tokens == targets[taken]).all()
            predicted += targets[taken].tolist()
    assert sorted(predicted) == list(range(tokens))


def test_streams_are_fewer_where_text_is_short() -> None:
    assert plan_for(100_000, SMALL).streams == 4
    assert plan_for(90, SMALL).streams == 2
    assert plan_for(11, SMALL).streams == 1
    with pytest.raises(DataError, match="smaller window"):
        plan_for(10, SMALL)


@pytest.mark.parametrize(("tokens", "n_valid"), [(3_000, 0), (10_000, 3_000)])
def test_the_end_is_for_validation_unless_the_text_is_short(tmp_path, tokens, n_valid) -> None:
    np.save(tmp_path / "t.npy", np.arange(tokens, dtype=np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, valid = split_tokens(file, 0.3)
        assert len(train) == tokens - n_valid
        assert (valid is None) == (n_valid == 0)
        if valid is not None:
            assert len(valid) == n_valid
            assert valid.read(0, 1).tolist() == [tokens - n_valid]


def test_validation_has_a_maximum(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.zeros(10_000_000, np.uint16))
    with TokenFile(tmp_path / "t.npy") as file:
        train, valid = split_tokens(file, 0.05)
        assert valid is not None
        assert (len(train), len(valid)) == (9_800_000, 200_000)


class CountedCorpus(Corpus):
    """Counts how often it is read."""

    reads = 0

    def __iter__(self):
        type(self).reads += 1
        return super().__iter__()


def test_what_is_cached_is_not_read_again(tmp_path: Path) -> None:
    lines = list(noisy_corpus())
    corpus = CountedCorpus("lines", lambda: iter(lines), [])
    request = Request(job="words", settings=SMALL, data="")
    with Run.open(request, TrainOptions(out=tmp_path / "m")) as run:
        found = []
        for _ in range(2):
            with tokenized(run, corpus, None, SMALL) as tokens:
                assert tokens.valid is not None
                found.append((tokens.tokenizer.to_json(), len(tokens.train), len(tokens.valid)))
        assert found[0] == found[1]
        assert CountedCorpus.reads == 2
        (run.cache / "tokens.npy").unlink()
        with tokenized(run, corpus, None, SMALL):
            assert CountedCorpus.reads == 3


def test_a_corpus_needs_two_different_words(tmp_path: Path) -> None:
    settings = with_changes(SMALL, {"tokens": "white-space"})
    request = Request(job="words", settings=settings, data="")
    with (
        Run.open(request, TrainOptions(out=tmp_path / "m")) as run,
        pytest.raises(DataError, match="different words"),
        tokenized(run, Corpus.from_texts(["same same"], name="x"), None, settings),
    ):
        pass


@pytest.mark.parametrize("damage", ["flip", "cut", "no record", "another record"])
@pytest.mark.parametrize("name", ["tokens.npy", "tokenizer.json"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    """Used unchecked, a token file with a flipped bit trains another model, without an error."""
    corpus = noisy_corpus(9_000)
    request = Request(job="words", settings=SMALL, data="x")

    def read(resume: bool) -> tuple[str, bytes]:
        options = TrainOptions(out=tmp_path / "m", resume=resume)
        with Run.open(request, options) as run, tokenized(run, corpus, None, SMALL) as tokens:
            return tokens.tokenizer.to_json(), tokens.train.read(0, len(tokens.train)).tobytes()

    before = read(resume=False)
    path = tmp_path / "m.run" / "cache" / name
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "no record":
        path.write_bytes(content[:-2])
        path.with_name(f"{name}.sha256.json").unlink()
    else:
        path.with_name(f"{name}.sha256.json").write_text("[]")
        path.write_bytes(content[:-2])
    assert read(resume=True) == before
    assert path.read_bytes() == content
    # A whole one is used.
    written = path.stat().st_mtime_ns
    assert read(resume=True) == before
    assert path.stat().st_mtime_ns == written


LINES = ALL * 40


@contextmanager
def text_tokens(path: Path, style: str, fraction: float) -> Iterator[TokenizedCorpus]:
    tokenizer = Tokenizer.train(LINES, style, lowercase=False, vocabulary=30)  # type: ignore[arg-type]
    write_tokens(path, LINES, tokenizer)
    with TokenFile(path) as file:
        yield TokenizedCorpus(tokenizer, *split_tokens(file, fraction))


@pytest.mark.parametrize("style", ["words", "subword", "char"])
def test_the_bytes_of_the_validation_part(tmp_path: Path, style: str) -> None:
    with text_tokens(tmp_path / "tokens.npy", style, 0.4) as tokens:
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
    with text_tokens(tmp_path / "tokens.npy", "char", 0.4) as tokens:
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
    with text_tokens(tmp_path / "tokens.npy", style, 0.0) as tokens:
        size = measured_bytes(tokens, Corpus.from_texts(LINES), valid)
    assert size is not None
    # The é is not one of the thirty characters: it has two bytes, which are two tokens.
    assert (size.tokens, size.text) == ({"words": 4, "char": 6}[style], 6)


def test_without_validation_the_beginning_is_measured(tmp_path: Path) -> None:
    with text_tokens(tmp_path / "tokens.npy", "char", 0.0) as tokens:
        size = measured_bytes(tokens.measured_to(50), Corpus.from_texts(LINES), None)
    assert size is not None
    assert size.tokens == 50
    assert size.bits_per_byte(-1.0) == pytest.approx(50 / size.text / 0.6931472)


def test_tokens_split_at_white_space_have_no_lines(tmp_path: Path) -> None:
    with text_tokens(tmp_path / "tokens.npy", "white-space", 0.4) as tokens:
        assert measured_bytes(tokens, Corpus.from_texts(LINES), None) is None
