"""Generated texts: their size, their vocabulary, and that they are the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.texts import every_word, reviews, write_growing_text, zipf_text


def test_the_vocabulary_of_a_growing_text_grows(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    size = write_growing_text(path, 1_000_000)
    text = path.read_text(encoding="utf-8")
    words = text.split()
    assert size.bytes == path.stat().st_size
    assert 1_000_000 <= size.bytes < 1_100_000
    assert size.words == len(words)
    counts = Counter(words)
    assert size.distinct == len(counts)
    # New words to the end: the second half has thousands that the first one lacks.
    half = len(words) // 2
    assert len(set(words[half:]) - set(words[:half])) > 5_000
    # As unevenly distributed as a language, and no line is a word's end.
    assert 0.5 < sum(count for _, count in counts.most_common(100)) / len(words) < 0.7
    assert {len(line.split()) for line in text.splitlines()[:-1]} == {20}


def test_a_growing_text_depends_on_its_seed_alone(tmp_path: Path) -> None:
    contents = []
    for seed in (1, 1, 2):
        write_growing_text(tmp_path / "text.txt", 10_000, seed=seed)
        contents.append((tmp_path / "text.txt").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_zipf_text_draws_from_the_words_that_every_word_lists() -> None:
    words = every_word(500).split()
    assert len(set(words)) == len(words) == 500
    drawn = Counter(zipf_text(20_000, words=500).split())
    assert set(drawn) <= set(words)
    assert [word for word, _ in drawn.most_common(3)] == words[:3]


def test_reviews_are_different_texts_of_200_words() -> None:
    texts = reviews(50)
    assert len(set(texts)) == 50
    assert {len(text.split()) for text in texts} == {200}
