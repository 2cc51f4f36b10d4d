"""Presage, the predictor of words that Debian ships, as a keyboard: `apt-get install presage`.

Its own tools count the trigrams of the same text, and it suggests three words while the text is
typed key by key. It learns nothing while it suggests, but remembers recent words, as
foretell's cache does.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from foretell.ngrams.suggestions import SUGGESTIONS
from foretell.text.tokenizer import Tokenizer, keys_of

CONFIGURATION = Path("/etc/presage.xml")
LONGEST = 3
"""Words of the longest n-grams."""

_OPTIONS = {
    "PREDICTORS": "DefaultSmoothedNgramPredictor DefaultRecencyPredictor",
    "ONLINE_LEARNING": "no",
    "REPEAT_SUGGESTIONS": "yes",
    "LOWERCASE_MODE": "no",
}


class Presage:
    """A process of Presage that has learned from some texts.

    Args:
        texts: the files.
        folder: where its n-grams and its configuration are written.
    """

    def __init__(self, texts: Sequence[Path], folder: Path) -> None:
        database = (folder / "ngrams.db").resolve()
        database.unlink(missing_ok=True)
        for words in range(1, LONGEST + 1):
            command = ["text2ngram", "-n", str(words), "-f", "sqlite", "-a", "-o", str(database)]
            subprocess.run([*command, *map(str, texts)], check=True, stdout=subprocess.DEVNULL)
        configuration = CONFIGURATION.read_text(encoding="utf-8")
        for name, value in _OPTIONS.items():
            configuration = re.sub(f"<{name}>.*?<", f"<{name}>{value}<", configuration)
        configuration = re.sub(">.*database_en.db<", f">{database}<", configuration)
        path = folder / "presage.xml"
        path.write_text(configuration, encoding="utf-8")
        self._process = subprocess.Popen(
            ["presage_demo_text", "-c", str(path), "-s", str(SUGGESTIONS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # At the end of its input it goes on for ever.
        self._process.kill()
        self._process.wait()

    def typed(self, keys: str) -> list[str]:
        """Return the words that are suggested after these keys."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{keys}\n")
        self._process.stdin.flush()
        words = []
        for line in self._process.stdout:
            if "-- Context:" in line:
                break
            words.append(line.removeprefix(">").strip())
        return words


def keystrokes_saved(presage: Presage, lines: Sequence[str]) -> float:
    """Return the share of keys that are saved, as `foretell.ngrams.suggestions` defines it."""
    tokenizer = Tokenizer.without_words("words", lowercase=False)
    typed = 0
    without = 0
    for line in lines:
        spans = tokenizer.encode_with_offsets(line)
        starts = [start for _, start, _ in spans] + [len(line)]
        suggested = presage.typed(" ")
        for place, (_, start, end) in enumerate(spans):
            word = line[start:end]
            cost = keys_of(word)
            keys = cost
            sent = 0
            if cost > 1:
                while word not in suggested and sent < len(word):
                    suggested = presage.typed(word[sent])
                    sent += 1
                keys = min(cost, sent + 1)
            suggested = presage.typed(line[start + sent : starts[place + 1]])
            typed += keys
            without += cost
    return 1 - typed / without
