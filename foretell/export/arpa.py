"""The export `arpa`: the Kneser–Ney model of a language model alone, checked by reading it back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from foretell.artifacts.model import Model
from foretell.errors import ArtifactError, UsageError
from foretell.ngrams.arpa import arpa_lines, arpa_log, named, read_arpa

FILE = "model.arpa"
TOLERANCE = 1e-5
"""The largest difference of a probability that is read back; a logarithm has seven digits."""

README = """# The Kneser–Ney model of a foretell model, in the ARPA format

`model.arpa` has the n-grams, without the network: its probabilities are those of foretell's
Kneser–Ney model for the words of a line. It was compared with that model when it was written.

The words of a line are its tokens by `tokenizer.json`, separated by spaces. With KenLM
(`pip install kenlm tokenizers`), in this folder:

```python
import kenlm
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
words = tokenizer.encode("The mind").tokens
print(kenlm.Model("model.arpa").score(" ".join(words), bos=True, eos=False))
```

`model.json` has the size and SHA-256 of each file.
"""


def content(model: Model) -> dict[str, bytes]:
    """Return the file of a model, by its name.

    Raises:
        UsageError: it has no Kneser–Ney model, or its tokens are parts of words.
    """
    if model.kneser_ney is None or model.tokenizer.is_open:
        raise UsageError(
            "a language model with a Kneser–Ney model of words",
            f"{model.job} without one" if model.kneser_ney is None else "parts of words",
            where="format arpa",
            fix="train one with foretell train words --kneser-ney --tokens words",
        )
    lines = arpa_lines(model.kneser_ney, _words(model), model.tokenizer.end_of_line)
    return {FILE: "\n".join(lines).encode()}


def _words(model: Model) -> list[str]:
    return [model.tokenizer.word(id) for id in range(model.tokenizer.size)]


def difference(folder: Path, model: Model, texts: Sequence[str]) -> float:
    """Return the largest difference between the probabilities of the file, and of the model, of
    the words of texts.

    Raises:
        ArtifactError: it is too large.
    """
    assert model.kneser_ney is not None
    words = _words(model)
    end = model.tokenizer.end_of_line
    order = model.kneser_ney.order
    # Each word with the words before it.
    grams = []
    for text in texts:
        ids = model.tokenizer.encode(text)
        if end is not None:
            ids = [end, *ids, end]
        grams += [ids[max(0, stop - order) : stop] for stop in range(2, len(ids) + 1)]
    names = [tuple(named(gram, words, end)) for gram in grams]
    wanted = {gram[a:b] for gram in names for a, b in combinations(range(len(gram) + 1), 2)}
    # A word may hold characters at which Python, unlike the readers of the format, ends a line.
    with (folder / FILE).open(encoding="utf-8", newline="\n") as file:
        entries = read_arpa(file, wanted)
    read = [10 ** arpa_log(entries, gram[:-1], gram[-1]) for gram in names]
    expected = [model.kneser_ney.probabilities(np.array(gram))[0][-1] for gram in grams]
    largest = float(np.abs(np.subtract(read, expected)).max())
    if not largest <= TOLERANCE:
        raise ArtifactError(
            f"probabilities within {TOLERANCE} of the Kneser–Ney model's",
            f"a difference of {largest:.2g}",
            where=FILE,
            fix="nothing was written; report this with the output of foretell doctor",
        )
    return largest
