"""The Kneser–Ney model as an ARPA file: a reader of the format gets the model's probabilities."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.artifacts.directory import read_model
from foretell.errors import ArtifactError, UsageError
from foretell.export import arpa
from foretell.export.model_export import export_model
from foretell.ngrams.arpa import arpa_lines, arpa_log, read_arpa
from foretell.ngrams.kneser_ney import KneserNey
from foretell.text.tokenizer import Tokenizer
from foretell.training.words.kneser_ney_fit import count

WORDS = ["the", "way", "mind", "café", "‿", "a\u2028b", "3"]
LINES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), min_size=2, max_size=30)


def counted(lines: list[list[str]], max_ngrams: int, style: str) -> tuple[KneserNey, Tokenizer]:
    texts = [" ".join(words) for words in lines]
    tokenizer = Tokenizer.train(texts, style, lowercase=False, vocabulary=5)  # type: ignore[arg-type]
    ids = tokenizer.encode_lines("\n".join(texts) + "\n")
    return count(ids[ids >= 0], tokenizer.size, order=4).pruned(max_ngrams), tokenizer


@given(lines=LINES, max_ngrams=st.integers(1, 60), style=st.sampled_from(["words", "white-space"]))
def test_a_reader_gets_the_probability_of_every_word_after_every_context(
    lines: list[list[str]], max_ngrams: int, style: str
) -> None:
    model, tokenizer = counted(lines, max_ngrams, style)
    named = [tokenizer.word(id) for id in range(tokenizer.size)]
    end = tokenizer.end_of_line
    before: list[int] = [] if end is None else [end]
    before += tokenizer.encode(" ".join(lines[-1]))[:-1]
    before = [id for id in before if id >= 0]
    after = np.arange(tokenizer.size)
    entries = read_arpa(arpa_lines(model, named, end), Everything())
    # No n-gram goes across the end of a line.
    assert not any("<eos>" in gram for gram in entries)
    for start in range(max(0, len(before) - 3), len(before) + 1):
        # Without the end of the line before, it is a context from within a line.
        context = ["<s>" if id == end else named[id] for id in before[start:]]
        expected = model.distribution(np.array(before[start:], np.int64))[0][after]
        words = ["</s>" if id == end else named[id] for id in after]
        found = [10 ** arpa_log(entries, context, word) for word in words]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)
        assert sum(found) == pytest.approx(1, abs=1e-4)


class Everything:
    """Contains all."""

    def __contains__(self, _: object) -> bool:
        return True


def test_the_export_is_checked_by_reading_it_back(models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = export_model(models["words-counted"], out, "arpa")
    assert result.difference is not None
    assert result.difference < 1e-6
    names = {"README.md", "model.arpa", "model.json", "tokenizer.json"}
    assert {each.name for each in out.iterdir()} == names
    assert json.loads((out / "model.json").read_text())["format"] == "arpa"
    model = read_model(models["words-counted"])
    text = (out / "model.arpa").read_text()
    wrong = re.sub(r"^\S+(\tthe mind\b)", r"-0.2\1", text, flags=re.MULTILINE)
    (out / "model.arpa").write_text(wrong)
    with pytest.raises(ArtifactError, match="found a difference"):
        arpa.difference(out, model, ["the mind"])
    stated = dict(re.findall(r"ngram (\d)=(\d+)", text))
    for order, count_of in stated.items():
        pattern = rf"^\S+\t\S+(?: \S+){{{int(order) - 1}}}(?:\t|$)"
        found = re.findall(pattern, text, flags=re.MULTILINE)
        assert len(found) == int(count_of)


def test_what_has_no_n_grams_of_words_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    for name, found in (("words", "words without one"), ("labels", "labels without one")):
        with pytest.raises(UsageError, match=f"found {found}; train one with"):
            export_model(models[name], tmp_path / "out", "arpa")
    counted_model = read_model(models["words-counted"])
    subwords = read_model(models["words-subword"]).tokenizer
    with pytest.raises(UsageError, match="found parts of words"):
        arpa.content(dataclasses.replace(counted_model, tokenizer=subwords))
    with pytest.raises(UsageError, match="no 8 bits"):
        export_model(models["words-counted"], tmp_path / "out", "arpa", int8=True, data=["the"])
    assert not (tmp_path / "out").exists()
