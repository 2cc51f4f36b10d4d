"""The vocabulary beside an array of word vectors: which word each row belongs to.

For vectors in `NAME.npy` or `NAME.safetensors` it is the first of these files in the same folder:
`NAME.vocab.txt`, `NAME.vocab`, `NAME.txt`, `NAME.vocab.json`, `NAME.json`, `vocab.txt`, `words.txt`,
`vocab.json`, `tokenizer.json`.

Text has one word a line in the order of the rows, where a tab or space and a count may follow. JSON has a
list of words, or an object from words to rows. `tokenizer.json` is Hugging Face's, which model2vec saves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foretell.data.decode import open_text
from foretell.errors import DataError

TOKENIZER = "tokenizer.json"
_OF_NAME = (".vocab.txt", ".vocab", ".txt", ".vocab.json", ".json")
_OF_FOLDER = ("vocab.txt", "words.txt", "vocab.json", TOKENIZER)


def find_vocabulary(path: Path) -> Path:
    """Return the vocabulary file that belongs to an array.

    Raises:
        DataError: none of the files is there.
    """
    beside = [path.with_name(path.stem + ending) for ending in _OF_NAME]
    common = [path.with_name(name) for name in _OF_FOLDER]
    for candidate in beside + common:
        if candidate.is_file():
            return candidate
    names = ", ".join(candidate.name for candidate in beside + common)
    raise DataError(
        expected="a vocabulary beside the vectors",
        found="none",
        where=str(path),
        fix=f"write one word a line in the order of the rows to {beside[0].name} (also read: {names})",
    )


def vocabulary_words(path: Path) -> Iterator[str]:
    """Return the words of a vocabulary in the order of the rows; text is read lazily.

    Raises:
        DataError: not such a vocabulary.
    """
    return iter(_json_words(path)) if path.suffix == ".json" else _text_words(path)


def _text_words(path: Path) -> Iterator[str]:
    with open_text(path) as source:
        for line in source.stream:
            yield line.rstrip("\n").partition("\t")[0].partition(" ")[0]


def _json_words(path: Path) -> list[str]:
    try:
        content: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _not_a_vocabulary(path, f"no valid JSON ({error!s:.60})") from error
    if path.name == TOKENIZER:
        model = content.get("model") if isinstance(content, dict) else None
        content = model.get("vocab") if isinstance(model, dict) else None
        # Unigram models have pairs of a word and its score.
        if isinstance(content, list):
            content = [pair[0] if isinstance(pair, list) and pair else pair for pair in content]
    if isinstance(content, dict):
        content = _in_order(content, path)
    if not isinstance(content, list) or not all(isinstance(word, str) for word in content):
        raise _not_a_vocabulary(path, "JSON of another kind")
    return content


def _in_order(row_of_word: dict[str, Any], path: Path) -> list[str]:
    rows = list(row_of_word.values())
    if not all(type(row) is int for row in rows) or sorted(rows) != list(range(len(rows))):
        raise _not_a_vocabulary(path, "an object whose values are not the rows 0, 1, 2, …, each once")
    return sorted(row_of_word, key=row_of_word.__getitem__)


def _not_a_vocabulary(path: Path, what: str) -> DataError:
    return DataError(
        expected="a list of words, or an object from words to rows",
        found=what,
        where=str(path),
        fix="write one word a line to a .vocab.txt file",
    )
